package learn

import (
	"math/bits"
	"time"
)

// patienceShare is the share of rewarded events whose first reward has come by the loop's patience.
const patienceShare = 0.9

const (
	delayUnit    = 18 // of 2^18 ns, 0.26 ms: shorter delays count as none
	delayBuckets = 4 * (63 - delayUnit - 1)
)

// delays is a histogram of the delays from decision to first reward, four buckets to each doubling. It is exact
// integer arithmetic: the same log gives the same histogram on every machine.
type delays struct {
	n       uint64
	buckets [delayBuckets]uint64
}

func (h *delays) observe(nanos int64) {
	h.buckets[delayBucket(max(0, nanos))]++
	h.n++
}

// delayBucket counts units up to 3 exactly, then makes 4 buckets of equal width of each octave.
func delayBucket(nanos int64) int {
	u := uint64(nanos) >> delayUnit
	if u < 4 {
		return int(u)
	}
	octave := bits.Len64(u) - 1
	return 4*(octave-1) + int(u>>(octave-2))&3
}

// delayBound returns the first delay that is too long for the bucket, in nanoseconds; 0 for the first bucket.
func delayBound(bucket int) int64 {
	switch {
	case bucket == 0:
		return 0
	case bucket < 4:
		return int64(bucket+1) << delayUnit
	default:
		return int64(5+bucket%4) << (delayUnit + bucket/4 - 1)
	}
}

// patience returns the age that patienceShare of the rewarded events had reached at most when their first reward came:
// the window while there is none to go by, never more than the window.
func (h *delays) patience(window time.Duration) int64 {
	if h.n == 0 {
		return int64(window)
	}
	need := h.n - uint64(float64(h.n)*(1-patienceShare))
	seen := uint64(0)
	for i, n := range h.buckets {
		seen += n
		if seen >= need {
			return min(delayBound(i), int64(window))
		}
	}
	return int64(window)
}
