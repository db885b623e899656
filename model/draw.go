package model

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Uniform returns a number in [0,1) with 53 random bits, a function of its arguments alone. Draws are seeded by the
// event, not by the user, so that a user's visits are independent of each other; the salt keeps loops apart.
func Uniform(salt uint64, eventID string, slot int) float64 {
	var head [12]byte
	binary.LittleEndian.PutUint64(head[:8], salt)
	binary.LittleEndian.PutUint32(head[8:], uint32(slot))
	var h xxhash.Digest
	h.Reset()
	_, _ = h.Write(head[:]) // never fails
	_, _ = h.WriteString(eventID)
	return float64(h.Sum64()>>11) * 0x1p-53
}

// Draw returns the index that u, from [0,1), falls on when each index has the length of its probability. It never
// returns an index of probability 0, and returns -1 only when there is no other.
func Draw(probabilities []float64, u float64) int {
	last, sum := -1, 0.0
	for i, p := range probabilities {
		if !(p > 0) {
			continue
		}
		last = i
		if sum += p; u < sum {
			return i
		}
	}
	return last // the sum's rounding, or u at its very end
}
