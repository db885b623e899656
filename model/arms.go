package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// ArmsOptions are the choices of an estimator of arms. Zero values mean the defaults.
type ArmsOptions struct {
	// DefaultReward is what an action is taken to be worth before anything is known, in reward units.
	DefaultReward float64
	// MaxActions bounds the actions that are told apart, the first observed ones (100,000); the others are one more.
	MaxActions int
}

// Arms estimates the mean reward of every action, whatever the context and the actions' features: for loops that have
// none, and as what a loop that has some must beat. Actions are partially pooled: each starts from what the others say, as
// far as they agree (empirical Bayes; see pool). While all rewards are 0 or 1 estimates are posteriors of a Beta prior,
// otherwise of a normal-inverse-gamma one.
//
// What it holds are three sums per action, so that taking an example out and merging are exact, as far as the rewards'
// sums are: to the last bit for counts, clicks and other multiples of a power of two. What single rewards far beyond all
// before count for is bounded: see tails.
//
// It is an Estimator: for a single writer.
type Arms struct {
	opts                 ArmsOptions
	arms                 numbering
	settled, provisional armSums
	tails                tails
	skipped              uint64
	live                 *armsPredictor // nil when it is out of date
}

var _ Estimator = (*Arms)(nil)

// NewArms returns an Arms that has seen nothing.
func NewArms(opts ArmsOptions) *Arms {
	setDefault(&opts.MaxActions, 100_000)
	return &Arms{opts: opts}
}

// Observe implements Estimator.
func (a *Arms) Observe(_ features.Set, actions []Candidate) {
	for i := range actions {
		a.arms.add(actions[i].ID, a.opts.MaxActions)
	}
}

// Encode implements Estimator. The id is all there is to it.
func (*Arms) Encode(_ features.Set, action Candidate) Example { return Example{ActionID: action.ID} }

// Provisional implements Estimator.
func (a *Arms) Provisional(x *Example, reward, weight float64) {
	if a.acceptable(reward, weight) {
		a.provisional.add(a.arms.of(x.ActionID), a.tails.provisional(x, reward, a.opts.DefaultReward, weight), weight)
		a.live = nil
	}
}

// ClearProvisional implements Estimator.
func (a *Arms) ClearProvisional() {
	a.provisional, a.live = armSums{}, nil
	a.tails.clearProvisional()
}

// Settle implements Estimator.
func (a *Arms) Settle(x *Example, reward, weight float64) {
	if a.acceptable(reward, weight) {
		a.settled.add(a.arms.of(x.ActionID), a.tails.settle(x, reward, a.opts.DefaultReward, weight), weight)
		a.live = nil
	}
}

func (a *Arms) acceptable(reward, weight float64) bool {
	ok := math.Abs(reward) <= maxReward && math.Abs(weight) <= maxWeight // false for NaN, too
	if !ok {
		a.skipped++
	}
	return ok
}

// Skipped returns how many examples were left out because their reward or weight was not finite or absurdly large.
// Callers validate; this is the last line.
func (a *Arms) Skipped() uint64 { return a.skipped }

// Capped returns how many settled rewards counted as less than they were, being far beyond all before: see tails.
func (a *Arms) Capped() uint64 { return a.tails.capped() }

// Predictor implements Estimator. It takes a pass over the actions.
func (a *Arms) Predictor() (Predictor, error) {
	p := a.predictor()
	a.arms.lent = true
	return p, nil
}

// Merge adds what another Arms of the same default reward learned from other examples.
func (a *Arms) Merge(o *Arms) error {
	if a.opts != o.opts {
		return errMerge
	}
	for _, id := range o.arms.ids {
		a.arms.add(id, a.opts.MaxActions)
	}
	a.settled.merge(&o.settled, &o.arms, &a.arms)
	a.provisional.merge(&o.provisional, &o.arms, &a.arms)
	a.tails.merge(&o.tails)
	a.skipped += o.skipped
	a.live = nil
	return nil
}

// Live returns a predictor that is always at what was learned last. It is for the goroutine that calls the Arms' other
// methods. The first estimate after an example takes a pass over the actions.
func (a *Arms) Live() Predictor { return armsLive{a} }

// setDefault replaces an option that is not set.
func setDefault[T int | float64](x *T, value T) {
	if *x <= 0 {
		*x = value
	}
}
