package table

import (
	"errors"

	"github.com/parquet-go/parquet-go"
)

// parquetLists reads the action set of each row from two columns of lists.
type parquetLists struct {
	set                    actionSet
	actions, probabilities *parquetColumn
}

// newParquetLists returns nil where the file has no such columns.
func newParquetLists(root *parquet.Column) *parquetLists {
	names, numbers := newParquetList(root.Column(actionsColumn), action), newParquetList(root.Column(probabilitiesColumn), pscore)
	if names == nil || numbers == nil {
		return nil
	}
	return &parquetLists{actions: names, probabilities: numbers}
}

// newParquetList returns the leaf of a column that holds a list, with values of which a field can be made; nil for others.
func newParquetList(c *parquet.Column, f field) *parquetColumn {
	for c != nil && !c.Leaf() && len(c.Columns()) == 1 {
		c = c.Columns()[0]
	}
	if c == nil || !c.Leaf() || c.MaxRepetitionLevel() != 1 {
		return nil
	}
	unsigned, err := checkParquetType(c.Type(), fields[f].kind)
	if err != nil {
		return nil
	}
	return &parquetColumn{field: f, index: c.Index(), unsigned: unsigned}
}

func (p *parquetLists) columns() []*parquetColumn {
	return []*parquetColumn{p.actions, p.probabilities}
}

// next reads the lists of the next row.
func (p *parquetLists) next(names *actionNames) error {
	p.set.clear()
	err := p.actions.eachOfRow(func(value parquet.Value) error {
		number, err := names.number(p.actions.text(value))
		p.set.actions = append(p.set.actions, number)
		return err
	})
	if err != nil {
		return &Error{Column: actionsColumn, Err: err}
	}
	err = p.probabilities.eachOfRow(func(value parquet.Value) error {
		p.set.probabilities = append(p.set.probabilities, p.probabilities.number(value))
		return nil
	})
	if err != nil {
		return &Error{Column: probabilitiesColumn, Err: err}
	}
	return nil
}

// eachOfRow calls f with each value of the next row's list. The first value of a row has repetition level 0, one without any
// value in the place of an empty list; the others have 1.
func (c *parquetColumn) eachOfRow(f func(parquet.Value) error) error {
	for n := 0; ; n++ {
		if len(c.batch) == 0 {
			err := guard(c.fill)
			if n > 0 && errors.Is(err, errFewerValues) {
				return nil // The list was the last of the row group.
			}
			if err != nil {
				return damagedParquet(err)
			}
		}
		value := c.batch[0]
		if first := value.RepetitionLevel() == 0; first != (n == 0) {
			if first {
				return nil
			}
			return damagedParquet(errors.New("the list of a row begins inside another"))
		}
		c.batch = c.batch[1:]
		if value.IsNull() {
			return errMissing
		}
		if err := f(value); err != nil {
			return err
		}
	}
}
