package model

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestShortlistIsThatOfSorting compares with sorting everything, with many ties.
func TestShortlistIsThatOfSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-1, 1), rapid.SampledFrom([]float64{0, 1, -1, math.Inf(-1)})), 1, 300).Draw(t, "indices")
		places := rapid.IntRange(1, len(xs)).Draw(t, "places")
		l := shortlistOf(xs, places)
		sorted := slices.Sorted(slices.Values(xs))
		if want := sorted[len(xs)-places]; l.last != want {
			t.Fatalf("the last of %d places is %g, want %g", places, l.last, want)
		}
		sum := 0.0
		for _, x := range xs {
			switch {
			case x > l.last:
				sum++
			case x == l.last:
				sum += l.share
			}
		}
		if math.Abs(sum-float64(places)) > 1e-9 {
			t.Fatalf("%g of %d places are given", sum, places)
		}
	})
}

// TestShortlistOfThousands: those that are not on it have the floor, and while nothing is known all are alike.
func TestShortlistOfThousands(t *testing.T) {
	const k, places = 10_000, 50
	es, p := make([]Estimate, k), make([]float64, k)
	e := must(NewOptimisticSquareCB(SquareCBOptions{Gamma: 50, Shortlist: places, Floor: DefaultFloor}))
	e.Probabilities(p, es, 1, 1000)
	if slices.Max(p)-slices.Min(p) > 1e-12 {
		t.Errorf("equal estimates have from %g to %g", slices.Min(p), slices.Max(p))
	}
	for i := range es {
		es[i].Mean = math.Sin(float64(i))
	}
	e.Probabilities(p, es, 1, 1000)
	above := 0
	for i := range p {
		if p[i] > DefaultFloor/k*(1+1e-9) {
			above++
		}
	}
	if above != places {
		t.Errorf("%d actions are above the floor, want %d", above, places)
	}
}
