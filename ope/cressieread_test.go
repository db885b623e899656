package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A model that expects 0 is none.
func TestCressieReadWithoutModel(t *testing.T) {
	plain := NewCressieRead(Range{0, 50}, Range{-1, 2})
	modelled := NewCressieRead(Range{0, 50}, Range{-1, 2})
	rng := rand.New(rand.NewPCG(61, 0))
	for range 500 {
		w, r := rng.ExpFloat64(), 3*rng.Float64()-1
		plain.Add(w, r, 1)
		modelled.AddModelled(w, r, 0, 0, 1)
	}
	if plain.Interval(0.05) != modelled.Interval(0.05) || modelled.modelled() {
		t.Errorf("%v and %v", plain.Interval(0.05), modelled.Interval(0.05))
	}
}

// The dual's slow twin minimises the mean of the terms over probabilities near equal ones directly: with the divergence
// Σ (p·(n+1) - 1)², the weights' mean and the sum of probabilities given, the least mean is at p = (1 + a + b·w + c·y)/(n+1), so
// the bound is where no such p of the allowed divergence goes lower.
func TestCressieReadBoundIsLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(62, 0))
	c := NewCressieRead(Range{0, 20}, Range{0, 1})
	var weights, terms []float64
	for range 200 {
		w, r, q, m := rng.ExpFloat64(), math.Floor(0.4+rng.Float64()), rng.Float64(), rng.Float64()
		c.AddModelled(w, r, q, m, 1)
		weights, terms = append(weights, w), append(terms, m+w*(r-q))
	}
	const alpha = 0.05
	tq := studentQuantile(1-alpha/2, 200)
	allowed := c.leastDivergence() + tq*tq
	least := math.Inf(1)
	// The unseen sample has a residual as low as possible, and either extreme weight.
	for _, f := range []float64{0, 20} {
		low := c.offsets.Least + f*(0-c.model.Most)
		least = min(least, leastMean(append([]float64{f}, weights...), append([]float64{low}, terms...), allowed))
	}
	near(t, "lower bound", c.Interval(alpha).Lower, max(0, least), 1e-9)
	if least < 0 {
		t.Error("the bound is that of the rewards: the test shows nothing")
	}
}

// leastMean returns the least Σ p·y with Σ p = 1, Σ p·w = 1 and Σ (p·n - 1)² ≤ allowed: along the part of y that is orthogonal to
// the constraints, from the point of least divergence.
func leastMean(w, y []float64, allowed float64) float64 {
	n := float64(len(w))
	wm, ym := 0.0, 0.0
	for i := range w {
		wm += w[i] / n
		ym += y[i] / n
	}
	ww, wy := 0.0, 0.0
	for i := range w {
		ww += (w[i] - wm) * (w[i] - wm)
		wy += (w[i] - wm) * (y[i] - ym)
	}
	slope := n * (1 - wm) / ww // p·n - 1 = slope·(w - wm) meets the constraints.
	spent, mean, rest := 0.0, 0.0, 0.0
	for i := range w {
		d := slope * (w[i] - wm)
		e := y[i] - ym - wy/ww*(w[i]-wm)
		spent += d * d
		mean += (1 + d) * y[i] / n
		rest += e * e
	}
	return mean - math.Sqrt((allowed-spent)*rest)/n
}

func BenchmarkCressieReadAdd(b *testing.B) {
	c := NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1})
	rng := rand.New(rand.NewPCG(63, 0))
	b.ReportAllocs()
	for b.Loop() {
		c.Add(rng.ExpFloat64(), rng.Float64(), 1)
	}
}
