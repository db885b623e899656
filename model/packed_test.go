package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// symmetric returns a random positive definite matrix, packed and as gonum has it.
func symmetric(rnd *rand.Rand, n int) ([]float64, *mat.SymDense) {
	m := make([]float64, packedSize(n))
	dense := mat.NewSymDense(n, nil)
	for range 2 * n {
		x := randomVector(rnd, n)
		packedAddOuter(m, x, 1, 0.5)
		dense.SymRankOne(dense, 0.5, mat.NewVecDense(n, x))
	}
	return m, dense
}

func randomVector(rnd *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		if rnd.IntN(4) > 0 {
			x[i] = rnd.NormFloat64()
		}
	}
	return x
}

func TestPackedRoutinesAreGonums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 16, 33, 90} {
		m, dense := symmetric(rnd, n)
		x := randomVector(rnd, n)
		v := mat.NewVecDense(n, x)
		got, want := make([]float64, n), mat.NewVecDense(n, nil)
		packedProduct(got, m, x)
		want.MulVec(dense, v)
		for i := range got {
			agree(t, "product", got[i], want.AtVec(i))
		}
		agree(t, "quadratic", packedQuadratic(m, x), mat.Inner(v, dense, v))
		packedDowndate(m, x, 0.25, 1.5)
		dense.SymRankOne(dense, -0.25, v)
		packedAddOuter(m, x, 0.5, 2)
		for i := range n {
			for j := range i + 1 {
				agree(t, "updated", packedRow(m, i)[j], 0.75*dense.At(i, j)+2*x[i]*x[j])
			}
		}
	}
}

func TestPackedInverse(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 5, 40} {
		m, dense := symmetric(rnd, n)
		d := make([]float64, n)
		for i := range d {
			d[i] = 1 + rnd.Float64()
			dense.SetSym(i, i, dense.At(i, i)+d[i])
		}
		inverse, ok := packedInverse(m, d)
		if !ok {
			t.Fatal("a positive definite matrix was refused")
		}
		var want mat.Dense
		if err := want.Inverse(dense); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			for j := range i + 1 {
				agree(t, "inverse", packedRow(inverse, i)[j], want.At(i, j))
			}
		}
	}
	if _, ok := packedInverse([]float64{math.NaN()}, []float64{1}); ok {
		t.Error("NaN was inverted")
	}
}

// agree fails unless got is want within 1e-9 of its size.
func agree(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*(1+math.Abs(want))) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}
