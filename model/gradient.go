package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// Loss is what a Gradient minimises.
type Loss uint8

// The losses.
const (
	// Squared is for rewards of any range; it estimates expected rewards.
	Squared Loss = iota
	// Logistic is for rewards between 0 and 1, most often 0 or 1; estimates are probabilities of a reward.
	Logistic
)

// GradientOptions are the choices of a gradient learner. Zero values mean the defaults.
type GradientOptions struct {
	// DefaultReward is what an action is taken to be worth before anything is known, in reward units.
	DefaultReward float64
	// Loss is Squared or Logistic.
	Loss Loss
	// Bits is the binary logarithm of the number of weights (18, from 6 to 26). Terms whose hashes meet share a weight.
	Bits int
	// Rate scales all steps (2.5). It has no unit: half or twice as much changes little.
	Rate float64
	// Memory is the number of examples of a term beyond which its steps get no smaller (300), so that the newest weights
	// follow a world that changes.
	Memory float64
	// MaxProducts bounds the products of context terms and action features for one action (4096). Beyond it the context
	// is crossed with the action's id alone.
	MaxProducts int
	// MaxPairs bounds the products of two context terms, squares of numbers included; they are further context terms
	// while there are at most so many, and left out beyond. The default is none: they multiply the cost of a decision.
	MaxPairs int
	// MaxOpen bounds the provisional examples (50,000): beyond it the oldest are forgotten until they are settled. They take
	// memory, and time when live weights are made anew.
	MaxOpen int
	// Variance has predictors fill Estimate.Variance, for about twice the time of an estimate.
	Variance bool

	prior float64 // the log-odds of DefaultReward, for Logistic
}

// Gradient is a linear model of hashed terms, learned by gradient descent: for loops that are too wide for a Mixture, since
// an example costs as many steps as it has terms, and memory is fixed. An action a in context z with features f is worth
//
//	Σ_k f_k·(w(k) + Σ_j z_j·w(j,k))
//
// where the first f is the action's id, every w is a weight found by hash, and numbers in z and f are standardised by
// their running means and deviations. Nothing is shared by actions that have no feature in common: a new one starts from
// the default reward and what its features say.
//
// Steps are adaptive (Duchi, Hazan and Singer 2011), with squared errors in units of the rewards' variance, so that
// rewards of any scale give the same model; normalised, by centring, scaling and the mean square norm of examples, as
// Ross, Mineiro and Langford (Normalized online learning, 2013) do; and invariant to importance weights (Karampatziakis
// and Langford 2011), so that no step passes its target. Each weight is kept twice: the newest, whose steps stay large
// enough to follow a world that changes, and an average over its course, which has the noise of large steps taken out
// (Bach and Moulines, Non-strongly-convex smooth stochastic approximation with convergence rate O(1/n), 2013). Estimates
// mix both, as would have been best for the last examples.
//
// What was settled is one set of weights, a function of the calls of Settle. A step cannot be taken back: provisional
// examples are kept, and where there are any, predictions are by live weights, which the examples' steps make of the
// settled ones, in the order the examples came. Adding one is one more step. Anything else has the live weights made anew
// when they are next asked for, some microseconds per provisional example.
//
// It is an Estimator: for a single writer.
type Gradient struct {
	opts    GradientOptions
	settled *gradientState
	open    openExamples // those that are provisional
	tails   tails
	live    *gradientState // of both; nil until it is asked for
	skipped uint64
	epoch   uint64 // of the newest table; see table
	scratch gradientScratch
}

var _ Estimator = (*Gradient)(nil)

// NewGradient returns a Gradient that has seen nothing.
func NewGradient(opts GradientOptions) *Gradient {
	setDefault(&opts.Bits, 18)
	opts.Bits = min(max(opts.Bits, pageBits), 26)
	setDefault(&opts.Rate, 2.5)
	setDefault(&opts.Memory, 300)
	setDefault(&opts.MaxProducts, 4096)
	setDefault(&opts.MaxOpen, 50_000)
	if opts.Loss == Logistic {
		opts.prior = logOdds(opts.DefaultReward)
	}
	return &Gradient{opts: opts, epoch: 1, settled: &gradientState{weights: newTable(opts.Bits, 1)}}
}

