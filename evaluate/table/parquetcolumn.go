package table

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/nextbest/nextbest/ope"
)

// parquetColumn reads the values of one column, a batch at a time.
type parquetColumn struct {
	field    field
	index    int // among the leaves of the schema
	unsigned bool
	pages    parquet.Pages
	page     parquet.Page
	values   parquet.ValueReader
	buffer   [256]parquet.Value
	batch    []parquet.Value // of buffer, still to be returned; valid as long as page is
	digits   []byte
}

func newParquetColumn(c *parquet.Column, f field) (*parquetColumn, error) {
	if !c.Leaf() || c.Repeated() {
		return nil, errors.New("it holds more than one value a row")
	}
	unsigned, err := checkParquetType(c.Type(), fields[f].kind)
	return &parquetColumn{field: f, index: c.Index(), unsigned: unsigned}, err
}

// checkParquetType refuses types by which the stored value is not the one meant, such as decimals and dates.
func checkParquetType(t parquet.Type, k kind) (unsigned bool, err error) {
	if logical := t.LogicalType(); logical != nil {
		switch v := logical.Value.(type) {
		case nil, *format.StringType, *format.EnumType:
		case *format.IntType:
			unsigned = !v.IsSigned
		default:
			return false, fmt.Errorf("it is of type %v, want %s", t, wantedType[k])
		}
	}
	switch physical := t.Kind(); {
	case physical == parquet.Int32 || physical == parquet.Int64:
	case (physical == parquet.Double || physical == parquet.Float) && k != name:
	case physical == parquet.ByteArray && k == name:
	default:
		return false, fmt.Errorf("it is of type %v, want %s", t, wantedType[k])
	}
	return unsigned, nil
}

// open starts to read a chunk of the column.
func (c *parquetColumn) open(chunk parquet.ColumnChunk) {
	c.close()
	c.pages = chunk.Pages()
}

func (c *parquetColumn) close() {
	c.release()
	if c.pages != nil {
		_ = c.pages.Close() // Nothing was written, and what was read is read.
	}
	c.pages = nil
}

// release gives the memory of the present page back.
func (c *parquetColumn) release() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.batch = nil, nil, nil
}

// next returns the next value, valid until the next call.
func (c *parquetColumn) next() (parquet.Value, error) {
	if len(c.batch) == 0 {
		if err := guard(c.fill); err != nil {
			return parquet.Value{}, damagedParquet(err)
		}
	}
	value := c.batch[0]
	c.batch = c.batch[1:]
	return value, nil
}

// errFewerValues is what the end of a column comes as.
var errFewerValues = errors.New("the column has fewer values than there are rows")

// fill reads values, of which there must be more.
func (c *parquetColumn) fill() error {
	for {
		if c.values != nil {
			n, err := c.values.ReadValues(c.buffer[:])
			if n > 0 {
				c.batch = c.buffer[:n]
				return nil
			}
			if err != nil && err != io.EOF {
				return err
			}
		}
		c.release()
		page, err := c.pages.ReadPage()
		if err == io.EOF {
			return errFewerValues
		}
		if err != nil {
			return err
		}
		c.page, c.values = page, page.Values()
	}
}

// set sets the field of a sample.
func (c *parquetColumn) set(cells *cells, s *ope.Sample, value parquet.Value) error {
	if value.IsNull() {
		return errMissing
	}
	if fields[c.field].kind != name {
		return cells.number(s, c.field, c.number(value))
	}
	return cells.name(s, c.field, c.text(value))
}

// text returns a value that is a name, valid until the next call of next or text.
func (c *parquetColumn) text(value parquet.Value) []byte {
	if value.Kind() == parquet.ByteArray {
		return value.ByteArray()
	}
	if c.unsigned {
		c.digits = strconv.AppendUint(c.digits[:0], natural(value), 10)
	} else {
		c.digits = strconv.AppendInt(c.digits[:0], integer(value), 10)
	}
	return c.digits
}

func (c *parquetColumn) number(value parquet.Value) float64 {
	switch value.Kind() {
	case parquet.Double:
		return value.Double()
	case parquet.Float:
		return float64(value.Float())
	}
	if c.unsigned {
		return float64(natural(value))
	}
	return float64(integer(value))
}

func integer(value parquet.Value) int64 {
	if value.Kind() == parquet.Int32 {
		return int64(value.Int32())
	}
	return value.Int64()
}

func natural(value parquet.Value) uint64 {
	if value.Kind() == parquet.Int32 {
		return uint64(value.Uint32())
	}
	return value.Uint64()
}
