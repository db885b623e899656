package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-json-experiment/json/jsontext"
)

// objects reads lines that are JSON objects, member by member, without allocating.
type objects struct {
	lines   *lines
	json    jsontext.Decoder
	buffer  bytes.Buffer
	options []jsontext.Options
	text    []byte // unquoted
}

func newObjects(r io.Reader, options ...jsontext.Options) *objects {
	return &objects{lines: newLines(r), options: options}
}

// line returns the next line. The last needs no end: a JSON object has its own.
func (o *objects) line() ([]byte, error) {
	line, err := o.lines.next()
	if errors.Is(err, errCutOff) {
		err = nil
	}
	if err == nil && o.lines.number == 1 {
		err = checkStart(line)
	}
	return line, err
}

// begin starts to read an object.
func (o *objects) begin(line []byte) error {
	o.buffer = *bytes.NewBuffer(line)
	o.json.Reset(&o.buffer, o.options...)
	token, err := o.json.ReadToken()
	if err != nil {
		return badJSON(err)
	}
	if token.Kind() != '{' {
		return errors.New("the line is not a JSON object")
	}
	return nil
}

// more reports whether there is another member, or something wrong for name to tell.
func (o *objects) more() bool { return o.json.PeekKind() != '}' }

// name reads the name of a member, valid until the next call of name or unquote.
func (o *objects) name() ([]byte, error) {
	quoted, err := o.value()
	if err != nil {
		return nil, err
	}
	return o.unquote(quoted)
}

// value reads the text of a value, valid until anything else is read.
func (o *objects) value() (jsontext.Value, error) {
	value, err := o.json.ReadValue()
	return value, badJSON(err)
}

func (o *objects) skip() error { return badJSON(o.json.SkipValue()) }

// unquote returns what a JSON string says.
func (o *objects) unquote(quoted jsontext.Value) (_ []byte, err error) {
	o.text, err = jsontext.AppendUnquote(o.text[:0], quoted)
	return o.text, badJSON(err)
}

// end reads the end of the object, and refuses what comes after it.
func (o *objects) end() error {
	if _, err := o.json.ReadToken(); err != nil {
		return badJSON(err)
	}
	switch _, err := o.json.ReadToken(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return badJSON(err)
	}
	return errors.New("after the JSON object comes another value")
}

// badJSON says of an error of the decoder what a reader of the message can use.
func badJSON(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON object is cut off")
	}
	return fmt.Errorf("%w", err)
}

// number reads a value that must be a number.
func (o *objects) number() (float64, error) {
	value, err := o.value()
	if err != nil {
		return 0, err
	}
	if value.Kind() != '0' {
		return 0, badCell(value, "a number")
	}
	return parseNumber(value)
}

// integer reads a value that must be a whole number from 0.
func (o *objects) integer() (int, error) {
	x, err := o.number()
	if err == nil && !(x >= 0 && x < 1<<31 && x == math.Trunc(x)) {
		err = fmt.Errorf("%v is not a whole number from 0", x)
	}
	return int(x), err
}

// boolean reads a value that must be true or false.
func (o *objects) boolean() (bool, error) {
	value, err := o.value()
	if err == nil && value.Kind() != 't' && value.Kind() != 'f' {
		err = badCell(value, "true or false")
	}
	return err == nil && value.Kind() == 't', err
}

// readList appends the values of an array to a list.
func readList[T any](o *objects, list []T, read func() (T, error)) ([]T, error) {
	token, err := o.json.ReadToken()
	if err != nil {
		return list, badJSON(err)
	}
	if token.Kind() != '[' {
		return list, errors.New("it is not an array")
	}
	for o.json.PeekKind() != ']' {
		x, err := read()
		if err != nil {
			return list, err
		}
		list = append(list, x)
	}
	_, err = o.json.ReadToken()
	return list, badJSON(err)
}
