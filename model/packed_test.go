package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// symmetric returns a random positive definite matrix, packed and as gonum has it.
func symmetric(rnd *rand.Rand, n int) ([]float64, *mat.SymDense) {
	m := make([]float64, packedSize(n))
	dense := mat.NewSymDense(n, nil)
	for range 2 * n {
		x := randomVector(rnd, n)
		packedAdd(m, x, 0.5)
		dense.SymRankOne(dense, 0.5, mat.NewVecDense(n, x))
	}
	return m, dense
}

// packedAt returns element i, j.
func packedAt(m []float64, i, j int) float64 { return packedRow(m, max(i, j))[min(i, j)] }

func randomVector(rnd *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		if rnd.IntN(4) > 0 {
			x[i] = rnd.NormFloat64()
		}
	}
	return x
}

var packedDimensions = []int{4, 8, 12, 16, 20, 36, 64, 100, 156}

func TestPackedRoutinesAreGonums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range packedDimensions {
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
		packedScaleAdd(m, x, 1.5, -0.25)
		for i := range n {
			for j := range n {
				agree(t, "updated", packedAt(m, i, j), 1.5*dense.At(i, j)-0.25*x[i]*x[j])
				if i/block == j/block {
					agree(t, "diagonal block", packedRow(m, i)[j], packedRow(m, j)[i])
				}
			}
		}
	}
}

// TestPackedRoutinesAreThePlainOnes compares to the bit.
func TestPackedRoutinesAreThePlainOnes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 3))
	for _, n := range packedDimensions {
		m, _ := symmetric(rnd, n)
		x := randomVector(rnd, n)
		got, want := slices.Clone(m), slices.Clone(m)
		packedAdd(got, x, 0.3)
		plainPackedAdd(want, x, 0.3)
		sameBits(t, "add", got, want)
		packedScaleAdd(got, x, 0.99, -0.3)
		plainPackedScaleAdd(want, x, 0.99, -0.3)
		sameBits(t, "scale and add", got, want)
		y := randomVector(rnd, n)
		packedUpdate(got, 0.99, x, -0.3, y, 0.7)
		plainPackedUpdate(want, 0.99, x, -0.3, y, 0.7)
		sameBits(t, "update", got, want)
		u, v := make([]float64, n), make([]float64, n)
		packedProduct(u, m, x)
		plainPackedProduct(v, m, x)
		sameBits(t, "product", u, v)
		clear(x[n/8*4:][:block])
		sameBits(t, "quadratic", []float64{packedQuadratic(m, x)}, []float64{plainPackedQuadratic(m, x)})
	}
}

func sameBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s of %d: %g at %d, want %g", what, len(want), got[i], i, want[i])
		}
	}
}

func TestPackedInverse(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range packedDimensions {
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
				agree(t, "inverse", packedAt(inverse, i, j), want.At(i, j))
			}
		}
	}
	for _, bad := range [][]float64{{1, math.NaN(), 1, 1}, {1, 1, -1, 1}, {0, 1, 1, 1}, {1, 1, 1, math.Inf(1)}} {
		if _, ok := packedInverse(make([]float64, packedSize(4)), bad); ok {
			t.Errorf("the diagonal %v was inverted", bad)
		}
	}
}

// agree fails unless got is want within 1e-9 of its size.
func agree(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*(1+math.Abs(want))) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

func BenchmarkPacked(b *testing.B) {
	const n = 100
	m, _ := symmetric(rand.New(rand.NewPCG(1, 1)), n)
	x, u := randomVector(rand.New(rand.NewPCG(1, 2)), n), make([]float64, n)
	for i := range x {
		x[i]++
	}
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			packedAdd(m, x, 1e-9)
		}
	})
	b.Run("scale and add", func(b *testing.B) {
		for b.Loop() {
			packedScaleAdd(m, x, 1, 1e-9)
		}
	})
	b.Run("update", func(b *testing.B) {
		for b.Loop() {
			packedUpdate(m, 1, x, 1e-9, x, -1e-9)
		}
	})
	b.Run("inverse", func(b *testing.B) {
		for b.Loop() {
			packedInverse(m, x)
		}
	})
	b.Run("product", func(b *testing.B) {
		for b.Loop() {
			packedProduct(u, m, x)
		}
	})
	b.Run("quadratic", func(b *testing.B) {
		for b.Loop() {
			u[0] = packedQuadratic(m, x)
		}
	})
}
