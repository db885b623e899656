package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/ope"
)

// ndjsonSource reads a JSON object a line. The columns are the names in the first; later objects must have those of them
// that are read, with values of the same type, and may leave out or add others.
type ndjsonSource struct {
	objects  *objects
	layout   *layout
	cells    *cells
	columns  map[string]int // by name, those that are read
	types    [fieldCount]jsontext.Kind
	first    []byte // the first line, until it is read as a row
	found    [fieldCount]bool
	possible *actionSet // nil unless action sets are read
	listed   [2]bool    // whether the row had actions, and probabilities
}

func openNDJSON(r io.Reader, options Options, cells *cells) (*ndjsonSource, error) {
	j := &ndjsonSource{objects: newObjects(r), cells: cells, columns: make(map[string]int)}
	line, err := j.objects.line()
	if errors.Is(err, io.EOF) {
		return j, errEmpty
	}
	if err != nil {
		return j, err
	}
	j.first = bytes.Clone(line)
	header, lists, err := j.header()
	if err != nil {
		return j, err
	}
	if j.layout, err = newLayout(header, options); err != nil {
		return j, err
	}
	for _, w := range j.layout.wants {
		j.columns[header[w.column]] = w.column
	}
	if options.Target != nil && lists == 2 {
		j.possible = &actionSet{}
	}
	return j, nil
}

// header returns the names in the first object, and how many of the columns of action sets are lists in it.
func (j *ndjsonSource) header() (names []string, lists int, err error) {
	if err := j.objects.begin(j.first); err != nil {
		return nil, 0, err
	}
	for j.objects.more() {
		name, err := j.objects.name()
		if err != nil {
			return nil, 0, err
		}
		names = append(names, string(name))
		if isList := j.objects.json.PeekKind() == '['; isList && isListColumn(name) {
			lists++
		}
		if err := j.objects.skip(); err != nil {
			return nil, 0, err
		}
	}
	return names, lists, j.objects.end()
}

func (j *ndjsonSource) place(e *Error) { e.Line = j.objects.lines.number }

func (j *ndjsonSource) fields() *layout { return j.layout }

func (j *ndjsonSource) next(s *ope.Sample) (err error) {
	line := j.first
	if j.first = nil; line == nil {
		if line, err = j.objects.line(); err != nil {
			return err
		}
	}
	j.found, j.listed = [fieldCount]bool{}, [2]bool{}
	if err := j.objects.begin(line); err != nil {
		return err
	}
	for j.objects.more() {
		if err := j.member(s); err != nil {
			return err
		}
	}
	if err := j.objects.end(); err != nil {
		return err
	}
	if err := j.checkFound(); err != nil || j.possible == nil {
		return err
	}
	return j.possible.check(s, j.layout.given)
}

// member reads a name and its value.
func (j *ndjsonSource) member(s *ope.Sample) error {
	name, err := j.objects.name()
	if err != nil {
		return err
	}
	column, ok := j.columns[string(name)]
	if !ok {
		return j.list(name)
	}
	value, err := j.objects.value()
	if err != nil {
		return err
	}
	for _, w := range j.layout.wants {
		if w.column == column {
			if err := j.set(s, w.field, value); err != nil {
				return j.layout.inColumn(w.field, err)
			}
		}
	}
	return nil
}

func (j *ndjsonSource) checkFound() error {
	if j.possible != nil && j.listed != [2]bool{true, true} {
		return fmt.Errorf("want both columns %s and %s, as in the first row", actionsColumn, probabilitiesColumn)
	}
	for _, w := range j.layout.wants {
		if !j.found[w.field] {
			return j.layout.inColumn(w.field, errMissing)
		}
	}
	return nil
}

// set sets a field from the text of a value.
func (j *ndjsonSource) set(s *ope.Sample, f field, value jsontext.Value) error {
	j.found[f] = true
	if err := j.checkType(f, value); err != nil {
		return err
	}
	if value.Kind() != '"' {
		return j.cells.text(s, f, value)
	}
	text, err := j.objects.unquote(value)
	if err != nil {
		return err
	}
	return j.cells.name(s, f, text)
}

// checkType refuses values that are no name or number, and a column of both: 7 and "7" may or may not be one action.
func (j *ndjsonSource) checkType(f field, value jsontext.Value) error {
	k := value.Kind()
	switch {
	case k == 'n':
		return errMissing
	case k != '0' && (k != '"' || fields[f].kind != name):
		return badCell(value, wantedType[fields[f].kind])
	case j.types[f] != 0 && j.types[f] != k:
		return fmt.Errorf("%s is a %s, those before were not", value, k)
	}
	j.types[f] = k
	return nil
}

var wantedType = [...]string{number: "a number", whole: "a number", name: "a string or a number"}
