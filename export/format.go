package export

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Format is how a table is stored.
type Format string

// The formats.
const (
	Parquet Format = "parquet" // zstd, row groups of at most 131,072 rows
	NDJSON  Format = "ndjson"  // one JSON document a line
	CSV     Format = "csv"     // RFC 4180 with a header; lists and features are JSON in a cell
)

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Parquet, NDJSON, CSV:
		return f, nil
	}
	return "", fmt.Errorf("no format %q; there are parquet, ndjson, csv", name)
}

// schemaVersion counts changes of columns that break their readers. It stands in the metadata of Parquet files.
const schemaVersion = "1"

// encoder writes rows to one file. write keeps nothing of the rows but what flush writes out.
type encoder interface {
	write([]Row) error
	flush() error // what is held in memory goes to the file
	close() error // ends the contents; the file itself is the caller's
}

func newEncoder(f Format, w io.Writer) (encoder, error) {
	switch f {
	case NDJSON:
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return ndjsonEncoder{e}, nil
	case CSV:
		return newCSVEncoder(w)
	default:
		return newParquetEncoder(w), nil
	}
}

type parquetEncoder struct {
	*parquet.GenericWriter[Row]
}

// pageBytes is how much of a column is held uncompressed: with the default of 256 KiB an open file of few rows takes
// several megabytes.
const pageBytes = 64 << 10

func newParquetEncoder(w io.Writer) parquetEncoder {
	return parquetEncoder{parquet.NewGenericWriter[Row](w,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}),
		parquet.PageBufferSize(pageBytes),
		parquet.KeyValueMetadata("nextbest.schema", schemaVersion),
	)}
}

func (p parquetEncoder) write(rows []Row) error {
	_, err := p.Write(rows)
	return err
}

func (p parquetEncoder) flush() error { return p.Flush() }
func (p parquetEncoder) close() error { return p.Close() }

type ndjsonEncoder struct{ e *json.Encoder }

func (n ndjsonEncoder) write(rows []Row) error {
	for i := range rows {
		if err := n.e.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (ndjsonEncoder) flush() error { return nil }
func (ndjsonEncoder) close() error { return nil }

type csvEncoder struct {
	w       *csv.Writer
	columns []csvColumn
	cells   []string
}

func newCSVEncoder(w io.Writer) (*csvEncoder, error) {
	c := &csvEncoder{w: csv.NewWriter(w), columns: csvColumns()}
	for _, column := range c.columns {
		c.cells = append(c.cells, column.name)
	}
	return c, c.w.Write(c.cells)
}

func (c *csvEncoder) write(rows []Row) error {
	for i := range rows {
		c.cells = c.cells[:0]
		for _, column := range c.columns {
			c.cells = append(c.cells, column.cell(&rows[i]))
		}
		if err := c.w.Write(c.cells); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvEncoder) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvEncoder) close() error { return c.flush() }

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func moment(t time.Time) string { return t.Format(time.RFC3339Nano) }

// optional is a number, or an empty cell without one.
func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return number(*x)
}

// list is a list as a JSON text. Texts and finite numbers always have one.
func list[T any](xs []T) string {
	b, err := json.Marshal(xs)
	if err != nil {
		panic("export: a list has no JSON: " + err.Error()) // The log takes finite numbers alone.
	}
	return string(b)
}
