package learn

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// packed is a model.Example in the bytes that open events and checkpoints keep:
//
//	uvarint length, action id
//	uvarint number of context terms, terms
//	uvarint number of action terms, terms
//	uvarint width, and 8 bytes for each recent value, none of them when all are 0
//	term: uvarint index<<1 | 1 when the value is 1 (most are: categories), else uvarint index<<1 and 8 bytes of value
//
// A categorical term takes 1 to 3 bytes where model.Example takes 16.
type packed []byte

func pack(x *model.Example) packed {
	b := binary.AppendUvarint(make([]byte, 0, 16+len(x.ActionID)+4*(len(x.Context)+len(x.Action))), uint64(len(x.ActionID)))
	b = append(b, x.ActionID...)
	b = appendTerms(b, x.Context)
	b = appendTerms(b, x.Action)
	b = binary.AppendUvarint(b, uint64(x.Width))
	for _, v := range x.Recent {
		if x.Recent != [len(x.Recent)]float64{} {
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

func appendTerms(b []byte, terms []features.Term) []byte {
	b = binary.AppendUvarint(b, uint64(len(terms)))
	for _, t := range terms {
		index := uint64(uint32(t.Index)) << 1
		if t.Value == 1 {
			b = binary.AppendUvarint(b, index|1)
			continue
		}
		b = binary.AppendUvarint(b, index)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(t.Value))
	}
	return b
}

var errPacked = errors.New("packed example is damaged")

// unpack writes the example into x, using its slices again.
func (p packed) unpack(x *model.Example) error {
	d := decoder{b: p}
	x.ActionID = d.string()
	x.Context = d.terms(x.Context[:0])
	x.Action = d.terms(x.Action[:0])
	x.Width = int(uint32(d.uvarint()))
	clear(x.Recent[:])
	for i := range x.Recent {
		if len(d.b) > 0 {
			x.Recent[i] = d.float()
		}
	}
	if d.failed || len(d.b) > 0 {
		return errPacked
	}
	return nil
}

func (d *decoder) terms(dst []features.Term) []features.Term {
	n := d.count(1)
	for range n {
		u := d.uvarint()
		t := features.Term{Index: int32(uint32(u >> 1)), Value: 1}
		if u&1 == 0 {
			t.Value = d.float()
		}
		dst = append(dst, t)
	}
	return dst
}
