package model

import (
	"encoding/binary"
	"fmt"
	"math"
)

// UserEvidence is what one user's sends have shown, as far as it is remembered: for each full hour of a weekday and of
// the weekend, how many sends there were, and the sum of their rewards. A send between two full hours counts for both, by
// how near they are (linear binning: Wand, Fast computation of multivariate kernel estimators, 1994). The zero value is a
// user of whom nothing is known. It is a value: copies are independent.
//
// It is kept outside of the model, with the user: a SendTimes' memory does not grow with the number of users.
type UserEvidence struct {
	cells [sendCells]evidenceCell
}

type evidenceCell struct {
	weight float64 // Σ weights of sends
	reward float64 // Σ weight·reward
}

const (
	// evidenceKeep is the share of the evidence that outlives the next send of the user: about the last 100 count, as
	// habits change.
	evidenceKeep = 0.99
	// evidenceLeast is the weight below which an hour counts as never tried.
	evidenceLeast = 1e-3
	// evidenceTrace is the weight up to which an hour tells nothing that rounding would leave.
	evidenceTrace = 1e-9
)

// add counts a send.
func (e *UserEvidence) add(at between, reward, weight float64) {
	for i := range e.cells {
		c := &e.cells[i]
		c.weight *= evidenceKeep
		c.reward *= evidenceKeep
		if c.weight < evidenceLeast {
			*c = evidenceCell{}
		}
	}
	for i, cell := range at.cell {
		if w := float64(at.share[i] * weight); w > 0 {
			c := &e.cells[cell]
			c.weight += w
			c.reward += float64(w * reward)
		}
	}
}

// Merge adds what the same user's other sends have shown: of an alias, or of another learner.
func (e *UserEvidence) Merge(o *UserEvidence) {
	for i := range e.cells {
		e.cells[i].weight += o.cells[i].weight
		e.cells[i].reward += o.cells[i].reward
	}
}

// Sends returns how many sends the evidence is worth.
func (e *UserEvidence) Sends() float64 {
	n := 0.0
	for i := range e.cells {
		n += e.cells[i].weight
	}
	return n
}

// The bytes of evidence, little endian: version, a bit for each cell that has any, and of these weight and reward. A user
// of whom nothing is known takes 7 bytes, one who was tried at n hours 7 + 16·n.
const evidenceVersion = 1

// AppendBinary appends the evidence's bytes: the same for the same evidence, on every machine.
func (e *UserEvidence) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, evidenceVersion)
	mask := uint64(0)
	for i := range e.cells {
		if e.cells[i].weight > 0 {
			mask |= 1 << i
		}
	}
	var bits [8]byte
	binary.LittleEndian.PutUint64(bits[:], mask)
	b = append(b, bits[:sendCells/8]...)
	for i := range e.cells {
		if c := &e.cells[i]; c.weight > 0 {
			b = appendFloat(appendFloat(b, c.weight), c.reward)
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the evidence by what AppendBinary wrote. On an error the receiver is as it was.
func (e *UserEvidence) UnmarshalBinary(b []byte) error {
	if len(b) < 1+sendCells/8 {
		return fmt.Errorf("read a user's evidence on send times: %w", errCorrupt)
	}
	if b[0] != evidenceVersion {
		return fmt.Errorf("read a user's evidence on send times: version %d is not %d", b[0], evidenceVersion)
	}
	var bits [8]byte
	copy(bits[:], b[1:1+sendCells/8])
	mask, d := binary.LittleEndian.Uint64(bits[:]), decoder{b: b[1+sendCells/8:]}
	var m UserEvidence
	for i := range m.cells {
		if mask>>i&1 == 1 {
			c := evidenceCell{d.float(), d.float()}
			if !(c.weight > 0) || c.weight > maxWeight || math.Abs(c.reward) > maxWeight*maxReward {
				d.fail()
			}
			m.cells[i] = c
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("read a user's evidence on send times: %w", d.err)
	}
	*e = m
	return nil
}
