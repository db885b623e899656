package simulate

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/features"
)

// role is a column of a table with a meaning of its own. Its fields are taken as they are read, so that an error names
// their place.
type role struct {
	column   string
	optional bool
	take     func(field string) error
}

// table is the columns of a file that have no role: features. It is immutable.
type table struct {
	rows    int
	columns []column // ordered by name
}

// column is one feature over all rows: numbers, or texts when any value is not a number.
type column struct {
	name    string
	texts   []string // nil for numbers
	numbers []float64
}

// readTable reads comma-separated values with a header row. A column without a role is a feature, unless drop names it:
// a number unless any of its values does not parse as a finite one, then a category. An empty field is a missing value.
// Roles take their fields in their own order, row by row. Errors name line and column.
func readTable(r io.Reader, roles []role, drop func(column string) bool) (*table, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty; a header row is needed")
	}
	if err != nil {
		return nil, readError(err)
	}
	header[0] = strings.TrimPrefix(header[0], "\uFEFF") // the byte order mark that spreadsheets write
	t, err := newTableReader(header, roles, drop)
	if err != nil {
		return nil, err
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, readError(err)
		}
		if at, err := t.add(row); err != nil {
			line, column := c.FieldPos(at)
			return nil, fmt.Errorf("line %d, column %d (%s): %w", line, column, t.header[at], err)
		}
	}
	if t.rows == 0 {
		return nil, errors.New("line 2: no row follows the header")
	}
	return t.finish(), nil
}

func readError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d, column %d: %w", p.Line, p.Column, p.Err)
	}
	return fmt.Errorf("read rows: %w", err)
}

// tableReader is a table that is being read.
type tableReader struct {
	table
	header []string
	roles  []role
	at     []int // of a role: its field, -1 for one that is not there
	from   []int // of a feature column: its field
}

func newTableReader(header []string, roles []role, drop func(string) bool) (*tableReader, error) {
	t := &tableReader{roles: roles}
	seen := make(map[string]bool, len(header))
	for i, name := range header {
		switch {
		case name == "":
			return nil, fmt.Errorf("line 1: column number %d has no name", i+1)
		case seen[name]:
			return nil, fmt.Errorf("line 1: two columns are named %q", name)
		}
		t.header = append(t.header, strings.Clone(name))
		seen[t.header[i]] = true
	}
	for _, r := range roles {
		at := slices.Index(t.header, r.column)
		if at < 0 && !r.optional {
			return nil, fmt.Errorf("line 1: no column is named %q", r.column)
		}
		t.at = append(t.at, at)
	}
	for i, name := range t.header {
		if !slices.Contains(t.at, i) && !drop(name) {
			t.columns, t.from = append(t.columns, column{name: name}), append(t.from, i)
		}
	}
	return t, nil
}

// add takes the fields of one row, or returns the number of the one that is wrong.
func (t *tableReader) add(row []string) (int, error) {
	for i, r := range t.roles {
		if at := t.at[i]; at >= 0 {
			if err := r.take(row[at]); err != nil {
				return at, err
			}
		}
	}
	for i := range t.columns {
		t.columns[i].texts = append(t.columns[i].texts, strings.Clone(row[t.from[i]]))
	}
	t.rows++
	return 0, nil
}

// finish settles every column's kind, and orders features by name.
func (t *tableReader) finish() *table {
	slices.SortFunc(t.columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	for i := range t.columns {
		t.columns[i].parseNumbers()
	}
	return &t.table
}

func (c *column) parseNumbers() {
	numbers := make([]float64, len(c.texts))
	for i, text := range c.texts {
		if text == "" {
			numbers[i] = math.NaN()
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		numbers[i] = x
	}
	c.numbers, c.texts = numbers, nil
}

// appendRow appends the features of row i that are not missing to dst, ordered by name.
func (t *table) appendRow(dst features.Set, i int) features.Set {
	for _, c := range t.columns {
		var v features.Value
		switch {
		case c.texts != nil && c.texts[i] != "":
			v = features.TextValue(c.texts[i])
		case c.texts == nil && !math.IsNaN(c.numbers[i]):
			v = features.NumberValue(c.numbers[i])
		default:
			continue
		}
		dst = append(dst, features.Feature{Name: c.name, Value: v})
	}
	return dst
}

// Decompress returns what r holds, unpacked when its first bytes say that it is gzip. A name that ends in .gz must be.
func Decompress(r io.Reader, name string) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read: %w", err)
	}
	if string(magic) != "\x1f\x8b" {
		if strings.HasSuffix(name, ".gz") {
			return nil, errors.New("line 1: the name ends in .gz but the file is not gzip")
		}
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("line 1: unpack: %w", err)
	}
	return z, nil
}
