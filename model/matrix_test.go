package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestMatrixRoutines checks them against gonum, which does not promise the same bits on every machine.
func TestMatrixRoutines(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 4, 5, 8, 17, 40} {
		a := mat.NewDense(n, n, nil)
		a.Apply(func(_, _ int, _ float64) float64 { return rnd.NormFloat64() }, a)
		var m, inverse mat.Dense
		m.Mul(a, a.T())
		for i := range n {
			m.Set(i, i, m.At(i, i)+1)
		}
		if err := inverse.Inverse(&m); err != nil {
			t.Fatal(err)
		}
		l := append([]float64(nil), m.RawMatrix().Data...)
		if !cholesky(l, n) {
			t.Fatalf("n=%d: not positive definite", n)
		}
		invert(l, make([]float64, n*n), n)
		for i := range n {
			for j := range n {
				agree(t, "inverse", l[i*n+j], inverse.At(i, j))
			}
		}
	}
	for _, bad := range [][]float64{{1, 2, 2, 1}, {math.NaN(), 0, 0, 1}, {1, 0, 0, math.Inf(1)}, {0, 0, 0, 0}} {
		if cholesky(bad, 2) {
			t.Errorf("%v was factored", bad)
		}
	}
}
