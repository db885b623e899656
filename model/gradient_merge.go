package model

import (
	"errors"
	"slices"
)

var errMerge = errors.New("models of different options do not merge")

// Merge adds what another Gradient of the same options learned from other examples. Sums add up exactly; a weight becomes
// the mean of both, each counted by how much it is based on. Merging is symmetric up to the last bits, but is not what one
// learner would have made of all the examples.
func (g *Gradient) Merge(o *Gradient) error {
	if g.opts != o.opts {
		return errMerge
	}
	g.settled.merge(o.settled)
	theirs := slices.Clone(o.open.list) // o may be g
	for i := range theirs {
		if !theirs[i].gone {
			g.open.add(theirs[i], g.opts.MaxOpen)
		}
	}
	g.tails.merge(&o.tails)
	g.live = nil
	g.skipped += o.skipped
	return nil
}

func (s *gradientState) merge(o *gradientState) {
	s.moments.merge(&o.moments)
	s.weights.merge(&o.weights)
	s.totals.merge(o.totals)
	s.errors += o.errors
	s.norm += o.norm
	s.gain += o.gain
	s.gap += o.gap
}

func (t *table) merge(o *table) {
	others := slices.Clone(o.pages) // o may be t
	for i, from := range others {
		if from.cells == ([pageSize]cell{}) {
			continue
		}
		p := t.pages[i]
		if p.epoch != t.epoch {
			p = t.own(i)
		}
		for j, b := range from.cells {
			p.cells[j].merge(b)
		}
	}
}

func (c *cell) merge(b cell) {
	if sum := c.g + b.g; sum > 0 {
		ours, theirs := c.g/sum, b.g/sum
		c.w = float64(c.w*ours) + float64(b.w*theirs)
		c.a = float64(c.a*ours) + float64(b.a*theirs)
		c.g = sum
	}
}
