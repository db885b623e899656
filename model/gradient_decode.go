package model

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// gradientState reads into s, which holds what the bytes differ from.
func (d *decoder) gradientState(s *gradientState) {
	s.examples = d.varint()
	for _, x := range [...]*float64{&s.weight, &s.reward, &s.squares, &s.errors, &s.norm, &s.gain, &s.gap} {
		*x = d.float()
	}
	if s.errors < 0 || s.norm < 0 || s.gap < 0 {
		d.fail()
	}
	s.moments = d.moments()
	d.pages(&s.weights)
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
