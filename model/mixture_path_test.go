package model

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/features"
)

// drawSet draws features that come, go, change their kind, and are absurd at times.
func drawSet(t *rapid.T, names string, label string) features.Set {
	var s features.Set
	for _, n := range names {
		v := features.Value{}
		switch rapid.IntRange(0, 7).Draw(t, label) {
		case 0:
			continue
		case 1:
			v = features.TextValue(rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "text"))
		case 2:
			v = features.TextsValue([]string{"p", "p", rapid.SampledFrom([]string{"q", "r"}).Draw(t, "tag")})
		case 3:
			v = features.NumberValue(rapid.SampledFrom([]float64{0, 1e99, -1e99, 1e-300}).Draw(t, "odd"))
		default:
			v = features.NumberValue(rapid.Float64Range(-3, 3).Draw(t, "number"))
		}
		s = append(s, features.Feature{Name: string(n), Value: v})
	}
	return s
}

// TestStateDoesNotDependOnLookingOrRestarts has two mixtures do the same; one makes predictors and is written and read
// again in between. The bytes are the same, and every estimate can be worked with.
func TestStateDoesNotDependOnLookingOrRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := NewMixture(MixtureOptions{MaxActions: 3}), NewMixture(MixtureOptions{MaxActions: 3})
		type openEvent struct {
			x [2]Example
			r float64
		}
		var open []openEvent
		names := rapid.SampledFrom([]string{"", "a", "abc", "abcdefgh"}).Draw(t, "names")
		for i := range rapid.IntRange(1, 130).Draw(t, "steps") {
			context := drawSet(t, names, "context")
			action := Candidate{ID: fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "action")), Features: drawSet(t, names[:min(2, len(names))], "features")}
			e := openEvent{r: rapid.SampledFrom([]float64{0, 0, 1, -1, 1e99, -1e-300, math.NaN()}).Draw(t, "reward")}
			for j, m := range []*Mixture{one, other} {
				m.Observe(context, []Candidate{action})
				e.x[j] = m.Encode(context, action)
				m.Provisional(&e.x[j], e.r, 1)
			}
			open = append(open, e)
			for len(open) > rapid.IntRange(0, 3).Draw(t, "left open") {
				for j, m := range []*Mixture{one, other} {
					m.Provisional(&open[0].x[j], open[0].r, -1)
					if len(open) == 1 {
						m.ClearProvisional()
					}
					m.Settle(&open[0].x[j], open[0].r, 1)
				}
				open = open[1:]
			}
			if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
				again := NewMixture(MixtureOptions{MaxActions: 3})
				if err := again.UnmarshalBinary(must(other.AppendBinary(nil))); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				other = again
			}
			if rapid.IntRange(0, 2).Draw(t, "look") == 0 {
				p, err := other.Predictor()
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				checkEstimates(t, p.Estimate(nil, context, []Candidate{action, {ID: "new"}}))
			}
		}
		if !bytes.Equal(must(one.AppendBinary(nil)), must(other.AppendBinary(nil))) {
			t.Fatal("the states differ")
		}
		if !bytes.Equal(bytesOf(one), bytesOf(other)) {
			t.Fatal("the predictors differ")
		}
	})
}

func checkEstimates(t *rapid.T, es []Estimate) {
	p := make([]float64, len(es))
	for _, e := range es {
		if math.IsNaN(e.Mean) || math.IsInf(e.Mean, 0) || !(e.Variance >= 0) || math.IsInf(e.Variance, 0) {
			t.Fatalf("an estimate is %v", e)
		}
	}
	DefaultExploration().Probabilities(p, es, 1, EventsOf(es))
	if sum := p[0] + p[1]; !(math.Abs(sum-1) <= 1e-9) {
		t.Fatalf("probabilities %v of %v", p, es)
	}
}
