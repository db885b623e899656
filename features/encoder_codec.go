package features

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The bytes of an Encoder: a version, then for every field by first appearance its name and codes, then what an index
// means follows from the codes. Unsigned varints throughout, anchors as little-endian float64, indices plus one.
//
//	version  observed  intercept  terms  fields { name  flag  numbers? { first indicator whenMissing n anchor… }
//	                                              texts? { other n { text index }… } }…  absent { field }…
const encoderVersion = 1

var errCorrupt = errors.New("corrupt encoder")

// AppendBinary appends the encoder's state: the same for the same Observes, on every machine. The bounds of its options
// are not part of it.
func (e *Encoder) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, encoderVersion)
	b = appendBool(b, e.observed)
	return e.view.AppendBinary(b), nil
}

// AppendBinary appends what encodings depend on: the same for the same Observes, on every machine.
func (v *View) AppendBinary(b []byte) []byte {
	b = appendBool(b, v.intercept)
	b = binary.AppendUvarint(b, uint64(len(v.terms)))
	b = binary.AppendUvarint(b, uint64(len(v.fields)))
	position := make(map[*field]int, len(v.fields))
	for i, f := range v.fields {
		position[f] = i
		b = f.appendBinary(b)
	}
	b = binary.AppendUvarint(b, uint64(len(v.absent)))
	for _, f := range v.absent {
		b = binary.AppendUvarint(b, uint64(position[f]))
	}
	return b
}

func (f *field) appendBinary(b []byte) []byte {
	b = appendString(b, f.name)
	b = appendIndex(b, f.flag)
	b = appendBool(b, f.numbers != nil)
	if n := f.numbers; n != nil {
		b = appendIndex(b, n.first)
		b = appendIndex(b, n.indicator)
		b = appendBool(b, n.whenMissing)
		b = binary.AppendUvarint(b, uint64(len(n.anchors)))
		for _, x := range n.anchors {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	b = appendBool(b, f.texts != nil)
	if t := f.texts; t != nil {
		b = appendIndex(b, t.other)
		b = binary.AppendUvarint(b, uint64(len(t.order)))
		for _, text := range t.order {
			b = appendString(b, text)
			b = appendIndex(b, t.index[text])
		}
	}
	return b
}

// UnmarshalBinary restores the state of an encoder with the same options. On an error the encoder is as it was.
func (e *Encoder) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != encoderVersion {
		return fmt.Errorf("read encoder: version %d is not %d", v, encoderVersion)
	}
	observed := d.bool()
	view := d.view()
	if d.err == nil && (len(d.b) > 0 || view.intercept != e.opts.Intercept) {
		d.err = errCorrupt
	}
	if d.err != nil {
		return fmt.Errorf("read encoder: %w", d.err)
	}
	e.view, e.lent, e.observed = view, false, observed
	return nil
}

func (d *decoder) view() *View {
	v := &View{intercept: d.bool(), byName: map[string]*field{}}
	terms := d.count(1) // each is named by at least a byte
	if terms == 0 {
		d.fail()
		return v
	}
	v.terms = make([]TermInfo, terms)
	d.taken = make([]bool, terms)
	d.taken[0] = true
	for i := range v.terms {
		v.terms[i].Indicator = noTerm
	}
	for range d.count(1) {
		f := d.field(v.terms)
		if v.byName[f.name] != nil {
			d.fail()
		}
		v.fields = append(v.fields, f)
		v.byName[f.name] = f
		if f.numbers != nil && f.numbers.indicator < 0 {
			v.always++
		}
	}
	for range d.count(1) {
		i := d.count(0)
		if i >= len(v.fields) || v.fields[i].numbers == nil || !v.fields[i].numbers.whenMissing {
			d.fail()
			return v
		}
		v.absent = append(v.absent, v.fields[i])
	}
	for _, t := range d.taken {
		if !t {
			d.fail()
		}
	}
	return v
}

func (d *decoder) field(terms []TermInfo) *field {
	f := &field{name: d.string(), flag: d.index()}
	if d.bool() {
		n := &numbers{first: d.take(), indicator: d.index(), whenMissing: d.bool()}
		for i := range d.count(8) {
			at := n.first
			if i > 0 {
				at = d.claim(n.first + int32(i))
			}
			if d.err != nil {
				return f
			}
			terms[at] = TermInfo{Numeric: true, Indicator: n.indicator, WhenMissing: n.whenMissing}
			n.anchors = append(n.anchors, d.float())
		}
		if len(n.anchors) == 0 || n.whenMissing && n.indicator < 0 {
			d.fail()
		}
		f.numbers = n
	}
	if d.bool() {
		t := &texts{other: d.index(), index: map[string]int32{}}
		for range d.count(2) {
			text := d.string()
			if _, twice := t.index[text]; twice {
				d.fail()
			}
			t.order = append(t.order, text)
			t.index[text] = d.take()
		}
		f.texts = t
	}
	return f
}

func appendBool(b []byte, x bool) []byte {
	if x {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendIndex(b []byte, i int32) []byte { return binary.AppendUvarint(b, uint64(i+1)) }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads from b until its first error, and zeros from then on.
type decoder struct {
	b     []byte
	err   error
	taken []bool // the indices given out, each once
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err, d.b = errCorrupt, nil
	}
}

func (d *decoder) uvarint() uint64 {
	x, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return x
}

// count reads a number of things that take at least size bytes each.
func (d *decoder) count(size int) int {
	x := d.uvarint()
	if x > 1<<31 || x*uint64(size) > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(x)
}

func (d *decoder) bool() bool {
	x := d.uvarint()
	if x > 1 {
		d.fail()
	}
	return x == 1
}

func (d *decoder) string() string {
	n := d.count(1)
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) float() float64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(d.b))
	d.b = d.b[8:]
	if !finite(x) {
		d.fail()
	}
	return x
}

// index reads an index that may be none, and take one that may not; claim checks that nothing else has it.
func (d *decoder) index() int32 {
	x := d.uvarint()
	if x == 0 || d.err != nil {
		return noTerm
	}
	return d.claim(int32(min(x, 1<<30)) - 1)
}

func (d *decoder) take() int32 {
	i := d.index()
	if i < 0 {
		d.fail()
		return 0
	}
	return i
}

func (d *decoder) claim(i int32) int32 {
	if int(i) >= len(d.taken) || d.taken[i] {
		d.fail()
		return noTerm
	}
	d.taken[i] = true
	return i
}
