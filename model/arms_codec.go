package model

import (
	"encoding/binary"
	"fmt"
)

// The bytes of an Arms, little endian, counts as unsigned varints:
//
//	version  default reward  skipped  action ids…  settled sums  provisional sums  tails
//
//	sums:    examples  others  { weight reward squares } by number…
//
// and those of its predictor, with one set of sums.
const (
	armsVersion          = 2
	armsPredictorVersion = 1
)

// AppendBinary implements Estimator.
func (a *Arms) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, armsVersion)
	b = appendFloat(b, a.opts.DefaultReward)
	b = binary.AppendUvarint(b, a.skipped)
	b = a.arms.appendBinary(b)
	b = a.settled.appendBinary(b)
	return a.tails.appendBinary(a.provisional.appendBinary(b)), nil
}

// AppendBinary implements Predictor.
func (p *armsPredictor) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, armsPredictorVersion)
	b = appendFloat(b, p.defaultReward)
	b = p.arms.appendBinary(b)
	s := armSums{examples: p.examples, other: p.other, cells: p.cells}
	return s.appendBinary(b), nil
}

func (s *armSums) appendBinary(b []byte) []byte {
	b = binary.AppendVarint(b, s.examples)
	b = binary.AppendVarint(b, s.other)
	cells := s.cells
	for len(cells) > 0 && cells[len(cells)-1] == (armCell{}) { // as if what was taken out had never been
		cells = cells[:len(cells)-1]
	}
	b = binary.AppendUvarint(b, uint64(len(cells)))
	for _, c := range cells {
		b = appendFloat(appendFloat(appendFloat(b, c.weight), c.reward), c.squares)
	}
	return b
}

// UnmarshalBinary implements Estimator. The receiver has the writer's DefaultReward, else an error. On an error the
// receiver is as it was.
func (a *Arms) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != armsVersion {
		return fmt.Errorf("read arms: version %d is not %d", v, armsVersion)
	}
	if r := d.float(); d.err == nil && r != a.opts.DefaultReward {
		return fmt.Errorf("read arms: they have a default reward of %g, not %g", r, a.opts.DefaultReward)
	}
	m := NewArms(a.opts)
	m.skipped = d.uvarint()
	m.arms = d.numbering()
	m.settled = d.armSums(len(m.arms.ids) + 1)
	m.provisional = d.armSums(len(m.arms.ids) + 1)
	m.tails = d.tails()
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read arms: %w", d.err)
	}
	*a = *m
	return nil
}

// armSums reads sums of at most the given number of cells.
func (d *decoder) armSums(most int) armSums {
	s := armSums{examples: d.varint(), other: d.varint()}
	n := d.count(24)
	if n > most {
		d.fail()
		return s
	}
	for range n {
		s.cells = append(s.cells, armCell{d.float(), d.float(), d.float()})
	}
	return s
}
