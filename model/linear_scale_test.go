package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// TestUnitsDoNotMatter: the same events in other units, by powers of two so that nothing is rounded, give the same
// estimates to the last bit.
func TestUnitsDoNotMatter(t *testing.T) {
	learn := func(unit, other float64) []Estimate {
		l := NewLinear(LinearOptions{})
		rnd := rand.New(rand.NewPCG(1, 1))
		draw := func() (features.Set, Candidate) {
			x, y := rnd.NormFloat64(), rnd.NormFloat64()
			c := must(features.NewSet([]features.Feature{{Name: "x", Value: features.NumberValue(x * unit)}}))
			a := must(features.NewSet([]features.Feature{{Name: "y", Value: features.NumberValue(y * other)}}))
			return c, Candidate{ID: string(rune('a' + rnd.IntN(3))), Features: a}
		}
		for range 200 {
			c, a := draw()
			l.Observe(c, []Candidate{a})
			x := l.Encode(c, a)
			l.Settle(&x, rnd.NormFloat64(), 1)
		}
		c, a := draw()
		return must(l.Predictor()).Estimate(nil, c, []Candidate{a})
	}
	plain := learn(1, 1)
	for _, k := range []float64{0x1p20, 0x1p-20, 0x1p100, 0x1p-100} {
		if got := learn(k, 1/k); got[0].Mean != plain[0].Mean {
			t.Errorf("in units of %g an action is worth %v, not %v", k, got[0], plain[0])
		}
	}
}

// TestWildScalesAreLearned has one loop learn from features of 1e6 and 1e-6, with an offset of a thousand deviations.
func TestWildScalesAreLearned(t *testing.T) {
	l := NewLinear(LinearOptions{})
	rnd := rand.New(rand.NewPCG(2, 1))
	draw := func() (features.Set, float64) {
		x, y := rnd.NormFloat64(), rnd.NormFloat64()
		return must(features.NewSet([]features.Feature{
			{Name: "big", Value: features.NumberValue(1e9 + 1e6*x)},
			{Name: "small", Value: features.NumberValue(1e-6 * y)},
		})), 3 + 2*x - y
	}
	a := []Candidate{{ID: "a"}}
	for range 3000 {
		c, r := draw()
		l.Observe(c, a)
		x := l.Encode(c, a[0])
		l.Settle(&x, r+0.1*rnd.NormFloat64(), 1)
	}
	p := must(l.Predictor())
	for range 100 {
		c, r := draw()
		if got := p.Estimate(nil, c, a)[0].Mean; math.Abs(got-r) > 0.1 {
			t.Errorf("worth %g, estimated %g", r, got)
		}
	}
}

// TestMissingNumberIsWorthItsMean: a number that is missing adds what its indicator learned, and nothing of the anchor.
func TestMissingNumberIsWorthItsMean(t *testing.T) {
	l := NewLinear(LinearOptions{})
	rnd := rand.New(rand.NewPCG(3, 1))
	a := []Candidate{{ID: "a"}}
	for i := range 2000 {
		x := rnd.NormFloat64()
		fs := []features.Feature{{Name: "age", Value: features.NumberValue(40 + 10*x)}}
		if i == 0 { // the anchor is an outlier
			fs[0].Value = features.NumberValue(90)
		}
		if i%4 == 3 {
			fs = nil
		}
		c := must(features.NewSet(fs))
		l.Observe(c, a)
		e := l.Encode(c, a[0])
		l.Settle(&e, 7+x, 1)
		if fs == nil {
			l.Settle(&e, 7-x, 1) // missing is worth 7 on average, as the mean age is
		}
	}
	got := must(l.Predictor()).Estimate(nil, nil, a)[0].Mean
	if math.Abs(got-7) > 0.1 {
		t.Errorf("missing is worth %g, not 7", got)
	}
}
