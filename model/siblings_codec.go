package model

import (
	"encoding/binary"
	"fmt"
)

// The bytes of a Siblings, counts as unsigned varints:
//
//	version  arms (their length, and their bytes)  texts…  sets  { set words… } by action
//
// and those of its predictor, with the arms' predictor, then τ², the probability of words and their weights.
const (
	siblingsVersion          = 1
	siblingsPredictorVersion = 1
)

// AppendBinary implements Estimator.
func (s *Siblings) AppendBinary(b []byte) ([]byte, error) {
	arms, err := s.arms.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	b = appendBytes(binary.AppendUvarint(b, siblingsVersion), arms)
	b = s.words.appendBinary(b)
	b = binary.AppendUvarint(b, uint64(s.sets))
	return appendKin(b, s.kin), nil
}

func appendKin(b []byte, all []kin) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, k := range all {
		b = binary.AppendUvarint(b, uint64(k.set))
		b = binary.AppendUvarint(b, uint64(len(k.words)))
		for _, w := range k.words {
			b = binary.AppendUvarint(b, uint64(w))
		}
	}
	return b
}

// AppendBinary implements Predictor.
func (p *siblingsPredictor) AppendBinary(b []byte) ([]byte, error) {
	arms, err := p.armsPredictor.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	b = appendBytes(binary.AppendUvarint(b, siblingsPredictorVersion), arms)
	b = appendKin(p.words.appendBinary(b), p.kin)
	return appendFloats(appendFloat(appendFloat(b, p.spread), p.said), p.weight), nil
}

// UnmarshalBinary implements Estimator. The receiver has the writer's DefaultReward, else an error. On an error the receiver is
// as it was.
func (s *Siblings) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != siblingsVersion {
		return fmt.Errorf("read siblings: version %d is not %d", v, siblingsVersion)
	}
	m := NewSiblings(s.arms.opts)
	if arms := d.bytes(); d.err == nil {
		if err := m.arms.UnmarshalBinary(arms); err != nil {
			return fmt.Errorf("read siblings: %w", err)
		}
	}
	m.words = d.numbering()
	sets := d.uvarint()
	m.sets, m.kin = int32(min(sets, 1<<30)), d.kin(sets, len(m.words.ids))
	if d.err == nil && (len(d.b) > 0 || len(m.kin) != len(m.arms.arms.ids)) {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read siblings: %w", d.err)
	}
	*s = *m
	return nil
}

// kin reads which set each action is of, of so many, and its words, of so many, ascending.
func (d *decoder) kin(sets uint64, words int) []kin {
	var all []kin
	for range d.count(2) {
		set := d.uvarint()
		if set >= sets {
			d.fail()
		}
		k := kin{set: int32(min(set, 1<<30))}
		for range d.count(1) {
			w := d.uvarint()
			if w == 0 || w > uint64(words) || len(k.words) > 0 && int32(w) <= k.words[len(k.words)-1] {
				d.fail()
				break
			}
			k.words = append(k.words, int32(w))
		}
		all = append(all, k)
	}
	return all
}
