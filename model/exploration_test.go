package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// policies returns one of each kind.
func policies(epsilon, gamma, floor float64) []Exploration {
	return []Exploration{
		must(NewUniform(floor)), must(NewEpsilonGreedy(epsilon, floor)), must(NewSquareCB(gamma, floor)),
	}
}

// TestProbabilitiesAreDistributions holds what every policy promises, over means that tie, are absurd or not numbers.
func TestProbabilitiesAreDistributions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.OneOf(
			rapid.SampledFrom([]float64{0, 0, 1, -1, 1e-300, 1e300, -1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}),
			rapid.Float64Range(-1, 1))
		var es []Estimate
		for _, m := range rapid.SliceOfN(mean, 1, 60).Draw(t, "means") {
			es = append(es, Estimate{Mean: m})
		}
		share := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1))
		floor := share.Draw(t, "floor")
		deviation := rapid.SampledFrom([]float64{0, 1e-300, 0.3, 1e12, 1e300}).Draw(t, "deviation")
		n := rapid.SampledFrom([]uint64{0, 1, 1000, math.MaxUint64}).Draw(t, "n")
		gamma := rapid.SampledFrom([]float64{0, 1e-9, 5, 1e6, 1e300}).Draw(t, "gamma")
		for _, e := range policies(share.Draw(t, "epsilon"), gamma, floor) {
			p := make([]float64, len(es))
			e.Probabilities(p, es, deviation, n)
			checkDistribution(t, e, p, floor)
		}
	})
}

func checkDistribution(t interface{ Fatalf(string, ...any) }, e Exploration, p []float64, floor float64) {
	sum := 0.0
	for _, x := range p {
		if !(x >= floor/float64(len(p))*(1-1e-12)) || x > 1 {
			t.Fatalf("%s: probability %g of %d actions", e, x, len(p))
		}
		sum += x
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Fatalf("%s: probabilities of %d actions sum to 1%+g", e, len(p), sum-1)
	}
}

func TestManyActions(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, k := range []int{1, 2, 1000, 100_000} {
		es, p := make([]Estimate, k), make([]float64, k)
		for i := range es {
			es[i].Mean = rnd.NormFloat64()
		}
		for _, e := range policies(0.1, 5, DefaultFloor) {
			for _, n := range []uint64{0, 10_000} {
				e.Probabilities(p, es, 1, n)
				checkDistribution(t, e, p, DefaultFloor)
			}
		}
	}
}

func TestEpsilonGreedy(t *testing.T) {
	p := make([]float64, 4)
	must(NewEpsilonGreedy(0.2, 0.01)).Probabilities(p, []Estimate{{Mean: 1}, {Mean: 2}, {Mean: 2}, {Mean: -5}}, 1, 9)
	for i, want := range []float64{0.05, 0.45, 0.45, 0.05} {
		if math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("action %d has %g, want %g", i, p[i], want)
		}
	}
}

// TestSquareCBIsThePapersFormula computes it term by term for one best action.
func TestSquareCBIsThePapersFormula(t *testing.T) {
	es := []Estimate{{Mean: 0.1}, {Mean: 0.5}, {Mean: 0.45}, {Mean: -1}}
	const gamma, floor, deviation, n = 7, 0.02, 0.4, 900
	p, rest := make([]float64, len(es)), 1.0
	must(NewSquareCB(gamma, floor)).Probabilities(p, es, deviation, n)
	for i, e := range es {
		if i == 1 {
			continue
		}
		want := 1 / (4 + gamma*30/deviation*(0.5-e.Mean))
		rest -= want
		if want = (1-floor)*want + floor/4; math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("action %d has %g, want %g", i, p[i], want)
		}
	}
	if want := (1-floor)*rest + floor/4; math.Abs(p[1]-want) > 1e-14 {
		t.Errorf("the best action has %g, want %g", p[1], want)
	}
	for _, c := range []struct {
		deviation float64
		n         uint64
	}{{0, 900}, {0.4, 0}} {
		must(NewSquareCB(gamma, floor)).Probabilities(p, es, c.deviation, c.n)
		if p[0] != 0.25 || p[1] != 0.25 {
			t.Errorf("with deviation %g and %d events it is %v, not uniform", c.deviation, c.n, p)
		}
	}
}

func TestParametersAreChecked(t *testing.T) {
	for _, bad := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if _, err := NewEpsilonGreedy(bad, 0); err == nil {
			t.Errorf("epsilon %g was taken", bad)
		}
		if _, err := NewUniform(bad); err == nil {
			t.Errorf("floor %g was taken", bad)
		}
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := NewSquareCB(bad, 0); err == nil {
			t.Errorf("gamma %g was taken", bad)
		}
	}
}

