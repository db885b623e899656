package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// recordVersion is the first byte of every record. Another one is of a program that we do not know how to read.
const recordVersion = 1

type operation byte

const (
	opPut    operation = 1
	opDelete operation = 2
)

// field is one stored feature.
type field struct{ name, text string }

// record is one change of one user. Applied twice, it leaves the same as once.
type record struct {
	op     operation
	user   string
	fields []field // by name
}

// errVersion says that a record was written by a later program.
var errVersion = errors.New("written by a later version of this program")

// putRecord makes a record of a Put.
func putRecord(user string, values map[string]string) record {
	r := record{op: opPut, user: user, fields: make([]field, 0, len(values))}
	for name, text := range values {
		r.fields = append(r.fields, field{name, text})
	}
	slices.SortFunc(r.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return r
}

func (r record) append(b []byte) []byte {
	b = append(b, recordVersion, byte(r.op))
	b = appendText(b, r.user)
	if r.op == opDelete {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(r.fields)))
	for _, f := range r.fields {
		b = appendText(b, f.name)
		b = appendText(b, f.text)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// parseRecord reads a record. Its texts are copies.
func parseRecord(b []byte) (record, error) {
	if len(b) < 2 {
		return record{}, errors.New("a record of less than two bytes")
	}
	if b[0] != recordVersion {
		return record{}, fmt.Errorf("record version %d: %w", b[0], errVersion)
	}
	r := record{op: operation(b[1])}
	c := cutter{rest: b[2:]}
	r.user = c.text()
	switch r.op {
	case opDelete:
	case opPut:
		n := c.uvarint()
		if n > uint64(len(c.rest)) { // a field has two bytes at least
			return record{}, fmt.Errorf("%d fields in %d bytes", n, len(c.rest))
		}
		r.fields = make([]field, 0, n)
		for range n {
			r.fields = append(r.fields, field{c.text(), c.text()})
		}
	default:
		return record{}, fmt.Errorf("record operation %d: %w", r.op, errVersion)
	}
	if c.short || len(c.rest) > 0 {
		return record{}, errors.New("a record that does not end where it should")
	}
	return r, r.check()
}

func (r record) check() error {
	if r.user == "" {
		return errors.New("a record of nobody")
	}
	for i := 1; i < len(r.fields); i++ {
		if r.fields[i].name <= r.fields[i-1].name {
			return errors.New("a record whose fields are not in order")
		}
	}
	return nil
}

// cutter cuts parts off a record, and notes when there are none left.
type cutter struct {
	rest  []byte
	short bool
}

func (c *cutter) uvarint() uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.short, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cutter) text() string {
	n := c.uvarint()
	if n > uint64(len(c.rest)) {
		c.short, c.rest = true, nil
		return ""
	}
	s := string(c.rest[:n])
	c.rest = c.rest[n:]
	return s
}
