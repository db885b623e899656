package decision

import (
	"fmt"
	"testing"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// BenchmarkDecide is the kernel alone, on a linear model over 20 context features.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{3, 10, 50, 500} {
		b.Run(fmt.Sprintf("actions=%d", n), func(b *testing.B) {
			s := snapshotOf(must(model.NewSquareCB(10, 0.01)), nil)
			in := &Input{EventID: "e-1", Slots: oneSlot}
			for i := range n {
				in.Actions = append(in.Actions, Action{ID: fmt.Sprint("action-", i)})
			}
			for i := range 20 {
				in.Context = append(in.Context, features.Feature{Name: fmt.Sprintf("feature-%02d", i), Value: features.NumberValue(float64(i))})
			}
			estimator := model.DefaultEstimator()
			estimator.Observe(in.Context, in.Actions)
			for i := range in.Actions {
				example := estimator.Encode(in.Context, in.Actions[i])
				estimator.Settle(&example, float64(i%2), 1)
			}
			s.Model = must(estimator.Predictor())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decide(s, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	r := &Request{Loop: "shop", UserID: "u-1", Actions: actions("a b c d e f g h")}
	b.ReportAllocs()
	for b.Loop() {
		Fingerprint(r)
	}
}

// What one decision may allocate: its outcome's slices and the policy's name, whatever the number of actions.
func TestDecideAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has sync.Pool forget at random")
	}
	s := snapshotOf(must(model.NewSquareCB(10, 0.01)), nil)
	in := &Input{EventID: "e-1", Slots: oneSlot}
	for i := range 200 {
		in.Actions = append(in.Actions, Action{ID: fmt.Sprint("action-", i)})
	}
	const budget = 8
	if n := testing.AllocsPerRun(200, func() { _ = must(Decide(s, in)) }); n > budget {
		t.Errorf("%v allocations, want at most %d", n, budget)
	}
}
