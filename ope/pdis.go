package ope

import "math"

// PDIS holds an empirical likelihood for each slot of slates, with the importance weight of the actions that the slot's reward
// is taken to depend on (per-decision importance sampling: Precup, Sutton, Singh, Eligibility traces for off-policy policy
// evaluation, 2000, as VowpalWabbit/estimators combines it with Cressie-Read). Make one with NewPDIS.
type PDIS struct {
	weights, rewards Range
	slots            []*CressieRead
	slates           exactSum
}

// NewPDIS takes the range of the weight of a single choice, from below 1 to above 1 and perhaps to infinity: a slot's is that to
// the power of how many choices there are up to it. Rewards are as in NewCressieRead, of slots.
func NewPDIS(weights, rewards Range) *PDIS { return &PDIS{weights: weights, rewards: rewards} }

// Add adds a slate that stands for count slates, with the weights of its slots' terms.
func (p *PDIS) Add(terms []Terms, slate []SlateRow, count float64) {
	p.slates.add(count)
	for l := range slate {
		if l == len(p.slots) {
			power := float64(l + 1)
			weights := Range{math.Pow(p.weights.Least, power), math.Pow(p.weights.Most, power)}
			p.slots = append(p.slots, NewCressieRead(weights, p.rewards))
		}
		p.slots[l].Add(terms[l].Weight*count, slate[l].Reward, count)
	}
}

// Value returns the estimate Σ_l N_l/N · v_l in reward per slate, with v_l that of the N_l slates that have a slot l; NaN where
// nothing was added.
func (p *PDIS) Value() float64 {
	if len(p.slots) == 0 {
		return math.NaN()
	}
	value := 0.0
	for l, s := range p.slots {
		value += p.share(l) * s.Value()
	}
	return value
}

// Slot returns the value that one slot adds, in reward per slate, and its own interval that misses with probability alpha.
func (p *PDIS) Slot(l int, alpha float64) (value float64, i Interval) {
	share := p.share(l)
	i = p.slots[l].Interval(alpha)
	return share * p.slots[l].Value(), Interval{share * i.Lower, share * i.Upper, i.Method}
}

func (p *PDIS) share(l int) float64 { return p.slots[l].n.value() / p.slates.value() }

// Interval returns the sum of the slots' intervals, each of which misses with an equal part of alpha: so it holds however slots of
// a slate depend on each other (Bonferroni), with the lengths of the slates taken as they are.
func (p *PDIS) Interval(alpha float64) Interval {
	sum := Interval{Method: "cressie_read"}
	for l := range p.slots {
		_, i := p.Slot(l, alpha/float64(len(p.slots)))
		sum.Lower, sum.Upper = sum.Lower+i.Lower, sum.Upper+i.Upper
	}
	if len(p.slots) == 0 {
		return everything(sum.Method)
	}
	return sum
}
