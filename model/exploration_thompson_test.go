package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestNormalTable compares with math.Erfc and math.Exp, and holds at the edges.
func TestNormalTable(t *testing.T) {
	n, rnd := newNormalTable(), rand.New(rand.NewPCG(1, 2))
	zs := []float64{0, -normalRange, normalRange, math.Nextafter(normalRange, 0), math.Nextafter(-normalRange, 0), -100, 100, math.Inf(1)}
	for range 100_000 {
		zs = append(zs, 15*rnd.Float64()-normalRange)
	}
	for _, z := range zs {
		distribution, density := n.at(z)
		if math.Abs(distribution-math.Erfc(-z/math.Sqrt2)/2) > 4e-14 || math.Abs(density-math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)) > 1e-12 {
			t.Errorf("at %g the table has %g and %g", z, distribution, density)
		}
		if !(distribution > 0) {
			t.Errorf("at %g the distribution is %g", z, distribution)
		}
	}
}

// TestThompsonIsItsIntegral compares with a slow twin over deviations that differ up to 10^4 times.
func TestThompsonIsItsIntegral(t *testing.T) {
	policy, rnd := must(NewThompson(1, 0)).(*thompson), rand.New(rand.NewPCG(1, 2))
	for _, k := range []int{1, 2, 3, 10, 40} {
		for _, spread := range []float64{0, 0.1, 1, 10} {
			for _, ratio := range []float64{1, 10, 1e4} {
				es, p := make([]Estimate, k), make([]float64, k)
				for i := range es {
					es[i] = Estimate{Mean: 3 + spread*rnd.NormFloat64(), Variance: 7 * math.Pow(ratio, -2*rnd.Float64())}
				}
				policy.play(p, policy.rivals(nil, es))
				compareIntegral(t, p, es)
			}
		}
	}
}

func compareIntegral(t *testing.T, p []float64, es []Estimate) {
	t.Helper()
	sum, off := 0.0, 0.0
	for i, want := range slowThompson(es) {
		sum += p[i]
		off += math.Abs(p[i] - want)
	}
	if off > 1e-8 || math.Abs(sum-1) > 1e-8 {
		t.Errorf("%d actions are off by %g, their sum is 1%+g", len(es), off, sum-1)
	}
}

// slowThompson integrates by Simpson's rule, 50 steps in the least deviation whose action reaches x, and each Φ by Erfc.
func slowThompson(es []Estimate) []float64 {
	const reach, steps = 8.5, 50
	density := func(i int, x float64) float64 {
		d := math.Sqrt(es[i].Variance)
		p := math.Exp(-(x-es[i].Mean)*(x-es[i].Mean)/(2*es[i].Variance)) / (d * math.Sqrt(2*math.Pi))
		for j, e := range es {
			if j != i {
				p *= math.Erfc(-(x-e.Mean)/math.Sqrt(2*e.Variance)) / 2
			}
		}
		return p
	}
	low, high := math.Inf(-1), math.Inf(-1)
	for _, e := range es {
		low, high = max(low, e.Mean-reach*math.Sqrt(e.Variance)), max(high, e.Mean+reach*math.Sqrt(e.Variance))
	}
	p := make([]float64, len(es))
	for x := low; x < high; {
		h := math.Inf(1)
		for _, e := range es {
			if d := math.Sqrt(e.Variance); e.Mean+reach*d > x {
				h = min(h, d/steps)
			}
		}
		for i := range p {
			p[i] += h / 6 * (density(i, x) + 4*density(i, x+h/2) + density(i, x+h))
		}
		x += h
	}
	return p
}

// TestThompsonBySymmetry: actions with the same estimate have probability 1/K, whatever K. Before it is normalised the
// sum shows the quadrature's error.
func TestThompsonBySymmetry(t *testing.T) {
	policy := must(NewThompson(0.3, 0)).(*thompson)
	for _, k := range []int{1, 2, 3, 5, 8, 13, 20, 30, 50, 100, 300, 1000, 2000, 4000, 10_000} {
		es, p := make([]Estimate, k), make([]float64, k)
		for i := range es {
			es[i] = Estimate{Mean: -1e6, Variance: 1e-6}
		}
		policy.play(p, policy.rivals(nil, es))
		for i := range p {
			if off := p[i]*float64(k) - 1; math.Abs(off) > 1e-8 {
				t.Fatalf("%d actions: number %d has 1%+g times its part", k, i, off)
			}
		}
	}
}

// TestThompsonOfTwoIsAFormula: the difference of two draws is normal. Deviations differ up to 10^8 times.
func TestThompsonOfTwoIsAFormula(t *testing.T) {
	policy, p := must(NewThompson(1, 0)), make([]float64, 2)
	for _, deviation := range []float64{1, 1e-2, 1e-4, 1e-8, 0} {
		for _, gap := range []float64{0, 1e-4, 0.3, 2, 5, 20} {
			policy.Probabilities(p, []Estimate{{Mean: 1, Variance: 1}, {Mean: 1 + gap, Variance: deviation * deviation}}, 1, 1)
			want := math.Erfc(gap/math.Sqrt(2*(1+deviation*deviation))) / 2
			if math.Abs(p[0]-want) > 1e-9 {
				t.Errorf("gap %g, deviation %g: %.12f, want %.12f", gap, deviation, p[0], want)
			}
		}
	}
}

// TestThompsonWithoutDeviations is greedy: fixed draws have no chance to differ from their means.
func TestThompsonWithoutDeviations(t *testing.T) {
	p := make([]float64, 4)
	must(NewThompson(1, 0.04)).Probabilities(p, []Estimate{{Mean: 1}, {Mean: 2}, {Mean: 2}, {Mean: -5}}, 1, 9)
	for i, want := range []float64{0.01, 0.49, 0.49, 0.01} {
		if math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("action %d has %g, want %g", i, p[i], want)
		}
	}
}
