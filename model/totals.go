package model

import (
	"encoding/binary"
	"math"
)

// totals are the sums over a set of examples from which the rewards' deviation comes.
type totals struct {
	examples                int64
	weight, reward, squares float64
}

func (t *totals) add(reward, weight float64) {
	if weight < 0 {
		t.examples--
	} else {
		t.examples++
	}
	t.weight += weight
	t.reward += float64(weight * reward)
	t.squares += float64(float64(weight*reward) * reward)
}

// merge adds another set's sums.
func (t *totals) merge(o totals) {
	t.examples += o.examples
	t.weight += o.weight
	t.reward += o.reward
	t.squares += o.squares
}

// deviation returns the rewards' standard deviation, 0 before there are two.
func (t *totals) deviation() float64 {
	if !(t.weight > 1) {
		return 0
	}
	mean := t.reward / t.weight
	return math.Sqrt(max(0, t.squares/t.weight-float64(mean*mean)))
}

func (t *totals) appendBinary(b []byte) []byte {
	b = binary.AppendVarint(b, t.examples)
	b = appendFloat(b, t.weight)
	b = appendFloat(b, t.reward)
	return appendFloat(b, t.squares)
}

func (d *decoder) totals() totals {
	return totals{examples: d.varint(), weight: d.float(), reward: d.float(), squares: d.float()}
}
