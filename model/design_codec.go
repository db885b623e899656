package model

import (
	"encoding/binary"

	"github.com/nextbest/nextbest/features"
)

func (d *design) appendBinary(b []byte) []byte {
	b = append(b, byte(index(d.budget.tracked)))
	b = binary.AppendUvarint(b, d.observed)
	b = binary.AppendUvarint(b, uint64(d.candidates))
	b = appendColumns(b, d.columns)
	for _, ms := range d.moments {
		for _, m := range ms {
			b = appendFloat(appendFloat(appendFloat(b, m.n), m.mean), m.squares)
		}
	}
	for _, p := range d.precision {
		b = appendFloats(b, p)
	}
	b = appendFloat(b, d.together.n)
	return appendFloats(appendFloats(b, d.together.sum), d.together.xx)
}

// appendColumns appends columns: 0 and 1 for a term of the context or an action, 2 and its columns for a product.
func appendColumns(b []byte, columns []column) []byte {
	b = binary.AppendUvarint(b, uint64(len(columns)))
	for _, c := range columns {
		if !c.pair {
			b = append(b, byte(index(c.action)))
			continue
		}
		b = append(b, 2)
		b = binary.AppendUvarint(b, uint64(c.a))
		b = binary.AppendUvarint(b, uint64(c.b))
	}
	return b
}

// design reads a design over the encoders' terms into a new one.
func (d *decoder) design(into *design, context, action []features.TermInfo) {
	*into = design{budget: into.budget}
	into.addTerms(actionTerms, action[:1])
	into.budget.tracked = d.uvarint() == 1
	into.observed, into.candidates = d.uvarint(), int(d.uvarint())
	d.columns(into, context, action)
	if d.err != nil || len(into.context) != len(context) || len(into.action) != len(action) {
		d.fail()
		return
	}
	for _, ms := range into.moments {
		for i := range ms {
			ms[i] = moment{n: d.float(), mean: d.float(), squares: d.float()}
			ms[i].rescale()
		}
	}
	for k := range into.precision {
		n := len(into.precision[k])
		into.precision[k] = d.floats(n)
		d.checkPrecisions(into.precision[k], n)
	}
	into.together.n = d.float()
	into.together.sum = d.floats(len(context))
	into.together.xx = d.floats(packedSize(len(context)))
	if len(into.together.xx) != packedSize(len(into.together.sum)) {
		d.fail()
	}
}

func (d *decoder) checkPrecisions(ps []float64, n int) {
	if len(ps) != n {
		d.fail()
	}
	for _, p := range ps {
		if !(p > 0) {
			d.fail()
		}
	}
}

// columns adds columns in the order in which they came to be.
func (d *decoder) columns(into *design, context, action []features.TermInfo) {
	for range d.count(1) {
		switch kind := d.uvarint(); {
		case kind == contextTerms && len(into.context) < len(context):
			into.addTerms(contextTerms, context[:len(into.context)+1])
		case kind == actionTerms && len(into.action) < len(action):
			into.addTerms(actionTerms, action[:len(into.action)+1])
		case kind == 2:
			d.pair(into)
		default:
			d.fail()
		}
	}
}

func (d *decoder) pair(into *design) {
	a, b := d.uvarint(), d.uvarint()
	if a >= uint64(len(into.columns)) || b > a || into.columns[a].pair || into.columns[b].pair {
		d.fail()
		return
	}
	action := into.columns[a].action || into.columns[b].action
	into.addColumn(column{pair: true, action: action, a: int32(a), b: int32(b)})
}
