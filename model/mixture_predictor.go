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
	known  knowledge
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
		known, err := k.ridge.know(len(m.actions.ids) + 1)
		if err != nil {
			return err
		}
		if k.shared && len(known.posteriors) > 0 {
			p.shared = known.posteriors[0]
		}
		if weights[i] >= leastWeight {
			total += weights[i]
			p.opinions = append(p.opinions, opinion{member: k, weight: weights[i], known: *known})
		}
	}
	for i := range p.opinions {
		p.opinions[i].weight /= total
	}
	return nil
}

// lend marks what p shares with the mixture as not to be written again.
func (m *Mixture) lend(p *mixturePredictor) {
	m.actions.lent, m.recent.lent, m.events.lent = true, true, true
	for i := range p.opinions {
		o := &p.opinions[i]
		o.known = o.known.clone()
		for _, b := range o.known.posteriors {
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
		for number, b := range o.known.posteriors {
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
