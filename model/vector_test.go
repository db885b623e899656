package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestVectorRoutinesAreThePlainOnes compares to the bit, at every length and alignment, over magnitudes that round.
func TestVectorRoutinesAreThePlainOnes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	numbers := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rnd.NormFloat64() * math.Pow(10, float64(rnd.IntN(8)))
		}
		return x
	}
	same := func(what string, n int, got, want []float64) {
		t.Helper()
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("%s of %d: %g at %d, want %g", what, n, got[i], i, want[i])
			}
		}
	}
	for n := range 200 {
		for offset := range 3 {
			x, y := numbers(n + offset)[offset:], numbers(n+5)
			same("dot", n, []float64{dot(x, y)}, []float64{plainDot(x, y)})
			a, s := rnd.NormFloat64(), rnd.NormFloat64()
			got, want := slices.Clone(y), slices.Clone(y)
			axpy(got, a, x)
			plainAxpy(want, a, x)
			same("axpy", n, got, want)
			got, want = slices.Clone(x), slices.Clone(x)
			scaleAdd(got, s, a, y)
			plainScaleAdd(want, s, a, y)
			same("scaleAdd", n, got, want)
		}
	}
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{15, 31, 155} {
		x, y := make([]float64, n), make([]float64, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sum := 0.0
			for b.Loop() {
				sum += dot(x, y)
			}
			_ = sum
		})
		b.Run(fmt.Sprint("plain/", n), func(b *testing.B) {
			sum := 0.0
			for b.Loop() {
				sum += plainDot(x, y)
			}
			_ = sum
		})
	}
}
