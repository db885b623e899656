package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Blocks and merges must give what the formulas give over all rows at once, far from zero too.
func TestMomentsAreThoseOfAllRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m Moments
	var rows []Terms
	for range 10*blockSize + 17 {
		w := rng.ExpFloat64()
		x := Terms{Linear: 1e6 + rng.NormFloat64(), Count: 1, Ratio: w * rng.Float64(), Weight: w}
		rows = append(rows, x)
		m.Add(x)
	}
	m.Flush()
	n := float64(len(rows))
	var sums Terms
	for _, x := range rows {
		sums.Linear += x.Linear
		sums.Ratio += x.Ratio
		sums.Weight += x.Weight
	}
	theta := sums.Ratio / sums.Weight
	squares := 0.0
	for _, x := range rows {
		d := x.Linear - sums.Linear/n + (x.Ratio-theta*x.Weight)*n/sums.Weight
		squares += d * d
	}
	if got, want := m.Value(true), sums.Linear/n+theta; math.Abs(got/want-1) > 1e-13 {
		t.Errorf("value %v, want %v", got, want)
	}
	if got, want := m.Variance(true), squares/n/(n-1); math.Abs(got/want-1) > 1e-9 {
		t.Errorf("variance %v, want %v", got, want)
	}
}
