package model

import (
	"fmt"

	"github.com/nextbest/nextbest/features"
)

// bootstrapPredictor is one predictor per replicate.
type bootstrapPredictor struct {
	replicated []Predictor
	all        totals
}

// Predictor implements Estimator.
func (b *Bootstrap) Predictor() (Predictor, error) {
	p := &bootstrapPredictor{all: b.all()}
	for i, r := range b.replicates {
		one, err := r.Predictor()
		if err != nil {
			return nil, fmt.Errorf("replicate %d: %w", i, err)
		}
		p.replicated = append(p.replicated, one)
	}
	return p, nil
}

func (b *Bootstrap) all() totals {
	all := b.settled
	all.merge(b.provisional)
	return all
}

// Estimate implements Predictor.
func (p *bootstrapPredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	scores, n := p.replicates(context, candidates), len(p.replicated)
	for i := range candidates {
		e := summary(scores[i*n : (i+1)*n : (i+1)*n])
		e.Events = evenly(int64(p.Events()), len(candidates))
		dst = append(dst, e)
	}
	return dst
}

// replicates returns every replicate's expected reward of every candidate, those of one candidate together.
func (p *bootstrapPredictor) replicates(context features.Set, candidates []Candidate) []float64 {
	var room [64]Estimate
	n := len(p.replicated)
	scores, es := make([]float64, n*len(candidates)), room[:0]
	for j, r := range p.replicated {
		es = r.Estimate(es[:0], context, candidates)
		for i := range es {
			scores[i*n+j] = es[i].Mean
		}
	}
	return scores
}

// summary is the mean and the variance of one candidate's scores, which it keeps.
func summary(scores []float64) Estimate {
	sum, squares, n := 0.0, 0.0, float64(len(scores))
	for _, s := range scores {
		sum += s
	}
	for _, s := range scores {
		squares += float64((s - sum/n) * (s - sum/n))
	}
	return Estimate{Mean: sum / n, Variance: squares / (n - 1), Replicates: scores}
}

// Events implements Predictor.
func (p *bootstrapPredictor) Events() uint64 { return uint64(max(0, p.all.examples)) }

// RewardDeviation implements Predictor.
func (p *bootstrapPredictor) RewardDeviation() float64 { return p.all.deviation() }

// Live returns a predictor that is always at what was learned last, without a copy. It is for the goroutine that calls
// the Bootstrap's other methods.
func (b *Bootstrap) Live() Predictor {
	l := bootstrapLive{b: b}
	for _, r := range b.replicates {
		l.now.replicated = append(l.now.replicated, r.Live())
	}
	return l
}

type bootstrapLive struct {
	b   *Bootstrap
	now bootstrapPredictor // its sums are not kept
}

// Estimate implements Predictor.
func (l bootstrapLive) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	return l.now.Estimate(dst, context, candidates)
}

// Events implements Predictor.
func (l bootstrapLive) Events() uint64 { return uint64(max(0, l.b.all().examples)) }

// RewardDeviation implements Predictor.
func (l bootstrapLive) RewardDeviation() float64 {
	all := l.b.all()
	return all.deviation()
}
