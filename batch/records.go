package batch

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxRecordBytes bounds a row, so that a quote that is never closed, or a line without an end, takes neither the rest of
// the file nor all memory.
const maxRecordBytes = 256 << 10

// rowError is what is wrong with one record. The next one can be read.
type rowError struct{ error }

// records cuts CSV into records and parses each on its own, so that what is wrong with one is known of that one only. A
// quote that is opened and not closed in its record is an error of its line, and the lines after it are read as they are.
type records struct {
	from   *bufio.Reader
	ahead  []textLine // read already, and to be read again: the next one last
	number int        // of the last line that was read from
	width  int        // fields of a record; 0: any
	feed   bytes.Reader
	csv    *csv.Reader
	parsed int64 // bytes that csv has had
}

// textLine is one line with its end.
type textLine struct {
	number  int
	text    []byte
	tooLong bool // text is not there
}

func newRecords(from io.Reader) *records {
	r := &records{from: bufio.NewReaderSize(from, 64<<10)}
	r.reset()
	return r
}

// reset makes a new parser, for one that has failed may hold a part of a record. A parser is fed one record at a time.
func (r *records) reset() {
	r.csv, r.parsed = csv.NewReader(&r.feed), 0
	r.csv.FieldsPerRecord = -1
	r.csv.ReuseRecord = true
}

// next returns the fields of the next record, valid until the next call, and the line that it begins in. Errors are
// io.EOF, a rowError, or of reading the file. Empty lines are no records.
func (r *records) next() (fields []string, line int, err error) {
	first, err := r.line()
	for err == nil && !first.tooLong && len(bytes.TrimRight(first.text, "\r\n")) == 0 {
		first, err = r.line()
	}
	if err != nil {
		return nil, 0, err
	}
	if first.tooLong {
		return nil, first.number, rowError{fmt.Errorf("line %d: has more than %d bytes", first.number, maxRecordBytes)}
	}
	text, more, err := r.closed(first)
	if err == nil {
		fields, err = r.parse(text)
	}
	if bad := (rowError{}); errors.As(err, &bad) {
		for _, l := range slices.Backward(more) {
			r.ahead = append(r.ahead, l)
		}
		err = rowError{fmt.Errorf("line %d: %w", first.number, bad.error)}
	}
	return fields, first.number, err
}

// closed returns a record's text: its first line and, while a quote is open, those after it, which more holds.
func (r *records) closed(first textLine) (text []byte, more []textLine, err error) {
	text = first.text
	quotes := quotesIn(text)
	if quotes%2 == 1 {
		text = bytes.Clone(text) // The line itself may have to be read again.
	}
	for quotes%2 == 1 {
		l, err := r.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, more, err
		}
		if err == nil {
			more = append(more, l)
		}
		if err != nil || l.tooLong || len(text)+len(l.text) > maxRecordBytes {
			return nil, more, rowError{errors.New("a quote is not closed")}
		}
		text = append(text, l.text...)
		quotes += quotesIn(l.text)
	}
	return text, more, nil
}

func quotesIn(text []byte) int { return bytes.Count(text, []byte{'"'}) }

func (r *records) parse(text []byte) ([]string, error) {
	r.feed.Reset(text)
	fields, err := r.csv.Read()
	r.parsed += int64(len(text))
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		r.reset()
		return nil, rowError{bad.Err}
	case err != nil || r.csv.InputOffset() != r.parsed: // It saw another record than was cut.
		r.reset()
		return nil, rowError{errors.New("cannot be read")}
	case r.width > 0 && len(fields) != r.width:
		return nil, rowError{fmt.Errorf("has %d fields, the header %d", len(fields), r.width)}
	}
	return fields, nil
}

// line returns the next line; io.EOF when there are no more.
func (r *records) line() (textLine, error) {
	if len(r.ahead) > 0 {
		last := len(r.ahead) - 1
		l := r.ahead[last]
		r.ahead[last] = textLine{}
		if r.ahead = r.ahead[:last]; last == 0 {
			r.ahead = nil // It may have been large.
		}
		return l, nil
	}
	r.number++
	l := textLine{number: r.number}
	for {
		part, err := r.from.ReadSlice('\n')
		if l.tooLong = l.tooLong || len(l.text)+len(part) > maxRecordBytes; l.tooLong {
			l.text = nil
		} else {
			l.text = append(l.text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if r.number == 1 {
			l.text = bytes.TrimPrefix(l.text, []byte("\ufeff")) // a byte order mark
		}
		if errors.Is(err, io.EOF) && (len(l.text) > 0 || l.tooLong) {
			return l, nil // The end comes again.
		}
		return l, err
	}
}
