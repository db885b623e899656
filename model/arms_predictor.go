package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// armsPredictor is the sums of all examples by action, and what they say together.
type armsPredictor struct {
	defaultReward   float64
	arms            numbering
	cells           []armCell // by number; those at the end that have no example may be left out
	examples, other int64
	pool            pool
	deviation       float64
}

func (a *Arms) predictor() *armsPredictor {
	p := &armsPredictor{
		defaultReward: a.opts.DefaultReward,
		arms:          a.arms,
		cells:         make([]armCell, max(len(a.settled.cells), len(a.provisional.cells))),
		examples:      a.settled.examples + a.provisional.examples,
		other:         a.settled.other + a.provisional.other,
	}
	for _, s := range [2]*armSums{&a.settled, &a.provisional} {
		for i, c := range s.cells {
			p.cells[i].add(c)
		}
	}
	p.pool, p.deviation = newPool(p.cells, p.defaultReward), deviation(p.cells)
	return p
}

// Estimate implements Predictor.
func (p *armsPredictor) Estimate(dst []Estimate, _ features.Set, candidates []Candidate) []Estimate {
	binary := p.other == 0 && p.defaultReward >= 0 && p.defaultReward <= 1
	for i := range candidates {
		c := armCell{}
		if number := p.arms.of(candidates[i].ID); number < len(p.cells) {
			c = p.cells[number]
		}
		if binary {
			dst = append(dst, p.pool.binary(c))
		} else {
			dst = append(dst, p.pool.normal(c))
		}
		dst[len(dst)-1].Events = uint64(max(0, c.weight))
	}
	return dst
}

// Events implements Predictor.
func (p *armsPredictor) Events() uint64 { return uint64(max(0, p.examples)) }

// RewardDeviation implements Predictor.
func (p *armsPredictor) RewardDeviation() float64 { return p.deviation }

// deviation returns the standard deviation of all rewards, 0 before there are two.
func deviation(cells []armCell) float64 {
	all := armCell{}
	for _, c := range cells {
		all.add(c)
	}
	if !(all.weight > 1) {
		return 0
	}
	return math.Sqrt(all.scatter() / all.weight)
}

// armsLive makes a predictor when it is asked after a change.
type armsLive struct{ a *Arms }

func (l armsLive) now() *armsPredictor {
	if l.a.live == nil {
		l.a.live = l.a.predictor()
	}
	return l.a.live
}

// Estimate implements Predictor.
func (l armsLive) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	return l.now().Estimate(dst, context, candidates)
}

// Events implements Predictor.
func (l armsLive) Events() uint64 { return l.now().Events() }

// RewardDeviation implements Predictor.
func (l armsLive) RewardDeviation() float64 { return l.now().RewardDeviation() }

// AppendBinary implements Predictor.
func (l armsLive) AppendBinary(b []byte) ([]byte, error) { return l.now().AppendBinary(b) }
