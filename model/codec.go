package model

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

var errCorrupt = errors.New("corrupt model state")

func appendFloat(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

func appendFloats(b []byte, xs []float64) []byte {
	b = slices.Grow(b, binary.MaxVarintLen64+8*len(xs))
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
	x := math.Float64frombits(d.uint64())
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.fail()
		return 0
	}
	return x
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	x := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
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
