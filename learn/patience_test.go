package learn

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A bucket's bound is above every delay in it, and above those of the bucket before, by less than 1/3 of the delay.
func TestDelayBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Int64Range(0, 1<<62).Draw(t, "delay")
		if rapid.Bool().Draw(t, "small") {
			d %= 10 * second
		}
		b := delayBucket(d)
		if b == 0 {
			if d >= 1<<delayUnit || delayBound(0) != 0 {
				t.Fatalf("delay %d is in the first bucket", d)
			}
			return
		}
		if bound := delayBound(b); bound <= d || b > 4 && float64(bound) > 1.34*float64(d) {
			t.Fatalf("delay %d is in bucket %d, which ends at %d", d, b, bound)
		}
		if b > 1 && delayBound(b-1) > d {
			t.Fatalf("delay %d is in bucket %d, the one before ends at %d", d, b, delayBound(b-1))
		}
	})
}

func TestPatience(t *testing.T) {
	var h delays
	window := 1000 * time.Second
	if got := h.patience(window); got != int64(window) {
		t.Errorf("without any reward: %v, want the window", time.Duration(got))
	}
	for i := range 100 {
		h.observe(int64(i+1) * second)
	}
	if got := h.patience(window); got < 90*second || got > 120*second {
		t.Errorf("of delays of 1 to 100 s: %v, want about 90 s", time.Duration(got))
	}
	if got := h.patience(10 * time.Second); got != 10*second {
		t.Errorf("with a window of 10 s: %v", time.Duration(got))
	}
	var quick delays
	quick.observe(0)
	if got := quick.patience(window); got != 0 {
		t.Errorf("of immediate feedback: %v", time.Duration(got))
	}
}
