package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/nextbest/nextbest/ope"
)

// csvSource reads comma-separated values as RFC 4180 has them, with LF for an end of line. Package encoding/csv reads
// the same; it makes a string of every row, which costs more than all else here.
type csvSource struct {
	lines   *lines
	layout  *layout
	cells   *cells
	columns int
	quoted  quotedRow
	start   int64 // line that the row began on
}

func openCSV(r io.Reader, options Options, cells *cells) (*csvSource, error) {
	c := &csvSource{lines: newLines(r), cells: cells}
	line, err := c.lines.next()
	if errors.Is(err, io.EOF) {
		return c, errEmpty
	}
	c.start = c.lines.number
	if err != nil {
		return c, err
	}
	if err := checkStart(line); err != nil {
		return c, err
	}
	if err := c.quoted.split(line, c.lines); err != nil {
		return c, err
	}
	header := c.quoted.strings()
	c.columns = len(header)
	c.layout, err = newLayout(header, options)
	return c, err
}

func (c *csvSource) place(e *Error) { e.Line = c.start }

func (c *csvSource) fields() *layout { return c.layout }

func (c *csvSource) next(s *ope.Sample) error {
	line, err := c.lines.next()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	c.start = c.lines.number
	if err != nil {
		return err
	}
	if bytes.IndexByte(line, '"') >= 0 {
		return c.readQuoted(s, line)
	}
	return c.readPlain(s, line)
}

// readPlain reads a row without quotes.
func (c *csvSource) readPlain(s *ope.Sample, line []byte) error {
	wants, rest, more := c.layout.wants, line, true
	var cell []byte
	column := 0
	for ; more; column++ {
		cell, rest, more = bytes.Cut(rest, comma)
		for len(wants) > 0 && wants[0].column == column {
			if err := c.cells.text(s, wants[0].field, cell); err != nil {
				return c.cellError(bytes.Count(line, comma)+1, wants[0].field, err)
			}
			wants = wants[1:]
		}
	}
	return c.checkCount(column)
}

func (c *csvSource) readQuoted(s *ope.Sample, line []byte) error {
	if err := c.quoted.split(line, c.lines); err != nil {
		return err
	}
	if err := c.checkCount(c.quoted.count()); err != nil {
		return err
	}
	for _, w := range c.layout.wants {
		if err := c.cells.text(s, w.field, c.quoted.cell(w.column)); err != nil {
			return c.layout.inColumn(w.field, err)
		}
	}
	return nil
}

// cellError prefers to say that a row has too many or too few cells: what is in them is then a consequence.
func (c *csvSource) cellError(count int, f field, err error) error {
	if wrong := c.checkCount(count); wrong != nil {
		return wrong
	}
	return c.layout.inColumn(f, err)
}

func (c *csvSource) checkCount(count int) error {
	if count != c.columns {
		return fmt.Errorf("the row has %d cells, the header %d", count, c.columns)
	}
	return nil
}
