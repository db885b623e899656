package model

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/nextbest/nextbest/features"
)

// The bytes of a Gradient, little endian, counts as unsigned varints:
//
//	version  bits  loss  default reward  skipped  state  open  tails
//
//	state:   examples  weight  reward  squares  errors  norm  gain  gap  moments { step of index  weight mean square }…
//	         pages { step of number  cells that are not zero, as 64 bits  { w a g }… }…
//	open:    hole  content hash  { action id  context terms  action terms  reward  weight }…
//	terms:   { index  value }…
//
// The pages are those that are not zero. The hole is 1 + the number of examples before the one that was just taken out,
// and 0 when there is none. A predictor's bytes are its version, bits, loss, default reward and state.
const (
	gradientVersion          = 2
	gradientPredictorVersion = 1
)

// AppendBinary implements Estimator.
func (g *Gradient) AppendBinary(b []byte) ([]byte, error) {
	b = g.opts.appendBinary(b, gradientVersion)
	b = binary.AppendUvarint(b, g.skipped)
	return g.tails.appendBinary(g.open.appendBinary(g.settled.appendBinary(b))), nil
}

func (o *openExamples) appendBinary(b []byte) []byte {
	hole, content := 0, uint64(0)
	if o.hole > 0 {
		hole, content = 1, o.list[o.hole-1].content
		for i := range o.hole - 1 {
			if !o.list[i].gone {
				hole++
			}
		}
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(hole)), content)
	b = binary.AppendUvarint(b, uint64(o.count))
	o.all(func(e *openExample) {
		b = appendBytes(b, []byte(e.x.ActionID))
		b = appendTerms(appendTerms(b, e.x.Context), e.x.Action)
		b = appendFloat(appendFloat(b, e.reward), e.weight)
	})
	return b
}

func appendTerms(b []byte, ts []features.Term) []byte {
	b = binary.AppendUvarint(b, uint64(len(ts)))
	for _, t := range ts {
		b = appendFloat(binary.AppendUvarint(b, uint64(uint32(t.Index))), t.Value)
	}
	return b
}

// AppendBinary implements Predictor.
func (p *gradientPredictor) AppendBinary(b []byte) ([]byte, error) {
	return p.state.appendBinary(p.opts.appendBinary(b, gradientPredictorVersion)), nil
}

// AppendBinary implements Predictor.
func (l gradientLive) AppendBinary(b []byte) ([]byte, error) {
	return l.g.current().appendBinary(l.g.opts.appendBinary(b, gradientPredictorVersion)), nil
}

func (o *GradientOptions) appendBinary(b []byte, version uint64) []byte {
	b = binary.AppendUvarint(b, version)
	b = binary.AppendUvarint(b, uint64(o.Bits))
	b = binary.AppendUvarint(b, uint64(o.Loss))
	return appendFloat(b, o.DefaultReward)
}

func (s *gradientState) appendBinary(b []byte) []byte {
	b = s.totals.appendBinary(b)
	for _, x := range [...]float64{s.errors, s.norm, s.gain, s.gap} {
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
	return s.weights.appendBinary(b)
}

func (t *table) appendBinary(b []byte) []byte {
	var written []int
	for i, p := range t.pages {
		if p.cells != [pageSize]cell{} {
			written = append(written, i)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(written)))
	last := 0
	for _, i := range written {
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
	d.open(&m.open)
	m.tails = d.tails()
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read gradient model: %w", d.err)
	}
	*g = *m
	return nil
}
