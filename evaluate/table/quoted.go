package table

import (
	"bytes"
	"errors"
	"io"
)

var (
	comma = []byte(",")
	quote = []byte(`"`)

	errBareQuote = errors.New(`a cell that is not quoted has a " in it`)
	errQuote     = errors.New(`after the closing " of a cell comes something other than a comma`)
	errNotClosed = errors.New(`a cell's " is not closed`)
)

// quotedRow is a row of CSV, some cells of which may be quoted.
type quotedRow struct {
	text []byte // of all cells, one after the other, without quotes
	ends []int  // where each cell ends
}

func (q *quotedRow) count() int { return len(q.ends) }

// cell returns a cell, valid until the next split.
func (q *quotedRow) cell(i int) []byte {
	start := 0
	if i > 0 {
		start = q.ends[i-1]
	}
	return q.text[start:q.ends[i]]
}

func (q *quotedRow) strings() []string {
	cells := make([]string, q.count())
	for i := range cells {
		cells[i] = string(q.cell(i))
	}
	return cells
}

// split takes a row apart, and reads on where a line ends within quotes.
func (q *quotedRow) split(line []byte, more *lines) (err error) {
	q.text, q.ends = q.text[:0], q.ends[:0]
	for {
		if bytes.HasPrefix(line, quote) {
			line, err = q.readQuoted(line[1:], more)
		} else {
			line, err = q.readPlain(line)
		}
		if err != nil {
			return err
		}
		q.ends = append(q.ends, len(q.text))
		if len(line) == 0 {
			return nil
		}
		line = line[1:] // the comma
	}
}

// readPlain takes a cell without quotes off a line, and returns the rest from the comma on.
func (q *quotedRow) readPlain(line []byte) ([]byte, error) {
	end := bytes.IndexByte(line, ',')
	if end < 0 {
		end = len(line)
	}
	if bytes.Contains(line[:end], quote) {
		return nil, errBareQuote
	}
	q.text = append(q.text, line[:end]...)
	return line[end:], nil
}

// readQuoted takes a cell off a line, after its opening quote, and returns the rest from the comma on.
func (q *quotedRow) readQuoted(line []byte, more *lines) ([]byte, error) {
	for {
		end := bytes.IndexByte(line, '"')
		if end < 0 {
			var err error
			if line, err = q.nextLine(line, more); err != nil {
				return nil, err
			}
			continue
		}
		q.text = append(q.text, line[:end]...)
		line = line[end+1:]
		if len(line) == 0 || line[0] == ',' {
			return line, nil
		}
		if line[0] != '"' {
			return nil, errQuote
		}
		q.text, line = append(q.text, '"'), line[1:]
	}
}

func (q *quotedRow) nextLine(line []byte, more *lines) ([]byte, error) {
	q.text = append(append(q.text, line...), '\n')
	if len(q.text) > longestLine {
		return nil, errNotClosed
	}
	line, err := more.next()
	if errors.Is(err, io.EOF) || errors.Is(err, errCutOff) {
		return nil, errNotClosed
	}
	return line, err
}
