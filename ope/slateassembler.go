package ope

import (
	"fmt"
	"math"
)

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
