package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// longestLine is how many bytes a line, or a row of CSV with line ends within quotes, may have.
const longestLine = 4 << 20

var (
	errLongLine = fmt.Errorf("the line is longer than %d bytes", longestLine)
	errCutOff   = errors.New("the last line has no end: the file may have been cut off")
)

// lines reads a text line by line.
type lines struct {
	r      *bufio.Reader
	number int64 // of the last line read, from 1
	long   []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 1<<16)} }

// byteOrderMark is what spreadsheets put before a text in UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// next returns the next line without its end (LF, or CR LF), valid until the next call, and io.EOF after the last. A last line without
// an end is returned together with errCutOff.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.collect(line)
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		l.number++
		return line, errCutOff
	}
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	l.number++
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	return line, nil
}

// collect joins the parts of a line that is longer than the buffer.
func (l *lines) collect(part []byte) (line []byte, err error) {
	l.long = append(l.long[:0], part...)
	for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
		part, err = l.r.ReadSlice('\n')
		if len(l.long)+len(part) > longestLine {
			return nil, errLongLine
		}
		l.long = append(l.long, part...)
	}
	return l.long, err
}