// Observe implements Estimator. There is nothing to do: terms are hashed.
func (*Gradient) Observe(features.Set, []Candidate) {}

// Encode implements Estimator. The result depends on its arguments alone.
func (*Gradient) Encode(context features.Set, action Candidate) Example {
	return Example{
		ActionID: action.ID,
		Context:  appendHashed(nil, contextSalt, context),
		Action:   appendHashed(nil, actionSalt, action.Features),
	}
}

// Provisional implements Estimator. Taking out what was not added, or is beyond MaxOpen, does nothing.
func (g *Gradient) Provisional(x *Example, reward, weight float64) {
	if !g.acceptable(reward, weight) {
		return
	}
	reward = g.tails.provisional(x, reward, g.opts.DefaultReward, weight)
	if weight > 0 {
		g.putIn(copied(x), reward, weight)
	} else {
		g.takeOut(x, reward, weight)
	}
}

// putIn takes ownership of x.
func (g *Gradient) putIn(x Example, reward, weight float64) {
	full := g.open.count >= g.opts.MaxOpen
	if !g.open.add(newOpenExample(x, reward, weight), g.opts.MaxOpen) || full {
		g.live = nil
	}
	if g.live != nil {
		g.learn(g.live, &x, reward, weight)
	}
}

func (g *Gradient) takeOut(x *Example, reward, weight float64) {
	if g.open.remove(openKey(contentKey(x), reward, weight)) {
		g.live = nil
	}
}

// ClearProvisional implements Estimator.
func (g *Gradient) ClearProvisional() {
	g.live, g.open = nil, openExamples{}
	g.tails.clearProvisional()
}

// Settle implements Estimator. A negative weight takes the example out of the counts, but not of the weights.
func (g *Gradient) Settle(x *Example, reward, weight float64) {
	if g.acceptable(reward, weight) {
		g.settle(x, g.tails.settle(x, reward, g.opts.DefaultReward, weight), weight)
	}
}

// settle learns an example whose reward counts in full.
func (g *Gradient) settle(x *Example, reward, weight float64) {
	g.learn(g.settled, x, reward, weight)
	g.live = nil
}

// maxWeight, with maxReward, keeps sums of squares from overflow.
const maxWeight = 1e50

func (g *Gradient) acceptable(reward, weight float64) bool {
	ok := math.Abs(reward) <= maxReward && math.Abs(weight) <= maxWeight // false for NaN, too
	if g.opts.Loss == Logistic {
		ok = ok && reward >= 0 && reward <= 1
	}
	if !ok {
		g.skipped++
	}
	return ok
}

// Skipped returns how many examples were left out because their reward or weight was not finite, absurdly large, or not
// what the loss is for. Callers validate; this is the last line.
func (g *Gradient) Skipped() uint64 { return g.skipped }

// Capped returns how many settled rewards counted as less than they were, being far beyond all before: see tails.
func (g *Gradient) Capped() uint64 { return g.tails.capped() }

// Predictor implements Estimator. It copies no weights: pages of them are copied when they are next written.
func (g *Gradient) Predictor() (Predictor, error) {
	return &gradientPredictor{opts: g.opts, state: g.current().share(g.newEpoch)}, nil
}

// Live returns a predictor that is always at what was learned last, without a copy. It is for the goroutine that calls
// the Gradient's other methods.
func (g *Gradient) Live() Predictor { return gradientLive{g} }

// current returns the state that predictions are by.
func (g *Gradient) current() *gradientState {
	if g.open.count == 0 {
		return g.settled
	}
	if g.live == nil {
		g.live = g.settled.fork(g.newEpoch)
		g.open.all(func(e *openExample) { g.learn(g.live, &e.x, e.reward, e.weight) })
	}
	return g.live
}

func (g *Gradient) newEpoch() uint64 {
	g.epoch++
	return g.epoch
}
