package ope

import "fmt"

// OfSlates reports whether all estimators are of slates, and returns an error where only some are.
func OfSlates(specs []Spec) (bool, error) {
	for _, s := range specs {
		if first := specs[0]; s.OfSlates() != first.OfSlates() {
			return false, fmt.Errorf("estimators %s and %s cannot go together: one gives the value of a slate, the other that "+
				"of a single decision, so there is no one reward, interval and verdict for both", first.Name, s.Name)
		}
	}
	return len(specs) > 0 && specs[0].OfSlates(), nil
}

// OfSlates reports whether it is an estimator of slates.
func (s Spec) OfSlates() bool { return s.Slate != nil || s.Slot != nil }

// SlateNeeds returns the columns without which an estimator of slates cannot be computed; none of others.
func (s Spec) SlateNeeds() SlateColumns {
	switch {
	case s.Slate != nil:
		return s.Slate.Needs()
	case s.Slot != nil:
		return s.Slot.Needs()
	}
	return 0
}

// SlateEvaluation folds logged slates, in the order of the log, into what an Evaluation finds of single decisions: values and
// gains are per slate, intervals and bootstraps take slates for independent, diagnostics and verdict are of whole slates,
// whose weights are those of pscore and eval_pscore, or of the last slot's pscore_cascade and eval_pscore_cascade, which are
// the same. Rewards in Options are those of slates: sums over slots. Its memory does not depend on how many slates there are.
type SlateEvaluation struct {
	given SlateColumns
	// slates takes each slate for one decision.
	slates *Evaluation
	// rows are those of the slate that is being added, for estimators that look at more than the decision.
	rows *[]SlateRow
}

// NewSlateEvaluation returns an evaluation of slates that have the given columns. Estimators that lack a column are reported
// as such. An error says which option is not possible, or which estimator is not one of slates.
//
// Gains are by the first of the estimators that can be computed, since the choice of an estimator of slates is one of what to
// assume; for those of slots, by the same without self-normalisation (iips, rips).
func NewSlateEvaluation(given SlateColumns, specs []Spec, options Options) (*SlateEvaluation, error) {
	slates, err := OfSlates(specs)
	if err != nil {
		return nil, err
	}
	if !slates && len(specs) > 0 {
		return nil, fmt.Errorf("estimator %s is of single decisions, and these are slates", specs[0].Name)
	}
	e := &SlateEvaluation{given: given, rows: new([]SlateRow)}
	e.slates, err = newEvaluation(given.ofWhole(), options)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		e.slates.tallies = append(e.slates.tallies, e.newTally(spec))
		if headline := spec.headline(); e.slates.gain == nil && given.Has(headline.Needs()) {
			e.slates.setGain(slateTerms{headline, e.rows})
		}
	}
	return e, nil
}

// ofWhole returns the columns of the decisions that slates are as a whole.
func (c SlateColumns) ofWhole() Columns {
	if c&(HasSlateProbabilities|HasCascadeProbabilities) != 0 {
		return HasPropensity | HasTarget
	}
	return 0
}

func (s Spec) headline() SlateEstimator {
	switch {
	case s.Slate != nil:
		return s.Slate
	case s.Slot.Needs().Has(HasCascadeProbabilities):
		return RIPS{}
	}
	return IIPS{}
}

func (e *SlateEvaluation) newTally(spec Spec) tally {
	switch {
	case !e.given.Has(spec.SlateNeeds()):
		return missing{unableFor(spec.Name, e.given.Missing(spec.SlateNeeds()))}
	case spec.Slot != nil:
		return newSlots(spec, e.rows, &e.slates.options)
	}
	return &constant{spec.Name, e.slates.newSums(slateTerms{spec.Slate, e.rows})}
}

// Add adds the next slate: its rows, at least one, in the order of their positions. The error is a *FieldError or a
// *SlateError, and the slate is not added then.
func (e *SlateEvaluation) Add(slate []SlateRow) error {
	for i := range slate {
		if err := slate[i].Check(e.given); err != nil {
			return err
		}
		if err := slate[i].fits(slate[:i], e.given); err != nil {
			return err
		}
	}
	*e.rows = slate
	whole := e.whole(slate)
	return e.slates.Add(&whole)
}

// whole returns the decision that a slate is.
func (e *SlateEvaluation) whole(slate []SlateRow) Sample {
	s := Sample{Reward: slateReward(slate), Propensity: slate[0].Propensity, Target: slate[0].Target, Kept: 1}
	if !e.given.Has(HasSlateProbabilities) {
		last := &slate[len(slate)-1]
		s.Propensity, s.Target = last.CascadePropensity, last.CascadeTarget
	}
	return s
}

// Result sums up what was added; more may be added after it.
func (e *SlateEvaluation) Result(known Known) Result {
	r := e.slates.Result(known)
	if r.Diagnostics.N > 0 && e.given.ofWhole() == 0 {
		r.Verdict.Refusals = nil
		r.Verdict.refuse("The probabilities of whole slates are missing (pscore and eval_pscore, or pscore_cascade and " +
			"eval_pscore_cascade): nothing tells how many slates carry the estimates.")
		r.Verdict.Advice = "Log the exact probability of each served slate, and give the evaluated policy's."
	}
	return r
}

// slateTerms is an estimator of the decisions that slates are as a whole, which looks at their rows.
type slateTerms struct {
	SlateEstimator
	rows *[]SlateRow
}

// Needs implements Estimator; that there are the columns of slates has been seen to.
func (slateTerms) Needs() Columns { return 0 }

// Terms implements Estimator.
func (t slateTerms) Terms(*Sample) Terms { return t.SlateEstimator.Terms(*t.rows) }

// likelihood is of the estimators that weigh whole slates: they are IPS and SNIPS with the slate for an action.
func (t slateTerms) likelihood() likelihood {
	switch t.SlateEstimator.(type) {
	case SIPS:
		return ofMeans
	case SNSIPS:
		return ofRatios
	}
	return ofNothing
}
