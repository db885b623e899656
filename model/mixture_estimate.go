package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// scoring is the scratch memory of one Estimate.
type scoring struct {
	rows    rows
	terms   []features.Term
	action  []features.Term
	numbers []int32 // of the candidates; at first those of the last Estimate's
	recents []recent
	scores  []scored
}

// Estimate implements Predictor.
func (p *mixturePredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	s := p.scoring(context)
	defer p.scratch.Put(s)
	p.number(s, candidates)
	first := len(dst)
	dst = append(dst, make([]Estimate, len(candidates))...)
	es := dst[first:]
	if p.design.varies {
		for i := range candidates {
			es[i] = p.estimate(s, &candidates[i], int(s.numbers[i]), false)
		}
	} else {
		p.estimateAlike(s, es)
	}
	p.refine(s, es, candidates)
	return dst
}

// scoring returns scratch memory with the context's rows.
func (p *mixturePredictor) scoring(context features.Set) *scoring {
	s, _ := p.scratch.Get().(*scoring)
	if s == nil {
		s = new(scoring)
	}
	s.terms = p.context.Append(s.terms[:0], context)
	p.design.standardise(contextTerms, s.terms)
	s.rows.setContext(&p.design, s.terms, len(p.design.columns))
	s.rows.squared()
	return s
}

// number finds the candidates' numbers. Mostly requests have the same candidates in the same order.
func (p *mixturePredictor) number(s *scoring, candidates []Candidate) {
	s.numbers = resized(s.numbers, len(candidates))
	for i := range candidates {
		s.numbers[i] = p.actions.find(candidates[i].ID, s.numbers[i])
	}
}

// estimateAlike writes what estimate returns for candidates without features, roughly: their rows differ by what is
// recent alone, so that each opinion scores all of them at once.
func (p *mixturePredictor) estimateAlike(s *scoring, es []Estimate) {
	s.recents, s.scores = resized(s.recents, len(es)), resized(s.scores, len(es))
	for i, number := range s.numbers {
		s.recents[i] = p.recent.of(int(number))
	}
	for i := range p.opinions {
		o := &p.opinions[i]
		o.score(s)
		for j, e := range s.scores {
			es[j].Mean += float64(o.weight * e.mean)
			if e.variance > 0 {
				es[j].Variance += float64(o.weight * math.Sqrt(e.variance)) // the deviation, for now
			}
		}
	}
	for i := range es {
		es[i] = p.sum(es[i].Mean, es[i].Variance, int(s.numbers[i]))
	}
}

// score writes the opinion's means and rough variances of the numbered candidates.
func (o *opinion) score(s *scoring) {
	k, recents := o.member.kind, s.recents
	if k != trackedRow {
		recents = nil
	}
	score(s.scores, o.known.scores, s.numbers, recents, s.rows.x[k], s.rows.square[k])
}

// asked is how many candidates, the most promising ones, have their variance computed in full, at d² each; the others'
// is as if weights were independent, at d.
const asked = 4

// promise is the width of the bounds by which candidates are promising, in deviations of the mean.
const promise = DefaultOptimism

// refine computes the variance of the most promising candidates in full, and scales the others' by what that changed.
func (p *mixturePredictor) refine(s *scoring, es []Estimate, candidates []Candidate) {
	var asking [asked]int
	rough, full := 0.0, 0.0
	var refined [asked]Estimate
	n := promising(&asking, es)
	for k, i := range asking[:n] {
		refined[k] = p.estimate(s, &candidates[i], int(s.numbers[i]), true)
		rough += es[i].Variance
		full += refined[k].Variance
	}
	if len(es) > asked && rough > 0 {
		ratio := full / rough
		for i := range es {
			es[i].Variance *= ratio
		}
	}
	for k, i := range asking[:n] {
		es[i] = refined[k]
	}
}

// promising finds the estimates of the highest optimistic means, the highest first, and returns how many.
func promising(best *[asked]int, es []Estimate) (n int) {
	var index [asked]float64
	for i := range es {
		x := es[i].Mean + float64(promise*math.Sqrt(es[i].Variance))
		if n == asked && !(x > index[asked-1]) {
			continue
		}
		n = min(n+1, asked)
		at := n - 1
		for ; at > 0 && x > index[at-1]; at-- {
			best[at], index[at] = best[at-1], index[at-1]
		}
		best[at], index[at] = i, x
	}
	return n
}

// estimate returns what the opinions come to: the weighted mean of their means and of their deviations, in full or as if
// weights were independent.
func (p *mixturePredictor) estimate(s *scoring, c *Candidate, number int, full bool) Estimate {
	if p.design.varies {
		s.action = p.action.Append(s.action[:0], c.Features)
		p.design.standardise(actionTerms, s.action)
		s.rows.setAction(s.action)
		s.rows.squared()
	}
	s.rows.setRecent(p.recent.of(number))
	shared := 0.0
	if p.shared != nil {
		shared = p.shared.mean(s.rows.x[sharedRow])
	}
	mean, deviation := 0.0, 0.0
	for i := range p.opinions {
		o := &p.opinions[i]
		m, v := o.of(&s.rows, number, shared, full)
		mean += float64(o.weight * m)
		deviation += float64(o.weight * math.Sqrt(v))
	}
	return p.sum(mean, deviation, number)
}

// sum returns the estimate of an action's mean relative to the default reward, with its deviation in units of the noise's.
func (p *mixturePredictor) sum(mean, deviation float64, number int) Estimate {
	variance := float64(deviation * deviation)
	return Estimate{
		Mean:     p.defaultReward + mean,
		Variance: variance * p.noise,
		Events:   max(p.counts.of(number), worth(variance)),
	}
}

// worth returns as how many events of its own an action is known, when what it shares with others leaves its mean that
// variance, in units of the noise's.
func worth(variance float64) uint64 {
	const most = 1e9
	if !(variance > 1/most) {
		return most
	}
	return uint64(1 / variance)
}

// of returns a member's mean and its variance in units of the noise's.
func (o *opinion) of(r *rows, number int, shared float64, full bool) (mean, v float64) {
	number = o.member.number(number)
	x, squares := r.x[o.member.kind], r.square[o.member.kind]
	known := o.known.posteriors
	if number >= len(known) || known[number] == nil {
		return shared, o.priorVariance(squares)
	}
	b := known[number]
	mean = b.mean(x)
	if full {
		v = b.variance(x)
	} else {
		v = b.roughVariance(squares)
	}
	if !o.member.shared && shared != 0 {
		mean += float64(unknownShare(v, o.priorVariance(squares)) * shared)
	}
	return mean, v
}

func (o *opinion) priorVariance(squares []float64) float64 {
	spread := o.known.spread()
	n := min(len(squares), len(spread))
	return dot(squares[:n], spread)
}
