package model

import (
	"encoding/binary"
	"fmt"
)

// The bytes of a SendTimes, little endian, counts as unsigned varints:
//
//	version  default reward  skipped  updates  totals  sent  losses  belief  precision  weighted  tails
//	belief:  mean  covariance
//
// and those of its predictor:
//
//	version  default reward  habit  totals  sent  belief
//
// A matrix is its lower triangle by rows.
const (
	sendTimesVersion          = 1
	sendTimesPredictorVersion = 1
)

// AppendBinary appends the whole state: the same for the same log, on every machine.
func (s *SendTimes) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, sendTimesVersion)
	b = appendFloat(b, s.opts.DefaultReward)
	b = binary.AppendUvarint(b, s.skipped)
	b = binary.AppendUvarint(b, s.updates)
	b = s.totals.appendBinary(b)
	b = appendFloats(appendFloats(b, s.sent[:]), s.losses[:])
	b = s.belief.appendBinary(b)
	b = appendFloats(appendFloats(b, s.belief.precision[:]), s.belief.weighted[:])
	return s.tails.appendBinary(b), nil
}

func (p *population) appendBinary(b []byte) []byte {
	return appendFloats(appendFloats(b, p.mean[:]), p.covariance[:])
}

// UnmarshalBinary restores the state. The receiver has the writer's options, else an error. On an error the receiver is
// as it was.
func (s *SendTimes) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != sendTimesVersion {
		return fmt.Errorf("read send times: version %d is not %d", v, sendTimesVersion)
	}
	if r := d.float(); d.err == nil && r != s.opts.DefaultReward {
		return fmt.Errorf("read send times: they have a default reward of %g, not %g", r, s.opts.DefaultReward)
	}
	m := *s
	m.skipped, m.updates, m.totals = d.uvarint(), d.uvarint(), d.totals()
	d.fill(m.sent[:])
	d.fill(m.losses[:])
	d.population(&m.belief)
	d.fill(m.belief.precision[:])
	d.fill(m.belief.weighted[:])
	m.tails = d.tails()
	if err := d.end(m.updates < populationRemake); err != nil {
		return fmt.Errorf("read send times: %w", err)
	}
	*s = m
	return nil
}

// AppendBinary appends the model's bytes: the same for the same log, on every machine.
func (p *SendTimesPredictor) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, sendTimesPredictorVersion)
	b = appendFloat(b, p.defaultReward)
	b = binary.AppendUvarint(b, uint64(p.number))
	b = p.totals.appendBinary(b)
	return p.belief.appendBinary(appendFloats(b, p.sent[:])), nil
}

// UnmarshalBinary replaces the predictor by what AppendBinary wrote. On an error the receiver is as it was.
func (p *SendTimesPredictor) UnmarshalBinary(b []byte) error {
	d, habits := decoder{b: b}, newHabits()
	if v := d.uvarint(); d.err == nil && v != sendTimesPredictorVersion {
		return fmt.Errorf("read send times to serve: version %d is not %d", v, sendTimesPredictorVersion)
	}
	m := SendTimesPredictor{defaultReward: d.float(), belief: &population{}, sent: &[sendCells]float64{}}
	number := d.uvarint()
	m.totals = d.totals()
	d.fill(m.sent[:])
	d.population(m.belief)
	if err := d.end(number < uint64(len(habits))); err != nil {
		return fmt.Errorf("read send times to serve: %w", err)
	}
	m.number, m.habit = int(number), habits[number]
	*p = m
	return nil
}

func (d *decoder) population(p *population) {
	d.fill(p.mean[:])
	d.fill(p.covariance[:])
}

// fill reads as many numbers as dst holds.
func (d *decoder) fill(dst []float64) {
	if d.count(8) != len(dst) {
		d.fail()
	}
	for i := range dst {
		dst[i] = d.float()
	}
}

// end returns what is wrong when something is, or is left over.
func (d *decoder) end(ok bool) error {
	if d.err == nil && (len(d.b) > 0 || !ok) {
		d.fail()
	}
	return d.err
}
