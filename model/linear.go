package model

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/features"
)

// LinearOptions are the choices of a linear estimator. Zero values mean the defaults.
type LinearOptions struct {
	// DefaultReward is what an action is taken to be worth before anything is known, in reward units.
	DefaultReward float64
	// MaxContextTerms and MaxActionTerms bound the dimensions (256 each), MaxCategories the texts of one feature (64);
	// see features.EncoderOptions.
	MaxContextTerms, MaxActionTerms, MaxCategories int
	// MaxActions bounds the actions that get a block of their own, the first observed ones (1000); the others are
	// worth what their features say. A block takes up to MaxContextTerms² numbers.
	MaxActions int
	// Prior precisions over standardised terms, in units of the noise's: a weight is taken for known as well as that
	// many events would tell it. Of the weights that all actions share, over context terms (10) and over action terms
	// (1); of an action's own deviation from them, over context terms (5), and its intercept's (3).
	SharedPrecision, ActionPrecision, OwnPrecision, OwnInterceptPrecision float64
	// Variance has predictors fill Estimate.Variance, at a cost that grows with the square of the dimension.
	Variance bool
}

// Linear is Bayesian linear regression on sufficient statistics, in the hybrid form of Li, Chu, Langford and Schapire
// (2010), section 4.2: an action a in context z with features f is worth
//
//	z·θ + f·φ + z·θ_a
//
// with θ and φ shared by all actions, and θ_a an action's own deviation, which its prior draws towards none: a new action
// starts from what the others and its features say, and moves away as its own events show. All weights are estimated jointly and
// exactly. Numbers are standardised by the examples' own moments when a predictor is made; the sums are raw.
//
// It is an Estimator: for a single writer.
type Linear struct {
	opts                 LinearOptions
	context, action      *features.Encoder
	numbers              map[string]int32 // block of an action by id, from 1
	ids                  []string         // by block - 1
	lent                 bool             // numbers is in a predictor's hands: copy before writing
	settled, provisional sums
	skipped              uint64
	cache                fitCache
}

var _ Estimator = (*Linear)(nil)

// DefaultEstimator returns what a new loop learns with.
func DefaultEstimator() Estimator { return NewLinear(LinearOptions{}) }

// NewLinear returns a Linear that has seen nothing.
func NewLinear(opts LinearOptions) *Linear {
	setDefault(&opts.MaxActions, 1000)
	setDefault(&opts.SharedPrecision, 10)
	setDefault(&opts.ActionPrecision, 1)
	setDefault(&opts.OwnPrecision, 5)
	setDefault(&opts.OwnInterceptPrecision, 3)
	return &Linear{
		opts:    opts,
		context: features.NewEncoder(features.EncoderOptions{Intercept: true, MaxTerms: opts.MaxContextTerms, MaxCategories: opts.MaxCategories}),
		action:  features.NewEncoder(features.EncoderOptions{MaxTerms: opts.MaxActionTerms, MaxCategories: opts.MaxCategories}),
		numbers: map[string]int32{},
	}
}

func setDefault[T int | float64](x *T, value T) {
	if *x <= 0 {
		*x = value
	}
}

// Observe implements Estimator.
func (l *Linear) Observe(context features.Set, actions []Candidate) {
	l.context.Observe(context)
	for i := range actions {
		l.action.Observe(actions[i].Features)
		l.number(actions[i].ID)
	}
}

// number gives an action its block, while there are any.
func (l *Linear) number(id string) {
	if _, known := l.numbers[id]; known || len(l.ids) >= l.opts.MaxActions {
		return
	}
	if l.lent {
		numbers := make(map[string]int32, len(l.numbers)+1)
		for i, id := range l.ids {
			numbers[id] = int32(i + 1)
		}
		l.numbers, l.lent = numbers, false
	}
	l.ids = append(l.ids, id)
	l.numbers[id] = int32(len(l.ids))
}

// Encode implements Estimator.
func (l *Linear) Encode(context features.Set, action Candidate) Example {
	return Example{
		ActionID: action.ID,
		Context:  merged(l.context.View().Append(nil, context)),
		Action:   merged(l.action.View().Append(nil, action.Features)),
	}
}

// merged adds up terms that repeat an index, as tags beyond the encoder's bound do.
func merged(t []features.Term) []features.Term {
	for i := 1; i < len(t); i++ {
		if j := slices.IndexFunc(t[:i], func(u features.Term) bool { return u.Index == t[i].Index }); j >= 0 {
			t[j].Value += t[i].Value
			t = slices.Delete(t, i, i+1)
			i--
		}
	}
	return t
}

// Provisional implements Estimator.
func (l *Linear) Provisional(x *Example, reward, weight float64) {
	l.add(&l.provisional, x, reward, weight)
}

// Settle implements Estimator.
func (l *Linear) Settle(x *Example, reward, weight float64) { l.add(&l.settled, x, reward, weight) }

// ClearProvisional implements Estimator.
func (l *Linear) ClearProvisional() {
	for number, b := range l.provisional.blocks {
		if b != nil {
			l.cache.touch(number)
		}
	}
	l.provisional = sums{}
}

// maxReward keeps sums of squares far from overflow.
const maxReward = 1e100

func (l *Linear) add(s *sums, x *Example, reward, weight float64) {
	reward -= l.opts.DefaultReward
	if !(math.Abs(reward) <= maxReward) || !(math.Abs(weight) <= maxReward) || len(x.Context) == 0 {
		l.skipped++
		return
	}
	number := int(l.numbers[x.ActionID]) // 0 for an action without a block
	s.add(number, x, reward, weight)
	l.cache.touch(number)
}

// Skipped returns how many examples were left out because their reward or weight was not finite or absurdly large, or
// because they were not encoded. Callers validate; this is the last line.
func (l *Linear) Skipped() uint64 { return l.skipped }
