package challenger

import "github.com/nextbest/nextbest/ope"

// Evidence is what live traffic says of a policy in the place of the one that serves. Numbers are in units of the reward,
// or of the watched metric, the sign turned where less of it is better.
type Evidence struct {
	Events uint64 // slots of decisions that were evaluated
	// Gain is the value less that of the serving policy on the same decisions. Lower and Upper belong to an interval that
	// holds at all looks together; infinite or NaN where there is none.
	Gain, Lower, Upper float64
	Answers            bool     // the log can answer
	Refusals           []string // why it cannot, each a sentence
	Advice             string   // what it would take
}

// evidenceOf takes from an evaluation what a decision rests on.
func evidenceOf(r *ope.Result) Evidence {
	g := &r.GainSequence
	e := Evidence{
		Events: uint64(r.Diagnostics.N), Gain: g.Value, Lower: g.Lower, Upper: g.Upper, Answers: r.Verdict.Answers,
		Refusals: r.Verdict.Refusals, Advice: r.Verdict.Advice,
	}
	if g.Unable != "" {
		e.Answers, e.Refusals = false, append(e.Refusals, "The gain cannot be computed: it "+g.Unable+".")
	}
	return e
}

// above reports whether the gain is proven to be above a bound. A bound that is not a number proves nothing.
func (e *Evidence) above(least float64) bool { return e.Answers && e.Lower > least }

// Proven reports whether the log shows that the policy earns more than the one that serves.
func (e *Evidence) Proven() bool { return e.above(0) }
