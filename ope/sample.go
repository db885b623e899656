package ope

import (
	"fmt"
	"math"
)

// Sample is one logged decision, and what the evaluated policy would have done in its place. Columns says which of its
// fields are given.
type Sample struct {
	// Action is the number of the action that was served, among those of the log.
	Action int
	// Reward is what the event turned out to be worth, in reward units.
	Reward float64
	// Propensity is the probability with which the logging policy served the action, in (0,1].
	Propensity float64
	// Target is the probability with which the evaluated policy would have served it, in [0,1].
	Target float64
	// QLogged is the reward that a model expects of the served action, QTarget what it expects of the evaluated policy: the
	// sum over actions of the policy's probability times the expected reward. The model must not have learned from the
	// sample itself (cross-fitting), else intervals are too narrow.
	QLogged, QTarget float64
	// Unsupported is the probability that the evaluated policy gives to actions that the logging policy could not serve.
	Unsupported float64
	// Position is the slot of the page, from 0.
	Position int
	// MeanPropensity is the mean, over the policies that wrote the log and weighed by their shares of it, of the probability
	// of the served action. Stratum is the number of the policy that wrote this sample.
	MeanPropensity float64
	Stratum        int
	// MarginalPropensity and MarginalTarget are the probabilities of the served action's embedding under the logging and the
	// evaluated policy, for MIPS.
	MarginalPropensity, MarginalTarget float64
	// ExpectedSquare is what the square of the weight is expected to be in this context: Σ_a π_e(a|x)² / π_b(a|x), over the
	// actions that the logging policy could serve. A log shows heavy weights rarely; this knows of those that it did not.
	ExpectedSquare float64
	// Kept is the probability with which a record like this one was kept in the log, in (0,1]: 1 where none is dropped.
	Kept float64
	// Unit is what is independent of other units, such as a user; samples of one unit are resampled together.
	Unit uint64
}

// Columns is a set of the fields that a source of samples gives.
type Columns uint

// The fields that estimators may need. Rewards are always there.
const (
	HasAction Columns = 1 << iota
	HasPropensity
	HasTarget
	HasModel // QLogged and QTarget
	HasUnsupported
	HasPosition
	HasMeanPropensity
	HasStratum
	HasMarginals
	HasKept
	HasUnit
	HasExpectedSquare
)

// columnNames are how the columns are called in tables, in the order of the bits.
var columnNames = [...]string{
	"action", "pscore", "pi_e", "q_logged and q_pi_e", "unsupported", "position", "pscore_avg", "stratum",
	"p_e_pi_b and p_e_pi_e", "kept", "unit", "expected_square_weight",
}

// Has reports whether all of the others are in the set.
func (c Columns) Has(others Columns) bool { return c&others == others }

// Missing returns how those of the needed columns are called that are not in the set.
func (c Columns) Missing(needed Columns) (names []string) {
	for i, name := range columnNames {
		if bit := Columns(1) << i; needed&bit != 0 && c&bit == 0 {
			names = append(names, name)
		}
	}
	return names
}

// FieldError says which field of a sample is not what it must be.
type FieldError struct {
	Field  string // as in tables: "pscore"
	Value  float64
	Wanted string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s is %v, want %s", e.Field, e.Value, e.Wanted)
}

// Check returns a *FieldError for the first of the given fields that is not a number of a size up to 1e70, not a probability, or
// a probability that makes a weight of more than that.
func (s *Sample) Check(given Columns) error {
	if e := number("reward", s.Reward); e != nil {
		return e
	}
	if given.Has(HasPropensity) && !positiveProbability(s.Propensity) {
		return &FieldError{"pscore", s.Propensity, "a probability in (0,1]"}
	}
	if given.Has(HasTarget) && !probability(s.Target) {
		return &FieldError{"pi_e", s.Target, "a probability in [0,1]"}
	}
	if given.Has(HasPropensity|HasTarget) && tooHeavy(s.Target, s.Propensity) {
		return &FieldError{"pscore", s.Propensity, notHeavy}
	}
	return s.checkOptional(given)
}

