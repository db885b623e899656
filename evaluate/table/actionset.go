package table

import (
	"errors"
	"fmt"
	"math"

	"github.com/nextbest/nextbest/ope"
)

// Columns that hold a list in each row, as the tables of `nextbest log export` have them. They are read where an evaluated
// policy has to be asked, and ignored where they are not both lists.
const (
	actionsColumn       = "actions"
	probabilitiesColumn = "probabilities"
)

// actionSet is what a row says of all that could have been served: the numbers of the actions, and their probabilities.
type actionSet struct {
	actions       []int
	probabilities []float64
}

func (a *actionSet) clear() { a.actions, a.probabilities = a.actions[:0], a.probabilities[:0] }

// check refuses probabilities that are none, or by which the served action had another than the logged one, where that is
// given.
func (a *actionSet) check(s *ope.Sample, given ope.Columns) error {
	if len(a.actions) != len(a.probabilities) {
		return &Error{Column: probabilitiesColumn,
			Err: fmt.Errorf("it has %d probabilities, %s has %d actions", len(a.probabilities), actionsColumn, len(a.actions))}
	}
	sum, served := 0.0, math.NaN()
	for i, p := range a.probabilities {
		if !(p >= 0 && p <= 1+sumTolerance) {
			return &Error{Column: probabilitiesColumn, Err: fmt.Errorf("%v is not a probability in [0,1]", p)}
		}
		sum += p
		if a.actions[i] == s.Action {
			served = p
		}
	}
	switch {
	case !(math.Abs(sum-1) <= sumTolerance):
		return &Error{Column: probabilitiesColumn, Err: fmt.Errorf("they sum to %v, not to 1", sum)}
	case math.IsNaN(served):
		return &Error{Column: actionsColumn, Err: errors.New("the action served is not in it")}
	case given.Has(ope.HasPropensity) && !(math.Abs(served-s.Propensity) <= oneTolerance*s.Propensity):
		return &Error{Column: probabilitiesColumn, Err: fmt.Errorf("the action served has %v there, its logged probability is %v", served, s.Propensity)}
	}
	return nil
}
