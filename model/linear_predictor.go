package model

import (
	"fmt"
	"math"

	"github.com/nextbest/nextbest/features"
)

// linearPredictor holds weights over raw terms, so that a prediction is a sparse dot product.
type linearPredictor struct {
	context, action *features.View
	numbers         map[string]int32
	ids             []string    // by number - 1
	blocks          [][]float64 // weights over context terms by block; [0] is for actions without one
	shared          []float64   // weights over action terms
	events          uint64
	deviation       float64
	posterior       *posterior // nil unless variances are asked for
}

// Predictor implements Estimator. After one more example, only that example's block and the shared system are solved
// again, unless the example moved a scale.
func (l *Linear) Predictor() (Predictor, error) {
	f, err := l.refit()
	if err != nil {
		return nil, err
	}
	l.lent = true
	p := &linearPredictor{
		context: l.context.View(),
		action:  l.action.View(),
		numbers: l.numbers,
		ids:     l.ids[:len(l.ids):len(l.ids)],
		events:  uint64(max(0, l.settled.examples+l.provisional.examples)),
	}
	if f.weight > 1 {
		mean := f.reward / f.weight
		p.deviation = math.Sqrt(max(0, f.squares/f.weight-float64(mean*mean)))
	}
	dim := len(f.context.info)
	p.shared = append([]float64{0}, f.shared[dim:]...)
	f.action.weights(p.shared) // what centring leaves in place 0 belongs to the intercept
	for number := range len(l.ids) + 1 {
		var b *blockFit
		if number < len(f.blocks) {
			b = f.blocks[number]
		}
		w := f.weightsOf(b)
		f.context.weights(w)
		w[0] += p.shared[0] + l.opts.DefaultReward
		p.blocks = append(p.blocks, w)
	}
	p.shared[0] = 0
	if l.opts.Variance {
		p.posterior = &posterior{f}
	}
	return p, p.validate()
}

// validate refuses weights that no finite examples give.
func (p *linearPredictor) validate() error {
	const most = 1e200
	check := func(name string, ws []float64) error {
		for j, w := range ws {
			if !(math.Abs(w) <= most) {
				return fmt.Errorf("fit linear model: weight %d of %s is %g", j, name, w)
			}
		}
		return nil
	}
	for number, ws := range p.blocks {
		if err := check(fmt.Sprintf("block %d", number), ws); err != nil {
			return err
		}
	}
	return check("the action features", p.shared)
}

// Estimate implements Predictor.
func (p *linearPredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	var zs, fs [64]features.Term // enough for most loops; more is allocated
	z := p.context.Append(zs[:0], context)
	for i := range candidates {
		w := p.blocks[p.numbers[candidates[i].ID]]
		e := Estimate{}
		for _, t := range z {
			e.Mean += float64(w[t.Index] * t.Value)
		}
		f := p.action.Append(fs[:0], candidates[i].Features)
		for _, t := range f {
			e.Mean += float64(p.shared[t.Index] * t.Value)
		}
		if p.posterior != nil {
			e.Variance = p.posterior.variance(int(p.numbers[candidates[i].ID]), z, f)
		}
		dst = append(dst, e)
	}
	return dst
}

// Events implements Predictor.
func (p *linearPredictor) Events() uint64 { return p.events }

// RewardDeviation implements Predictor.
func (p *linearPredictor) RewardDeviation() float64 { return p.deviation }
