package challenger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Work takes its share of the time and no more, whatever one step costs, and waiting counts as rest; after the end of ctx there
// is none.
func TestPaceKeepsToItsShare(t *testing.T) {
	for _, cost := range []time.Duration{10 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			p := pace{share: 0.25}
			p.begin()
			const steps = 10_000
			for range steps {
				if err := p.step(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(cost) // Work, to this clock.
			}
			if share := float64(steps*cost) / float64(time.Since(began)); share < 0.24 || share > 0.27 {
				t.Errorf("steps of %v took a share of %.3f", cost, share)
			}
			began = time.Now()
			for range steps {
				_ = p.step(t.Context())
				time.Sleep(cost)
				if err := p.wait(func() error { return rest(t.Context(), 5*cost) }); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took > (steps*6+200)*cost {
				t.Errorf("steps of %v that wait five times as long were held up: %v", cost, took)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			for range stepsEach {
				time.Sleep(cost + time.Millisecond)
				if err := p.step(ctx); err != nil {
					return
				}
			}
			t.Error("steps go on after the end")
		})
	}
}

func TestPanicsCostNothingButTheEvaluation(t *testing.T) {
	err := guarded(func() error { panic("a bug") })
	if err == nil || !strings.Contains(err.Error(), "a bug") || !strings.Contains(err.Error(), "pace_test.go") {
		t.Errorf("%v", err)
	}
	want := errors.New("another")
	if err := guarded(func() error { return want }); err != want {
		t.Errorf("%v", err)
	}
}
