package model

import (
	"math"
	"slices"
)

// counts are how many examples were learned from, by action number, provisional ones included.
type counts struct {
	own  []int64
	lent bool
}

func (c *counts) add(number int, weight float64) {
	if c.lent {
		c.own, c.lent = slices.Clone(c.own), false
	}
	for len(c.own) <= number {
		c.own = append(c.own, 0)
	}
	if weight < 0 {
		c.own[number]--
	} else {
		c.own[number]++
	}
}

func (c *counts) of(number int) uint64 {
	if number >= len(c.own) {
		return 0
	}
	return uint64(max(0, c.own[number]))
}

// noise is the running mean square of what was not foreseen, over the last thousand or so settled examples.
type noise struct{ weight, squares float64 }

const noiseKept = 0.999

func (n *noise) add(residual float64) {
	n.weight = float64(noiseKept*n.weight) + 1
	n.squares = float64(noiseKept*n.squares) + float64(residual*residual)
}

func (n *noise) variance() float64 {
	if n.weight == 0 {
		return 0
	}
	return n.squares / n.weight
}

// recents are running means of recent surprises, by action number and over all, in deviations of the noise.
type recents struct {
	own  [][2]float64
	all  [2]float64
	lent bool
}

const (
	recentFast = 0.4  // over about the last 2 examples
	recentSlow = 0.06 // over about the last 16
)

func (r *recents) of(number int) recent {
	v := recent{2: r.all[0], 3: r.all[1]}
	if number < len(r.own) {
		v[0], v[1] = r.own[number][0], r.own[number][1]
	}
	return v
}

func (r *recents) add(number int, surprise, variance float64) {
	if !(variance > 0) {
		return
	}
	s := min(max(surprise/math.Sqrt(variance), -maxDeviations), maxDeviations)
	if r.lent {
		r.own, r.lent = slices.Clone(r.own), false
	}
	for len(r.own) <= number {
		r.own = append(r.own, [2]float64{})
	}
	for _, v := range []*[2]float64{&r.own[number], &r.all} {
		v[0] += float64(recentFast * (s - v[0]))
		v[1] += float64(recentSlow * (s - v[1]))
	}
}
