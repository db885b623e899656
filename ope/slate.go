package ope

import (
	"fmt"
	"math"
)

// SlateRow is one slot of a logged slate: several actions that were chosen together for as many slots. Its Sample has the
// Position and the Reward of the slot, and the probabilities of the whole slate: Propensity, that with which the logging policy
// served all of its actions, and Target, that with which the evaluated policy would have. For cascade_dr, QLogged is the
// sum of rewards, from this slot to the last, that a model expects of the evaluated policy once the actions of the slots before
// and of this one are as logged; QTarget is the mean of that over the evaluated policy's choice for this slot.
type SlateRow struct {
	Sample
	// Slate is what the rows of a slate have in common.
	Slate uint64
	// ItemPropensity and ItemTarget are the probabilities of this action in this slot, whatever is in the others.
	ItemPropensity, ItemTarget float64
	// CascadePropensity and CascadeTarget are the probabilities of the actions in this slot and all before.
	CascadePropensity, CascadeTarget float64
}

func (r *SlateRow) itemWeight() float64    { return r.ItemTarget / r.ItemPropensity }
func (r *SlateRow) cascadeWeight() float64 { return r.CascadeTarget / r.CascadePropensity }

// SlateColumns is a set of the fields that a source of slates gives beside slate, position and reward.
type SlateColumns uint

// The fields that estimators of slates may need.
const (
	HasSlateProbabilities   SlateColumns = 1 << iota // Propensity and Target
	HasItemProbabilities                             // ItemPropensity and ItemTarget
	HasCascadeProbabilities                          // CascadePropensity and CascadeTarget
	HasSlateModel                                    // QLogged and QTarget
)

// slateColumnNames are how the columns are called in tables, in the order of the bits.
var slateColumnNames = [...][2]string{
	{"pscore", "eval_pscore"},
	{"pscore_item_position", "eval_pscore_item_position"},
	{"pscore_cascade", "eval_pscore_cascade"},
	{"q_logged", "q_pi_e"},
}

// Has reports whether all of the others are in the set.
func (c SlateColumns) Has(others SlateColumns) bool { return c&others == others }

// Missing returns how those of the needed columns are called that are not in the set.
func (c SlateColumns) Missing(needed SlateColumns) (names []string) {
	for i, pair := range slateColumnNames {
		if bit := SlateColumns(1) << i; needed&bit != 0 && c&bit == 0 {
			names = append(names, pair[:]...)
		}
	}
	return names
}

// Check returns a *FieldError for the first of the given fields that is not finite, or not a probability where it must be.
func (r *SlateRow) Check(given SlateColumns) error {
	if err := number("reward", r.Reward); err != nil {
		return err
	}
	pairs := [...][2]float64{
		{r.Propensity, r.Target}, {r.ItemPropensity, r.ItemTarget}, {r.CascadePropensity, r.CascadeTarget},
	}
	for i, pair := range pairs {
		if !given.Has(SlateColumns(1) << i) {
			continue
		}
		names := slateColumnNames[i]
		if !positiveProbability(pair[0]) {
			return &FieldError{names[0], pair[0], "a probability in (0,1]"}
		}
		if !probability(pair[1]) {
			return &FieldError{names[1], pair[1], "a probability in [0,1]"}
		}
	}
	if given.Has(HasSlateModel) {
		return r.checkOptional(HasModel)
	}
	return nil
}

// MaxSlots is how many slots a slate has at most: work and memory grow with their square.
const MaxSlots = 100

// SlateError says why a row does not fit into the slate before it.
type SlateError struct {
	Slate    uint64
	Position int
	Field    string // that does not fit, as in tables: "position"
	Problem  string
}

// Error implements error.
func (e *SlateError) Error() string {
	return fmt.Sprintf("slate %d, position %d: %s", e.Slate, e.Position, e.Problem)
}

// Slates puts rows together to slates. The rows of a slate come one after the other, at positions 0, 1, 2 and so on; slates
// may differ in length. It keeps one slate, and so cannot know that the id of an earlier one has come back.
type Slates struct {
	given         SlateColumns
	current, done []SlateRow
}

// NewSlates returns an empty Slates for rows that have the given columns.
func NewSlates(given SlateColumns) *Slates { return &Slates{given: given} }

// Add takes the next row, and returns the slate before it when that is now complete; it is the caller's until the next call.
// The error is a *FieldError or a *SlateError; the row is not added then.
func (s *Slates) Add(row *SlateRow) (complete []SlateRow, err error) {
	if err := row.Check(s.given); err != nil {
		return nil, err
	}
	same := len(s.current) > 0 && s.current[0].Slate == row.Slate
	before := s.current
	if !same {
		before = nil
	}
	if err := row.fits(before, s.given); err != nil {
		return nil, err
	}
	if !same {
		complete = s.Last()
	}
	s.current = append(s.current, *row)
	return complete, nil
}

// Last returns the slate that is being put together, which is complete when there are no more rows; none when there is none.
func (s *Slates) Last() []SlateRow {
	s.done, s.current = s.current, s.done[:0]
	return s.done
}

// fits returns a *SlateError where a row cannot follow those of its slate that are before it.
func (r *SlateRow) fits(before []SlateRow, given SlateColumns) error {
	next := len(before)
	switch {
	case r.Position != next:
		return &SlateError{r.Slate, r.Position, "position", fmt.Sprintf("want position %d", next)}
	case next >= MaxSlots:
		return &SlateError{r.Slate, r.Position, "position", fmt.Sprintf("want at most %d slots", MaxSlots)}
	case next == 0 || !given.Has(HasSlateProbabilities):
		return nil
	}
	for i, pair := range [...][2]float64{{r.Propensity, before[0].Propensity}, {r.Target, before[0].Target}} {
		if name := slateColumnNames[0][i]; !closeTo(pair[0], pair[1]) {
			return &SlateError{r.Slate, r.Position, name, name + " differs from the slate's first row; want those of the whole slate"}
		}
	}
	return nil
}

// closeTo reports whether probabilities are the same but for rounding.
func closeTo(p, q float64) bool { return math.Abs(p-q) <= tolerance*max(p, q) }