func (s *Sample) checkOptional(given Columns) error {
	if given.Has(HasModel) {
		if e := number("q_logged", s.QLogged); e != nil {
			return e
		}
		if e := number("q_pi_e", s.QTarget); e != nil {
			return e
		}
	}
	return s.checkRare(given)
}

// checkRare looks at what few sources of samples have.
func (s *Sample) checkRare(given Columns) error {
	const rare = HasUnsupported | HasMeanPropensity | HasMarginals | HasKept | HasExpectedSquare
	switch {
	case given&rare == 0:
	case given.Has(HasUnsupported) && !probability(s.Unsupported):
		return &FieldError{"unsupported", s.Unsupported, "a probability in [0,1]"}
	case given.Has(HasMeanPropensity) && !positiveProbability(s.MeanPropensity):
		return &FieldError{"pscore_avg", s.MeanPropensity, "a probability in (0,1]"}
	case given.Has(HasMarginals) && !positiveProbability(s.MarginalPropensity):
		return &FieldError{"p_e_pi_b", s.MarginalPropensity, "a probability in (0,1]"}
	case given.Has(HasMarginals) && !probability(s.MarginalTarget):
		return &FieldError{"p_e_pi_e", s.MarginalTarget, "a probability in [0,1]"}
	case given.Has(HasKept) && !positiveProbability(s.Kept):
		return &FieldError{"kept", s.Kept, "a probability in (0,1]"}
	case given.Has(HasExpectedSquare) && !(s.ExpectedSquare >= 0 && s.ExpectedSquare <= math.MaxFloat64):
		return &FieldError{"expected_square_weight", s.ExpectedSquare, "a finite number from 0"}
	}
	return s.checkHeavy(given)
}

// checkHeavy refuses what makes too heavy weights. Those of the probabilities and of Kept are multiplied.
func (s *Sample) checkHeavy(given Columns) error {
	kept := 1.0
	if given.Has(HasKept) {
		kept = s.Kept
	}
	switch {
	case given.Has(HasMeanPropensity|HasTarget) && tooHeavy(s.Target, s.MeanPropensity):
		return &FieldError{"pscore_avg", s.MeanPropensity, notHeavy}
	case given.Has(HasMarginals) && tooHeavy(s.MarginalTarget, s.MarginalPropensity):
		return &FieldError{"p_e_pi_b", s.MarginalPropensity, notHeavy}
	case tooHeavy(1, kept),
		given.Has(HasPropensity|HasTarget) && tooHeavy(s.Target, s.Propensity*kept),
		given.Has(HasMeanPropensity|HasTarget) && tooHeavy(s.Target, s.MeanPropensity*kept),
		given.Has(HasMarginals) && tooHeavy(s.MarginalTarget, s.MarginalPropensity*kept):
		return &FieldError{"kept", s.Kept, notHeavy}
	}
	return nil
}

// largest bounds rewards and weights, so that the square of a reward times a weight, of 1e280, can still be summed.
const largest = 1e70

// notHeavy is what is wanted where a weight is above the largest.
const notHeavy = "a probability that does not make weights of more than 1e70"

func tooHeavy(target, propensity float64) bool { return target > largest*propensity }

func number(field string, x float64) error {
	if math.Abs(x) <= largest {
		return nil
	}
	return &FieldError{field, x, "a number between -1e70 and 1e70"}
}

// tolerance is by how much rounding may take a probability above 1.
const tolerance = 1e-9

func probability(p float64) bool         { return p >= 0 && p <= 1+tolerance }
func positiveProbability(p float64) bool { return p > 0 && p <= 1+tolerance }

// weight returns the importance weight w = π_e(a|x) / π_b(a|x).
func (s *Sample) weight() float64 { return s.Target / s.Propensity }
