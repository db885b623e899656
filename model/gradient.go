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
	// Variance has predictors fill Estimate.Variance, for about twice the time of an estimate.
	Variance bool

	prior float64 // the log-odds of DefaultReward, for Logistic
}

// Gradient is a linear model of hashed terms, learned by gradient descent: for loops that are too wide for Linear, since
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
// What was settled is one set of weights, a function of the calls of Settle. While something is provisional there is a
// second one, which goes on from there in the order of all calls. A step cannot be taken back: what is taken out leaves
// the counts, but not the weights before ClearProvisional drops them; a corrected reward is one more step, towards the
// new reward. So late rewards are underestimated until they are settled, by no more than their share.
//
// It is an Estimator: for a single writer.
type Gradient struct {
	opts    GradientOptions
	settled *gradientState
	live    *gradientState // nil when nothing is provisional
	taken   int64          // examples taken out of live and not yet put back
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

// Provisional implements Estimator, for the live weights.
func (g *Gradient) Provisional(x *Example, reward, weight float64) {
	if !g.acceptable(reward, weight) {
		return
	}
	if g.live == nil {
		g.live = g.settled.fork(g.newEpoch)
	}
	if weight < 0 {
		g.taken++
	} else {
		g.taken = max(0, g.taken-1)
	}
	g.learn(g.live, x, reward, weight, weight > 0)
}

// ClearProvisional implements Estimator.
func (g *Gradient) ClearProvisional() { g.live, g.taken = nil, 0 }

// Settle implements Estimator. A negative weight leaves the counts, but not the weights. The live weights know an
// example that was taken out of them just before.
func (g *Gradient) Settle(x *Example, reward, weight float64) {
	if !g.acceptable(reward, weight) {
		return
	}
	g.learn(g.settled, x, reward, weight, weight > 0)
	if g.live == nil {
		return
	}
	known := g.taken > 0
	if known {
		g.taken--
	}
	g.learn(g.live, x, reward, weight, weight > 0 && !known)
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

// Predictor implements Estimator. It copies no weights: pages of them are copied when they are next written.
func (g *Gradient) Predictor() (Predictor, error) {
	return &gradientPredictor{opts: g.opts, state: g.current().share(g.newEpoch)}, nil
}

// Live returns a predictor that is always at what was learned last, without a copy. It is for the goroutine that calls
// the Gradient's other methods.
func (g *Gradient) Live() Predictor { return gradientLive{g} }

func (g *Gradient) current() *gradientState {
	if g.live != nil {
		return g.live
	}
	return g.settled
}

func (g *Gradient) newEpoch() uint64 {
	g.epoch++
	return g.epoch
}
