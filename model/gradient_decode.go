package model

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/nextbest/nextbest/features"
)

// gradientState reads into an empty s.
func (d *decoder) gradientState(s *gradientState) {
	s.totals = d.totals()
	for _, x := range [...]*float64{&s.errors, &s.norm, &s.gain, &s.gap} {
		*x = d.float()
	}
	if s.errors < 0 || s.norm < 0 || s.gap < 0 {
		d.fail()
	}
	s.moments = d.moments()
	d.pages(&s.weights)
}

func (d *decoder) open(o *openExamples) {
	hole, content, at := d.uvarint(), d.uvarint(), 0
	n := d.count(19)
	if hole > uint64(n)+1 {
		d.fail()
	}
	for i := range n + 1 {
		if hole == uint64(i)+1 {
			o.list = append(o.list, openExample{content: content, gone: true})
			at = len(o.list)
		}
		if i == n {
			break
		}
		x := Example{ActionID: string(d.bytes()), Context: d.terms(), Action: d.terms()}
		reward, weight := d.float(), d.float()
		if d.err != nil || !(weight > 0) {
			d.fail()
			return
		}
		o.add(newOpenExample(x, reward, weight), math.MaxInt)
	}
	o.hole = at
}

func (d *decoder) terms() (ts []features.Term) {
	for range d.count(9) {
		index := d.uvarint()
		if index > math.MaxInt32 {
			d.fail()
		}
		ts = append(ts, features.Term{Index: int32(index), Value: d.float()})
	}
	return ts
}

func (d *decoder) moments() moments {
	m := moments{}
	n := d.count(25)
	if n > maxNumbers {
		d.fail()
		return m
	}
	last := uint64(0)
	for range n {
		by := d.uvarint()
		last += by
		k := numberMoment{index: int32(last), weight: d.float(), mean: d.float(), square: d.float()}
		if by == 0 || by > math.MaxInt32 || last > math.MaxInt32 || last&1 == 0 || k.weight < 0 || k.square < 0 {
			d.fail()
			return m
		}
		m.insert(k)
	}
	return m
}

func (d *decoder) pages(t *table) {
	at := uint64(0)
	for i := range d.count(9) {
		by := d.uvarint()
		at += by
		if i > 0 && by == 0 || by >= uint64(len(t.pages)) || at >= uint64(len(t.pages)) {
			d.fail()
			return
		}
		d.page(t.own(int(at)))
	}
}

func (d *decoder) page(p *page) {
	if len(d.b) < 8 {
		d.fail()
		return
	}
	set := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	p.cells = [pageSize]cell{}
	for ; set != 0; set &= set - 1 {
		c := cell{w: d.float(), a: d.float(), g: d.float()}
		if d.err != nil || c.g < 0 {
			d.fail()
			return
		}
		p.cells[bits.TrailingZeros64(set)] = c
	}
}
