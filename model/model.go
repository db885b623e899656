// Package model estimates what actions are worth and turns estimates into probabilities.
//
// Three things, kept apart: an encoder (package features) turns values into terms; an Estimator learns expected rewards
// from terms and makes immutable Predictors; an Exploration turns the Predictor's estimates into exact probabilities,
// from which Draw chooses. Everything here is pure, deterministic, and free of clocks and global randomness.
package model

import "github.com/nextbest/nextbest/features"

// Estimate is what a model expects of one action.
type Estimate struct {
	Mean     float64 // expected reward
	Variance float64 // of the mean, in the reward's unit squared; 0 when the estimator has none
	Events   uint64  // of the action, that the model has learned from, or that what it knows of the action is worth
	// Replicates are the expected rewards by the replicates of a bootstrap, in their order; nil when the estimator has
	// none. Explorations only read them.
	Replicates []float64
}

// EventsOf returns how much is known for choosing among the estimated actions, in events: the sum of Estimate.Events. It can
// be more than the loop's events, where actions share what is known; new actions know nothing of a loop's past.
func EventsOf(estimates []Estimate) uint64 {
	n := uint64(0)
	for i := range estimates {
		n += estimates[i].Events
	}
	return n
}

// Candidate is an action as a model sees it.
type Candidate struct {
	ID       string
	Features features.Set
}

// Example is one decision's served action with what was known about it, encoded.
type Example struct {
	ActionID string
	Context  []features.Term      // of the request and the user
	Action   []features.Term      // of the served action
	Recent   [recentTerms]float64 // how recent events had turned out, when the example was encoded
	Width    int                  // how many columns the estimator had then
}

// Predictor is an immutable state of a model, safe for concurrent use.
type Predictor interface {
	// Estimate appends one Estimate per candidate to dst. context holds request and user features, defaults applied.
	Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate
	// Events returns how many events the model has learned from.
	Events() uint64
	// RewardDeviation returns the standard deviation of the rewards seen, 0 before there are two.
	RewardDeviation() float64
	// AppendBinary appends the model's bytes: the same for the same log, on every machine.
	AppendBinary(b []byte) ([]byte, error)
}

// Estimator is the learning state of one loop, for a single writer. What it holds is a sum over examples: those that
// may still change are provisional, those whose reward is final are settled.
type Estimator interface {
	// Observe extends the encoder by what a decision brought, in the order of the log.
	Observe(context features.Set, actions []Candidate)
	// Encode encodes a served action for the calls below. The result does not depend on later Observes.
	Encode(context features.Set, action Candidate) Example
	// Provisional adds weight times the example with its present reward; a negative weight takes it out again.
	Provisional(x *Example, reward, weight float64)
	// ClearProvisional forgets everything provisional, to the last bit. Only when nothing provisional is left.
	ClearProvisional()
	// Settle adds the example for good. Calls come in the order of the decisions, so that the same events give the
	// same bytes whatever the order their rewards came in.
	Settle(x *Example, reward, weight float64)
	// Predictor returns the immutable model of everything added so far.
	Predictor() (Predictor, error)
	// AppendBinary appends the whole state; UnmarshalBinary restores it.
	AppendBinary(b []byte) ([]byte, error)
	UnmarshalBinary(b []byte) error
}

// Exploration turns estimates into the probabilities that are sampled from. It is immutable.
type Exploration interface {
	// Probabilities writes one probability per estimate into dst, which has their length. They are exact: what is
	// written is what Draw samples from, each at least the floor's share, summing to 1 within 1e-12. deviation is the
	// rewards' standard deviation and n what is known of the actions, in events (EventsOf), for explorations that scale
	// by them.
	Probabilities(dst []float64, estimates []Estimate, deviation float64, n uint64)
	// String names the policy and its parameters, as in "squarecb(gamma=10) floor 0.01".
	String() string
}
