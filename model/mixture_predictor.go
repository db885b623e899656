package model

import (
	"fmt"
	"math"
	"sync"

	"github.com/nextbest/nextbest/features"
)

// mixturePredictor is a mixture at one moment. It is immutable, unless it is the one that follows its mixture.
type mixturePredictor struct {
	context, action *features.View
	actions         numbering
	design          designView
	opinions        []opinion
	shared          *posterior // of the shared member
	recent          recents
	counts          counts
	noise           float64 // variance
	defaultReward   float64
	events          uint64
	deviation       float64
	scratch         *sync.Pool // of *scoring
}

// opinion is what one member says, with its weight in the scores.
type opinion struct {
	member *member // what of it never changes: its kind, whether it is shared, what it keeps
	weight float64
	blocks []*posterior // by number; nil without an example
	spread []float64    // the prior variances of the weights
}

// leastWeight is the weight below which a member is not asked: its cost is as that of any other.
const leastWeight = 0.1

// Predictor implements Estimator.
func (m *Mixture) Predictor() (Predictor, error) {
	p := &mixturePredictor{scratch: new(sync.Pool)}
	if err := m.fill(p); err != nil {
		return nil, err
	}
	m.lend(p)
	return p, p.validate()
}

// fill makes p the mixture's present state. p shares the mixture's memory.
func (m *Mixture) fill(p *mixturePredictor) error {
	m.sync()
	p.context, p.action = m.context.View(), m.action.View()
	p.actions = m.actions
	m.design.view(&p.design)
	p.recent, p.counts = m.recent, m.events
	p.noise, p.defaultReward = m.noiseVariance(m.all()), m.opts.DefaultReward
	p.events = uint64(max(0, m.settled.examples+m.open.examples))
	p.deviation = m.deviation()
	return m.fillOpinions(p)
}

// deviation returns the standard deviation of all rewards, provisional ones too.
func (m *Mixture) deviation() float64 { return m.all().deviation() }

func (m *Mixture) all() *totals {
	all := m.settled
	all.merge(m.open)
	return &all
}

func (m *Mixture) fillOpinions(p *mixturePredictor) error {
	p.opinions, p.shared = p.opinions[:0], nil
	weights := m.weights()
	total := 0.0
	for i, k := range m.members {
		if weights[i] < leastWeight && !k.shared || weights[i] == 0 {
			continue
		}
		o := opinion{member: k, weight: weights[i], spread: k.ridge.spread, blocks: m.blocksOf(p, i)}
		if err := k.ridge.currents(&o.blocks); err != nil {
			return err
		}
		if k.shared && len(o.blocks) > 0 {
			p.shared = o.blocks[0]
		}
		if weights[i] >= leastWeight {
			total += weights[i]
			p.opinions = append(p.opinions, o)
		}
	}
	for i := range p.opinions {
		p.opinions[i].weight /= total
	}
	return nil
}

// blocksOf returns the memory that the predictor's opinion of a member had before, to be written again.
func (m *Mixture) blocksOf(p *mixturePredictor, i int) []*posterior {
	for _, o := range p.opinions[:cap(p.opinions)] {
		if o.member == m.members[i] {
			return o.blocks[:0]
		}
	}
	return nil
}

// lend marks what p shares with the mixture as not to be written again.
func (m *Mixture) lend(p *mixturePredictor) {
	m.actions.lent, m.recent.lent, m.events.lent = true, true, true
	for _, o := range p.opinions {
		for _, b := range o.blocks {
			if b != nil {
				b.lent = true
			}
		}
	}
	if p.shared != nil {
		p.shared.lent = true
	}
}

// validate refuses weights that no finite examples give.
func (p *mixturePredictor) validate() error {
	const most = 1e200
	for _, o := range p.opinions {
		for number, b := range o.blocks {
			if b == nil {
				continue
			}
			for i, w := range b.weights {
				if !(math.Abs(w) <= most) || !(b.diagonal[i] >= 0) {
					return fmt.Errorf("fit mixture: weight %d of block %d is %g with variance %g", i, number, w, b.diagonal[i])
				}
			}
		}
	}
	return nil
}

// Events implements Predictor.
func (p *mixturePredictor) Events() uint64 { return p.events }

// RewardDeviation implements Predictor.
func (p *mixturePredictor) RewardDeviation() float64 { return p.deviation }

// scoring is the scratch memory of one Estimate.
type scoring struct {
	rows   rows
	terms  []features.Term
	action []features.Term
	order  []int
	index  []float64
}

// asked is how many candidates, the most promising ones, have their variance computed in full, at d² each; the others'
// is as if weights were independent, at d.
const asked = 4

// promise is the width of the bounds by which candidates are promising, in deviations of the mean.
const promise = DefaultOptimism

// Estimate implements Predictor.
func (p *mixturePredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	s, _ := p.scratch.Get().(*scoring)
	if s == nil {
		s = new(scoring)
	}
	defer p.scratch.Put(s)
	s.terms = p.context.Append(s.terms[:0], context)
	p.design.standardise(contextTerms, s.terms)
	s.rows.setContext(&p.design, s.terms, len(p.design.columns))
	s.rows.squared()
	first := len(dst)
	for i := range candidates {
		dst = append(dst, p.estimate(s, &candidates[i], false))
	}
	s.refine(p, dst[first:], candidates)
	return dst
}

// refine computes the variance of the most promising candidates in full, and scales the others' by what that changed.
func (s *scoring) refine(p *mixturePredictor, es []Estimate, candidates []Candidate) {
	order := s.promising(es)
	rough, full := 0.0, 0.0
	for _, i := range order[:min(asked, len(order))] {
		rough += es[i].Variance
		es[i] = p.estimate(s, &candidates[i], true)
		full += es[i].Variance
	}
	if len(order) <= asked || !(rough > 0) {
		return
	}
	for _, i := range order[asked:] {
		es[i].Variance *= full / rough
	}
}

// estimate returns what the opinions come to: the weighted mean of their means and of their deviations, in full or as if
// weights were independent.
func (p *mixturePredictor) estimate(s *scoring, c *Candidate, full bool) Estimate {
	if p.design.varies {
		s.action = p.action.Append(s.action[:0], c.Features)
		p.design.standardise(actionTerms, s.action)
		s.rows.setAction(s.action)
		s.rows.squared()
	}
	number := p.actions.of(c.ID)
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
	return Estimate{
		Mean:     p.defaultReward + mean,
		Variance: float64(deviation*deviation) * p.noise,
		Events:   max(p.counts.of(number), worth(float64(deviation*deviation))),
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
	if number >= len(o.blocks) || o.blocks[number] == nil {
		return shared, o.priorVariance(squares)
	}
	b := o.blocks[number]
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
	n := min(len(squares), len(o.spread))
	return dot(squares[:n], o.spread)
}

// promising returns the indices of the estimates, those of the highest optimistic ones first.
func (s *scoring) promising(es []Estimate) []int {
	s.order, s.index = s.order[:0], s.index[:0]
	for i := range es {
		s.order = append(s.order, i)
		s.index = append(s.index, es[i].Mean+float64(promise*math.Sqrt(es[i].Variance)))
	}
	if len(es) > asked {
		for k := range asked {
			for i := k + 1; i < len(s.order); i++ {
				if s.index[s.order[i]] > s.index[s.order[k]] {
					s.order[i], s.order[k] = s.order[k], s.order[i]
				}
			}
		}
	}
	return s.order
}
