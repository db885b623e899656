package model

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The bytes of a Gradient, little endian, counts as unsigned varints:
//
//	version  bits  loss  default reward  skipped  settled state  1, taken and live state, or 0
//
//	state:   examples  weight  reward  squares  errors  norm  gain  gap  moments { step of index  weight mean square }…
//	         pages { step of number  cells that are not zero, as 64 bits  { w a g }… }…
//
// A state has the pages that differ from another's: the settled from zero, the live from the settled. A predictor's
// bytes are its version, bits, loss, default reward and state.
const (
	gradientVersion          = 1
	gradientPredictorVersion = 1
)

// AppendBinary implements Estimator.
func (g *Gradient) AppendBinary(b []byte) ([]byte, error) {
	b = g.opts.appendBinary(b, gradientVersion)
	b = binary.AppendUvarint(b, g.skipped)
	b = g.settled.appendBinary(b, nil)
	if g.live == nil {
		return append(b, 0), nil
	}
	b = binary.AppendVarint(append(b, 1), g.taken)
	return g.live.appendBinary(b, g.settled.weights.pages), nil
}

// AppendBinary implements Predictor.
func (p *gradientPredictor) AppendBinary(b []byte) ([]byte, error) {
	return p.state.appendBinary(p.opts.appendBinary(b, gradientPredictorVersion), nil), nil
}

// AppendBinary implements Predictor.
func (l gradientLive) AppendBinary(b []byte) ([]byte, error) {
	return l.g.current().appendBinary(l.g.opts.appendBinary(b, gradientPredictorVersion), nil), nil
}

func (o *GradientOptions) appendBinary(b []byte, version uint64) []byte {
	b = binary.AppendUvarint(b, version)
	b = binary.AppendUvarint(b, uint64(o.Bits))
	b = binary.AppendUvarint(b, uint64(o.Loss))
	return appendFloat(b, o.DefaultReward)
}

func (s *gradientState) appendBinary(b []byte, base []*page) []byte {
	b = binary.AppendVarint(b, s.examples)
	for _, x := range [...]float64{s.weight, s.reward, s.squares, s.errors, s.norm, s.gain, s.gap} {
		b = appendFloat(b, x)
	}
	ms := s.moments.sorted()
	b = binary.AppendUvarint(b, uint64(len(ms)))
	last := int32(0)
	for _, m := range ms {
		b = binary.AppendUvarint(b, uint64(m.index-last))
		last = m.index
		b = appendFloat(appendFloat(appendFloat(b, m.weight), m.mean), m.square)
	}
	return s.weights.appendBinary(b, base)
}

func (t *table) appendBinary(b []byte, base []*page) []byte {
	zero := &page{}
	var changed []int
	for i, p := range t.pages {
		from := zero
		if base != nil {
			from = base[i]
		}
		if p != from && p.cells != from.cells {
			changed = append(changed, i)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(changed)))
	last := 0
	for _, i := range changed {
		b = binary.AppendUvarint(b, uint64(i-last))
		last = i
		b = t.pages[i].appendBinary(b)
	}
	return b
}

func (p *page) appendBinary(b []byte) []byte {
	set := uint64(0)
	for i := range p.cells {
		if p.cells[i] != (cell{}) {
			set |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint64(b, set)
	for ; set != 0; set &= set - 1 {
		c := &p.cells[bits.TrailingZeros64(set)]
		b = appendFloat(appendFloat(appendFloat(b, c.w), c.a), c.g)
	}
	return b
}

// UnmarshalBinary implements Estimator. The receiver has the writer's Bits, Loss and DefaultReward, else an error. On an
// error the receiver is as it was.
func (g *Gradient) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != gradientVersion {
		return fmt.Errorf("read gradient model: version %d is not %d", v, gradientVersion)
	}
	n, loss, reward := d.uvarint(), d.uvarint(), d.float()
	if d.err == nil && (n != uint64(g.opts.Bits) || loss != uint64(g.opts.Loss) || reward != g.opts.DefaultReward) {
		return fmt.Errorf("read gradient model: it has %d bits, loss %d, default reward %g; the options say %d, %d, %g",
			n, loss, reward, g.opts.Bits, g.opts.Loss, g.opts.DefaultReward)
	}
	m := NewGradient(g.opts)
	m.skipped = d.uvarint()
	d.gradientState(m.settled)
	if live := d.uvarint(); live == 1 {
		m.live, m.taken = m.settled.fork(m.newEpoch), d.varint()
		d.gradientState(m.live)
		if m.taken < 0 {
			d.fail()
		}
	} else if live != 0 {
		d.fail()
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read gradient model: %w", d.err)
	}
	*g = *m
	return nil
}
