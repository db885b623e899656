package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The bytes of a Linear, little endian, counts as unsigned varints:
//
//	version  default reward  skipped  context encoder  action encoder  action ids…  settled sums  provisional sums
//
// and those of its predictor, with the encoders' views and the weights by block.
const (
	linearVersion    = 1
	predictorVersion = 1
)

var errCorrupt = errors.New("corrupt model state")

// AppendBinary implements Estimator.
func (l *Linear) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, linearVersion)
	b = appendFloat(b, l.opts.DefaultReward)
	b = binary.AppendUvarint(b, l.skipped)
	for _, e := range []encoding{l.context, l.action} {
		bytes, err := e.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("write linear model: %w", err)
		}
		b = appendBytes(b, bytes)
	}
	b = binary.AppendUvarint(b, uint64(len(l.ids)))
	for _, id := range l.ids {
		b = appendBytes(b, []byte(id))
	}
	b = l.settled.appendBinary(b)
	return l.provisional.appendBinary(b), nil
}

type encoding interface {
	AppendBinary([]byte) ([]byte, error)
}

func (s *sums) appendBinary(b []byte) []byte {
	b = binary.AppendVarint(b, s.examples)
	b = binary.AppendUvarint(b, uint64(len(s.blocks)))
	for _, k := range s.blocks {
		if k == nil {
			b = binary.AppendUvarint(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, 1)
		b = appendFloats(b, k.zz)
		b = appendFloats(b, k.rz)
		b = binary.AppendUvarint(b, uint64(len(k.fz)))
		for _, row := range k.fz {
			b = appendFloats(b, row)
		}
	}
	b = appendFloats(b, s.ff)
	b = appendFloats(b, s.rf)
	return appendFloat(b, s.rr)
}

// UnmarshalBinary implements Estimator. The receiver has the options of the writer, else an error or, where only priors
// differ, another model of the same events. On an error the receiver is as it was.
func (l *Linear) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != linearVersion {
		return fmt.Errorf("read linear model: version %d is not %d", v, linearVersion)
	}
	if r := d.float(); d.err == nil && r != l.opts.DefaultReward {
		return fmt.Errorf("read linear model: its sums are relative to a default reward of %g, not %g", r, l.opts.DefaultReward)
	}
	m := NewLinear(l.opts)
	m.skipped = d.uvarint()
	for _, e := range []interface{ UnmarshalBinary([]byte) error }{m.context, m.action} {
		if err := e.UnmarshalBinary(d.bytes()); err != nil {
			return fmt.Errorf("read linear model: %w", err)
		}
	}
	for range d.count(1) {
		id := string(d.bytes())
		if _, twice := m.numbers[id]; twice {
			d.fail()
		}
		m.ids = append(m.ids, id)
		m.numbers[id] = int32(len(m.ids))
	}
	p, q := len(m.context.View().Terms()), len(m.action.View().Terms())
	m.settled = d.sums(len(m.ids)+1, p, q)
	m.provisional = d.sums(len(m.ids)+1, p, q)
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read linear model: %w", d.err)
	}
	*l = *m
	return nil
}

// sums reads sums of at most the given numbers of blocks, context terms and action terms.
func (d *decoder) sums(blocks, p, q int) sums {
	s := sums{examples: d.varint()}
	count := d.count(1)
	if count > blocks {
		d.fail()
		return s
	}
	for range count {
		if d.uvarint() == 0 {
			s.blocks = append(s.blocks, nil)
			continue
		}
		k := &block{zz: d.floats(p * (p + 1) / 2), rz: d.floats(p)}
		if len(k.zz) == 0 || len(k.rz) == 0 || !triangular(len(k.zz)) {
			d.fail()
		}
		for range d.count(1) {
			k.fz = append(k.fz, d.floats(p))
		}
		if len(k.fz) > q {
			d.fail()
		}
		s.blocks = append(s.blocks, k)
	}
	s.ff, s.rf, s.rr = d.floats(q*(q+1)/2), d.floats(q), d.float()
	return s
}

// triangular reports whether n is the size of a packed triangle.
func triangular(n int) bool {
	k := 0
	for k*(k+1)/2 < n {
		k++
	}
	return k*(k+1)/2 == n
}

// AppendBinary implements Predictor.
func (p *linearPredictor) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, predictorVersion)
	b = appendBytes(b, p.context.AppendBinary(nil))
	b = appendBytes(b, p.action.AppendBinary(nil))
	b = binary.AppendUvarint(b, p.events)
	b = appendFloat(b, p.deviation)
	b = binary.AppendUvarint(b, uint64(len(p.ids)))
	for _, id := range p.ids {
		b = appendBytes(b, []byte(id))
	}
	for _, w := range p.blocks {
		b = appendFloats(b, w)
	}
	return appendFloats(b, p.shared), nil
}

func appendFloat(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

func appendFloats(b []byte, xs []float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(xs)))
	for _, x := range xs {
		b = appendFloat(b, x)
	}
	return b
}

func appendBytes(b, bytes []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(bytes))), bytes...)
}

// decoder reads from b until its first error, and zeros from then on.
type decoder struct {
	b   []byte
	err error
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

func (d *decoder) varint() int64 {
	x, n := binary.Varint(d.b)
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
	if x > uint64(len(d.b)/size) {
		d.fail()
		return 0
	}
	return int(x)
}

func (d *decoder) float() float64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(d.b))
	d.b = d.b[8:]
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.fail()
		return 0
	}
	return x
}

func (d *decoder) floats(most int) []float64 {
	n := d.count(8)
	if n > most {
		d.fail()
		n = 0
	}
	if n == 0 {
		return nil
	}
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = d.float()
	}
	return xs
}

func (d *decoder) bytes() []byte {
	n := d.count(1)
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}
