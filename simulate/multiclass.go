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

// labelColumn is the column that holds the rewarded action.
const labelColumn = "label"

// maxActions bounds what a label may be: a stray id in the label column is not a million actions.
const maxActions = 10_000

// Multiclass is a classification data set, replayed as a bandit problem: the actions are the classes, and a decision
// pays 1 when it names the row's class. It is immutable.
type Multiclass struct {
	Labels  []int
	Actions int // labels are 0..Actions-1
	columns []column
}

// column is one feature over all rows: numbers, or texts when any value is not a number.
type column struct {
	name    string
	texts   []string // nil for numbers
	numbers []float64
}

// ReadMulticlass reads comma-separated values with a header row. A column named label holds the class; every other
// column is a feature, a number unless any of its values does not parse as a finite one, then a category. An empty
// field is a missing value. Errors name line and column.
func ReadMulticlass(r io.Reader) (*Multiclass, error) {
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
	m, label, err := newMulticlass(header)
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
		if err := m.add(row, label); err != nil {
			line, column := c.FieldPos(label)
			return nil, fmt.Errorf("line %d, column %d (%s): %w", line, column, labelColumn, err)
		}
	}
	if len(m.Labels) == 0 {
		return nil, errors.New("line 2: no row follows the header")
	}
	m.parseNumbers()
	return m, nil
}

func readError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d, column %d: %w", p.Line, p.Column, p.Err)
	}
	return fmt.Errorf("read rows: %w", err)
}

func newMulticlass(header []string) (m *Multiclass, label int, err error) {
	m, label = &Multiclass{}, slices.Index(header, labelColumn)
	if label < 0 {
		return nil, 0, fmt.Errorf("line 1: no column is named %q", labelColumn)
	}
	for i, name := range header {
		switch {
		case name == "":
			return nil, 0, fmt.Errorf("line 1: column number %d has no name", i+1)
		case slices.Index(header, name) < i:
			return nil, 0, fmt.Errorf("line 1: two columns are named %q", name)
		}
		m.columns = append(m.columns, column{name: strings.Clone(name)})
	}
	return m, label, nil
}

// add takes the fields of one row. Equal texts of a column are kept once.
func (m *Multiclass) add(row []string, label int) error {
	class, err := strconv.Atoi(row[label])
	switch {
	case row[label] == "":
		return errors.New("the label is missing")
	case err != nil || class < 0:
		return fmt.Errorf("the label %q is not an integer from 0", row[label])
	case class >= maxActions:
		return fmt.Errorf("the label %d is not below %d", class, maxActions)
	}
	m.Labels = append(m.Labels, class)
	m.Actions = max(m.Actions, class+1)
	for i := range m.columns {
		if i != label {
			m.columns[i].texts = append(m.columns[i].texts, strings.Clone(row[i]))
		}
	}
	return nil
}

// parseNumbers settles every column's kind, and orders features by name.
func (m *Multiclass) parseNumbers() {
	m.columns = slices.DeleteFunc(m.columns, func(c column) bool { return c.name == labelColumn })
	slices.SortFunc(m.columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	for i := range m.columns {
		m.columns[i].parseNumbers()
	}
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
func (m *Multiclass) appendRow(dst features.Set, i int) features.Set {
	for _, c := range m.columns {
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
