package learn

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// encoder appends the fields of a checkpoint. What it writes depends on what is written alone.
type encoder struct{ b []byte }

func (e *encoder) uvarint(v uint64)  { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) varint(v int64)    { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) uint64(v uint64)   { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) float(v float64)   { e.uint64(math.Float64bits(v)) }
func (e *encoder) string(s string)   { e.uvarint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bytes(b []byte)    { e.uvarint(uint64(len(b))); e.b = append(e.b, b...) }
func (e *encoder) flags(fs ...bool)  { e.b = append(e.b, pack8(fs)) }
func (e *encoder) counts(c []uint64) { forEach(c, e.uvarint) }

func pack8(fs []bool) (b byte) {
	for i, f := range fs {
		if f {
			b |= 1 << i
		}
	}
	return b
}

func forEach(c []uint64, f func(uint64)) {
	for _, v := range c {
		f(v)
	}
}

// tally writes a map by its sorted keys.
func (e *encoder) tally(m map[string]uint64) {
	e.uvarint(uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.string(k)
		e.uvarint(m[k])
	}
}

// decoder reads what an encoder wrote. After a failure everything is zero and failed is set; it never reads past the
// end and never allocates more than there are bytes for.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) fail() { d.b, d.failed = nil, true }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) uint64() uint64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (d *decoder) float() float64 { return math.Float64frombits(d.uint64()) }
func (d *decoder) string() string { return string(d.take(d.uvarint())) }
func (d *decoder) bytes() []byte  { return d.take(d.uvarint()) }

// count reads a number of items that take at least size bytes each.
func (d *decoder) count(size uint64) int {
	n := d.uvarint()
	if n > uint64(len(d.b))/size {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) flags(fs ...*bool) {
	b := d.take(1)
	if b == nil {
		return
	}
	for i, f := range fs {
		*f = b[0]&(1<<i) != 0
	}
}

func (d *decoder) counts(c []uint64) {
	for i := range c {
		c[i] = d.uvarint()
	}
}

func (d *decoder) tally() map[string]uint64 {
	m := make(map[string]uint64)
	for range d.count(2) {
		k := d.string()
		m[k] = d.uvarint()
	}
	return m
}
