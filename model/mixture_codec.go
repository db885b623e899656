package model

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The bytes of a Mixture, little endian, counts as unsigned varints:
//
//	version  default reward  skipped  context encoder  action encoder  action ids…  design  totals ×2  tails  noise  recents  counts
//	members…: evidence  change  usual surprises  blocks…: settled sums  provisional sums  updates  turn  posterior
//
// A posterior is in it although the sums would give it, because it followed its examples one by one: made again it would
// differ in the last bits. Those of a predictor have digests of the blocks' numbers in place of the numbers.
const (
	mixtureVersion   = 2
	predictorVersion = 2
)

// AppendBinary implements Estimator.
func (m *Mixture) AppendBinary(b []byte) ([]byte, error) {
	m.sync()
	b = binary.AppendUvarint(b, mixtureVersion)
	b = appendFloat(b, m.opts.DefaultReward)
	b = binary.AppendUvarint(b, m.skipped)
	for _, e := range []encoding{m.context, m.action} {
		bytes, err := e.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("write mixture: %w", err)
		}
		b = appendBytes(b, bytes)
	}
	b = m.actions.appendBinary(b)
	b = m.design.appendBinary(b)
	b = m.settled.appendBinary(b)
	b = m.open.appendBinary(b)
	b = m.tails.appendBinary(b)
	b = m.noise.appendBinary(b)
	b = m.recent.appendBinary(b)
	b = m.events.appendBinary(b)
	for _, k := range m.members {
		b = k.usual.appendBinary(appendFloat(appendFloat(b, k.evidence), k.change))
		b = k.ridge.appendBinary(b)
	}
	return b, nil
}

type encoding interface {
	AppendBinary([]byte) ([]byte, error)
}

// UnmarshalBinary implements Estimator. The receiver has the options of the writer. On an error it is as it was.
func (m *Mixture) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != mixtureVersion {
		return fmt.Errorf("read mixture: version %d is not %d", v, mixtureVersion)
	}
	if r := d.float(); d.err == nil && r != m.opts.DefaultReward {
		return fmt.Errorf("read mixture: its sums are relative to a default reward of %g, not %g", r, m.opts.DefaultReward)
	}
	n := NewMixture(m.opts)
	n.skipped = d.uvarint()
	for _, e := range []interface{ UnmarshalBinary([]byte) error }{n.context, n.action} {
		if err := e.UnmarshalBinary(d.bytes()); err != nil {
			return fmt.Errorf("read mixture: %w", err)
		}
	}
	d.mixture(n)
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read mixture: %w", d.err)
	}
	*m = *n
	return nil
}

// mixture reads what follows the encoders.
func (d *decoder) mixture(n *Mixture) {
	n.actions = d.numbering()
	numbers := len(n.actions.ids) + 1
	d.design(&n.design, n.context.View().Terms(), n.action.View().Terms())
	n.settled, n.open = d.totals(), d.totals()
	n.tails = d.tails()
	n.noise = noise{d.float(), d.float()}
	n.recent, n.events = d.recents(numbers), d.counts(numbers)
	if d.err != nil {
		return
	}
	n.sync()
	for _, k := range n.members {
		k.evidence, k.change, k.usual = d.float(), d.float(), noise{d.float(), d.float()}
		d.ridge(&k.ridge, numbers)
	}
}

func (n *noise) appendBinary(b []byte) []byte {
	return appendFloat(appendFloat(b, n.weight), n.squares)
}

func (r *recents) appendBinary(b []byte) []byte {
	b = appendFloat(appendFloat(b, r.all[0]), r.all[1])
	b = binary.AppendUvarint(b, uint64(len(r.own)))
	for _, v := range r.own {
		b = appendFloat(appendFloat(b, v[0]), v[1])
	}
	return b
}

func (d *decoder) recents(most int) recents {
	r := recents{all: [2]float64{d.float(), d.float()}}
	n := d.count(16)
	if n > most {
		d.fail()
		n = 0
	}
	for range n {
		r.own = append(r.own, [2]float64{d.float(), d.float()})
	}
	return r
}

func (c *counts) appendBinary(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.own)))
	for _, n := range c.own {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func (d *decoder) counts(most int) counts {
	var c counts
	n := d.count(1)
	if n > most {
		d.fail()
		n = 0
	}
	for range n {
		c.own = append(c.own, d.varint())
	}
	return c
}

// AppendBinary implements Predictor.
func (p *mixturePredictor) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, predictorVersion)
	b = appendBytes(b, p.context.AppendBinary(nil))
	b = appendBytes(b, p.action.AppendBinary(nil))
	b = binary.AppendUvarint(b, p.events)
	b = appendFloat(appendFloat(appendFloat(b, p.deviation), p.noise), p.defaultReward)
	b = p.actions.appendBinary(b)
	b = appendColumns(b, p.design.columns)
	for of := range p.design.mean {
		b = appendFloats(appendFloats(b, p.design.mean[of]), p.design.scale[of])
	}
	b = p.recent.appendBinary(b)
	b = p.counts.appendBinary(b)
	b = appendDigest(b, p.shared)
	for i := range p.opinions {
		b = p.opinions[i].appendBinary(b)
	}
	return b, nil
}

func (o *opinion) appendBinary(b []byte) []byte {
	b = append(b, byte(o.member.kind))
	b = appendFloat(appendFloat(b, o.weight), o.member.ridge.keep)
	b = appendFloats(b, o.known.spread())
	b = binary.AppendUvarint(b, uint64(len(o.known.posteriors)))
	for _, p := range o.known.posteriors {
		b = appendDigest(b, p)
	}
	return b
}

// appendDigest appends the hash of a posterior's numbers: most of a loop's posteriors are the same from one model to the
// next, and theirs is known.
func appendDigest(b []byte, p *posterior) []byte {
	if p == nil {
		return append(b, 0)
	}
	if !p.lent {
		sum := p.sum()
		return append(append(b, 1), sum[:]...)
	}
	p.digest.Do(func() { p.hash = p.sum() })
	return append(append(b, 1), p.hash[:]...)
}

func (p *posterior) sum() [sha256.Size]byte {
	b := make([]byte, 0, 8*(len(p.covariance)+len(p.weights)+2))
	return sha256.Sum256(appendFloats(appendFloats(b, p.weights), p.covariance))
}
