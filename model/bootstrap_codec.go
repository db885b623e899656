package model

import (
	"encoding/binary"
	"fmt"
)

// The bytes of a Bootstrap, little endian, counts as unsigned varints:
//
//	version  seed  resampling  settled examples  settled sums  provisional sums  tails  replicates…
//
// with each replicate's bytes as a Gradient writes them, after their length; and of its predictor: version, sums of all
// examples, replicates.
const (
	bootstrapVersion          = 2
	bootstrapPredictorVersion = 1
)

// AppendBinary implements Estimator.
func (b *Bootstrap) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.AppendUvarint(dst, bootstrapVersion)
	dst = binary.AppendUvarint(dst, b.opts.Seed)
	dst = binary.AppendUvarint(dst, uint64(b.opts.Resampling))
	dst = binary.AppendUvarint(dst, b.sequence)
	dst = b.settled.appendBinary(dst)
	dst = b.provisional.appendBinary(dst)
	dst = b.tails.appendBinary(dst)
	dst = binary.AppendUvarint(dst, uint64(len(b.replicates)))
	for _, r := range b.replicates {
		bytes, err := r.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("write ensemble: %w", err)
		}
		dst = appendBytes(dst, bytes)
	}
	return dst, nil
}

// AppendBinary implements Predictor.
func (p *bootstrapPredictor) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, bootstrapPredictorVersion)
	b = p.all.appendBinary(b)
	b = binary.AppendUvarint(b, uint64(len(p.replicated)))
	for _, r := range p.replicated {
		bytes, err := r.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("write ensemble: %w", err)
		}
		b = appendBytes(b, bytes)
	}
	return b, nil
}

// AppendBinary implements Predictor.
func (l bootstrapLive) AppendBinary(b []byte) ([]byte, error) {
	p := bootstrapPredictor{replicated: l.now.replicated, all: l.b.all()}
	return p.AppendBinary(b)
}

// UnmarshalBinary implements Estimator. The receiver has the writer's seed, resampling, number of replicates, and what
// Gradient.UnmarshalBinary asks for, else an error. On an error the receiver is as it was.
func (b *Bootstrap) UnmarshalBinary(data []byte) error {
	d := decoder{b: data}
	if v := d.uvarint(); d.err == nil && v != bootstrapVersion {
		return fmt.Errorf("read ensemble: version %d is not %d", v, bootstrapVersion)
	}
	seed, resampling := d.uvarint(), d.uvarint()
	m := NewBootstrap(b.opts)
	m.sequence = d.uvarint()
	m.settled, m.provisional = d.totals(), d.totals()
	m.tails = d.tails()
	n := d.count(1)
	if d.err == nil && (seed != b.opts.Seed || resampling != uint64(b.opts.Resampling) || n != b.opts.Replicates) {
		return fmt.Errorf("read ensemble: it has seed %d, resampling %d, %d replicates; the options say %d, %d, %d",
			seed, resampling, n, b.opts.Seed, b.opts.Resampling, b.opts.Replicates)
	}
	for i := 0; i < n && d.err == nil; i++ {
		if err := m.replicates[i].UnmarshalBinary(d.bytes()); err != nil {
			return fmt.Errorf("read ensemble: replicate %d: %w", i, err)
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read ensemble: %w", d.err)
	}
	*b = *m
	return nil
}