func TestDrawAtTheEdges(t *testing.T) {
	almost1 := math.Nextafter(1, 0)
	for _, c := range []struct {
		p    []float64
		u    float64
		want int
	}{
		{[]float64{0.25, 0.75}, 0, 0},
		{[]float64{0.25, 0.75}, 0.25, 1},
		{[]float64{0.25, 0.75}, math.Nextafter(0.25, 0), 0},
		{[]float64{0, 0, 1, 0}, 0, 2},
		{[]float64{0, 0, 1, 0}, almost1, 2},
		{[]float64{0.1, 0.2, 0.3, 0.3999999, 0}, almost1, 3}, // what is left over goes to the last that can be
		{[]float64{math.NaN(), 1}, 0.5, 1},
		{[]float64{0, 0}, 0.5, -1},
		{nil, 0.5, -1},
	} {
		if got := Draw(c.p, c.u); got != c.want {
			t.Errorf("Draw(%v, %g) is %d, want %d", c.p, c.u, got, c.want)
		}
	}
}

func TestDrawNeverReturnsTheImpossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 0.5)), 1, 20).Draw(t, "p")
		if i := Draw(p, rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "u")); i >= 0 && p[i] == 0 {
			t.Fatalf("drew %d of %v", i, p)
		}
	})
}

// TestExecutedFrequencyIsTheProbability draws 400,000 times by event id from each policy. The chi-square tests fail by
// chance once in 10,000 seeds each; the seeds are fixed.
func TestExecutedFrequencyIsTheProbability(t *testing.T) {
	es := []Estimate{{Mean: 0.1}, {Mean: 0.5}, {Mean: 0.45}, {Mean: -1}, {Mean: 0.1}, {Mean: 0.2}}
	const draws = 400_000
	for k, e := range policies(0.1, 5, DefaultFloor) {
		p, counts := make([]float64, len(es)), make([]int, len(es))
		e.Probabilities(p, es, 0.3, 400)
		for i := range draws {
			counts[Draw(p, Uniform(uint64(k)+40, fmt.Sprint("event-", i), i%3))]++
		}
		if x, limit := chiSquare(counts, p, draws), chiSquareLimit(len(p)-1); x > limit {
			t.Errorf("%s: chi-square %.1f above %.1f: %v of %v", e, x, limit, counts, p)
		}
		// The test must be able to fail: the frequencies of another distribution.
		p[0], p[1] = p[1]*0.99+p[0]*0.01, p[0]*0.99+p[1]*0.01
		if x := chiSquare(counts, p, draws); k > 0 && x <= chiSquareLimit(len(p)-1) {
			t.Errorf("%s: swapped probabilities pass with chi-square %.1f", e, x)
		}
	}
}

func chiSquare(counts []int, p []float64, n float64) float64 {
	x := 0.0
	for i, c := range counts {
		d := float64(c) - n*p[i]
		x += d * d / (n * p[i])
	}
	return x
}

func chiSquareLimit(degrees int) float64 {
	return distuv.ChiSquared{K: float64(degrees)}.Quantile(1 - 1e-4)
}

// TestUniformIsUniform bins 1,000,000 event ids into 1,000; the chi-square test fails by chance once in 10,000 salts.
func TestUniformIsUniform(t *testing.T) {
	counts, p := make([]int, 1000), make([]float64, 1000)
	for i := range 1_000_000 {
		u := Uniform(7, fmt.Sprint(i), 0)
		if u < 0 || u >= 1 || u*(1<<53) != math.Trunc(u*(1<<53)) {
			t.Fatalf("u is %g", u)
		}
		counts[int(u*1000)]++
	}
	for i := range p {
		p[i] = 1e-3
	}
	if x, limit := chiSquare(counts, p, 1e6), chiSquareLimit(999); x > limit {
		t.Errorf("chi-square %.1f above %.1f", x, limit)
	}
	if Uniform(1, "a", 0) == Uniform(2, "a", 0) || Uniform(1, "a", 0) == Uniform(1, "a", 1) || Uniform(1, "a", 0) == Uniform(1, "b", 0) {
		t.Error("salt, event and slot do not all count")
	}
	// A change here would make every logged draw another one.
	if got, want := Uniform(42, "event-1", 2), 0.677986545514614; got != want {
		t.Errorf("Uniform(42, event-1, 2) is %v, was %v", got, want)
	}
}
