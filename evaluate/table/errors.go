package table

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nextbest/nextbest/ope"
)

// Error says what in a file was refused, and where.
type Error struct {
	Path string
	// Line counts from 1, with the header; in a Parquet file, which has no lines, Row counts from 1. Both are 0 where the
	// file as a whole is meant.
	Line, Row int64
	Column    string // as the file calls it; empty where the row as a whole is meant
	Err       error
}

// Error returns for example "rows.csv:17: column pscore: 1.5 is not a probability in (0,1]".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Row > 0 {
		fmt.Fprintf(&b, ": row %d", e.Row)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ": column %s", e.Column)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns what was wrong, without the place.
func (e *Error) Unwrap() error { return e.Err }

// errMissing is what a row without a value for a column is refused with.
var errMissing = errors.New("no value")

// errNoFile is what a folder, a named pipe or a device is refused with.
var errNoFile = errors.New("this is not a file")

// badCell returns an error that shows no more of a cell than a line of a terminal has room for.
func badCell(cell []byte, wanted string) error {
	const shown = 40
	if len(cell) > shown {
		return fmt.Errorf("%q... is not %s", cell[:shown], wanted)
	}
	return fmt.Errorf("%q is not %s", cell, wanted)
}

// inColumn says in which column of the file something was wrong.
func (l *layout) inColumn(f field, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Column: l.theirs[f], Err: err}
}

// explain puts what Check and ope.Slates refuse in the words of the file.
func (l *layout) explain(err error) error {
	var bad *ope.FieldError
	var unfit *ope.SlateError
	switch {
	case errors.As(err, &bad):
		return l.named(bad.Field, fmt.Errorf("%v is not %s", bad.Value, bad.Wanted))
	case errors.As(err, &unfit):
		return l.named(unfit.Field, fmt.Errorf("slot %d of the slate does not fit: %s", unfit.Position, unfit.Problem))
	}
	return err
}

// named says in which column something was wrong, by our name of it.
func (l *layout) named(ours string, err error) error {
	for f := range fieldCount {
		if fields[f].name == ours && l.theirs[f] != "" {
			return l.inColumn(f, err)
		}
	}
	return &Error{Column: ours, Err: err}
}
