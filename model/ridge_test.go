package model

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// batch is the slow obvious twin: the posterior of weighted examples under a prior, from the whole data.
type batch struct {
	x         [][]float64
	r, weight []float64
}

func (b *batch) solve(t *testing.T, precision []float64) (weights *mat.VecDense, covariance *mat.Dense) {
	t.Helper()
	d := len(precision)
	a, right := mat.NewDense(d, d, nil), mat.NewVecDense(d, nil)
	for i, p := range precision {
		a.Set(i, i, p)
	}
	for i, x := range b.x {
		v := mat.NewVecDense(d, append(append([]float64(nil), x...), make([]float64, d-len(x))...))
		var outer mat.Dense
		outer.Outer(b.weight[i], v, v)
		a.Add(a, &outer)
		right.AddScaledVec(right, b.weight[i]*b.r[i], v)
	}
	covariance = new(mat.Dense)
	if err := covariance.Inverse(a); err != nil {
		t.Fatal(err)
	}
	weights = mat.NewVecDense(d, nil)
	weights.MulVec(covariance, right)
	return weights, covariance
}

// padTo returns x with zeros up to the length of precision.
func padTo(precision, x []float64) []float64 {
	return append(x, make([]float64, len(precision)-len(x))...)
}

func compare(t *testing.T, what string, p *posterior, weights *mat.VecDense, covariance *mat.Dense) {
	t.Helper()
	for i := range p.columns {
		agree(t, what+": weight", p.weights[i], weights.AtVec(i))
		agree(t, what+": diagonal", p.diagonal[i], covariance.At(i, i))
		for j := range i + 1 {
			agree(t, what+": covariance", packedAt(p.covariance, i, j), covariance.At(i, j))
		}
	}
}

// TestRidgeIsTheBatchPosterior follows examples one by one, some with more columns than those before, some provisional
// and corrected, some taken out again.
func TestRidgeIsTheBatchPosterior(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	r := ridge{keep: 1, columns: 4, precision: []float64{1, 1.5, 2, 1}}
	settled, all := &batch{}, &batch{}
	learn := func(b *batch, x []float64, y, w float64) {
		b.x, b.r, b.weight = append(b.x, x), append(b.r, y), append(b.weight, w)
	}
	for i := range remakeEvery + 500 { // across a remake
		d := 5 + i/1000
		if r.columns < d {
			r.columns = d
			r.precision = append(r.precision[:d-1:d-1], 1+rnd.Float64())
			r.precision = append(r.precision, 1, 1, 1)[:padded(d)]
		}
		x, y, w := padTo(r.precision, randomVector(rnd, d)), rnd.NormFloat64(), 0.5+rnd.Float64()
		if err := r.settle(3, x, make([]float64, len(x)), y, w); err != nil {
			t.Fatal(err)
		}
		learn(settled, x, y, w)
		learn(all, x, y, w)
	}
	for i := range 30 {
		x, y := padTo(r.precision, randomVector(rnd, r.columns)), rnd.NormFloat64()
		r.provisional(3, x, 7, 1)
		if i%3 == 0 { // the reward is corrected
			r.provisional(3, x, 7, -1)
			r.provisional(3, x, y, 1)
			learn(all, x, y, 1)
		} else {
			learn(all, x, 7, 1)
		}
	}
	b := r.known(3)
	w, c := settled.solve(t, r.precision)
	compare(t, "settled", b.posterior, w, c)
	w, c = all.solve(t, r.precision)
	total, err := r.current(b)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "with the provisional", total, w, c)
	// Erasure: an example that is taken out again leaves what the others make.
	last := len(settled.x) - 1
	if err := r.settle(3, settled.x[last], make([]float64, len(r.precision)), settled.r[last], -settled.weight[last]); err != nil {
		t.Fatal(err)
	}
	settled.x, settled.r, settled.weight = settled.x[:last], settled.r[:last], settled.weight[:last]
	w, c = settled.solve(t, r.precision)
	compare(t, "after erasure", b.posterior, w, c)
	r.clearProvisional()
	if p, err := r.current(b); err != nil || p != b.posterior {
		t.Error("something provisional is left")
	}
}

// TestForgettingIsWeightedByAge compares with weights keep^age. The prior is restored in turns: the tolerance is what
// that may cost, until the posterior is made anew.
func TestForgettingIsWeightedByAge(t *testing.T) {
	const d, n, keep = 4, remakeEveryForgetting * 3, 0.98
	rnd := rand.New(rand.NewPCG(7, 8))
	r := ridge{keep: keep, columns: d, precision: []float64{1, 2, 1, 3}}
	twin := &batch{}
	for range n {
		x, y := randomVector(rnd, d), rnd.NormFloat64()
		if err := r.settle(0, x, make([]float64, d), y, 1); err != nil {
			t.Fatal(err)
		}
		for i := range twin.weight {
			twin.weight[i] *= keep
		}
		twin.x, twin.r, twin.weight = append(twin.x, x), append(twin.r, y), append(twin.weight, 1)
	}
	w, c := twin.solve(t, r.precision)
	compare(t, "just made", r.known(0).posterior, w, c)
	for range remakeEveryForgetting - 6 {
		if err := r.settle(0, make([]float64, d), make([]float64, d), 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range r.known(0).posterior.diagonal {
		if prior := 1 / r.precision[i]; v < 0.5*prior || v > 1.3*prior {
			t.Errorf("after forgetting nearly everything column %d has variance %g, its prior %g", i, v, prior)
		}
	}
}

func TestMergedRidgesAreOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	fresh := func() ridge { return ridge{keep: 1, columns: 3, precision: []float64{1, 1, 2, 1}} }
	one, a, b := fresh(), fresh(), fresh()
	for i := range 200 {
		x, y := append(randomVector(rnd, 3), 0), rnd.NormFloat64()
		half := &a
		if i%2 == 0 {
			half = &b
		}
		for _, r := range []*ridge{&one, half} {
			if err := r.settle(i%4, x, make([]float64, 4), y, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.merge(&b); err != nil {
		t.Fatal(err)
	}
	for number := range 4 {
		for i, w := range one.known(number).posterior.weights {
			agree(t, "merged weight", a.known(number).posterior.weights[i], w)
		}
	}
}

func TestRidgeSurvivesItsBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	r := ridge{keep: 0.98, columns: 3, precision: []float64{1, 1, 2, 1}}
	for i := range 50 {
		if err := r.settle(1+i%2, append(randomVector(rnd, 3), 0), make([]float64, 4), 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	r.provisional(2, append(randomVector(rnd, 3), 0), 1, 1)
	again := ridge{keep: r.keep, columns: r.columns, precision: r.precision}
	written := r.appendBinary(nil)
	d := decoder{b: written}
	d.ridge(&again, 3)
	if d.err != nil || len(d.b) > 0 || !bytes.Equal(again.appendBinary(nil), written) {
		t.Fatalf("read again it is another: %v", d.err)
	}
	for range 10 {
		x := append(randomVector(rnd, 3), 0)
		for _, r := range []*ridge{&r, &again} {
			if err := r.settle(1, x, make([]float64, 4), 1, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(again.appendBinary(nil), r.appendBinary(nil)) {
		t.Error("it goes on otherwise")
	}
}
