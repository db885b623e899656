package ope

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// The slow twin adds half a sample to the log and computes the value anew. Its weight is what n_eff equal ones would have.
func TestUnseenIsHalfASampleMore(t *testing.T) {
	const policyModel, least, most = 0.6, -1.0, 2.0
	rng := rand.New(rand.NewPCG(54, 0))
	var seen []Terms
	w, ww := 0.0, 0.0
	for range 50 {
		weight := 0.1 + rng.ExpFloat64()
		w, ww = w+weight, ww+weight*weight
		seen = append(seen, Terms{Linear: policyModel, Ratio: weight * rng.NormFloat64() / 4, Weight: weight, Count: 1})
	}
	n := w * w / ww
	with := func(reward float64) float64 {
		half := w / n / 2
		return valueOf(append(seen[:len(seen):len(seen)], Terms{Ratio: half * (reward - policyModel), Weight: half}))
	}
	value := valueOf(seen)
	got := Interval{value, value, "x"}.withUnseen(value, n, Range{least, most})
	near(t, "lower", got.Lower, with(least), 1e-12)
	near(t, "upper", got.Upper, with(most), 1e-12)
	if !(got.Lower < value && value < got.Upper) {
		t.Errorf("%v is not around %v", got, value)
	}
	beyond := Interval{1, 4, "x"}.withUnseen(3, n, Range{least, most})
	if !(beyond.Lower < 1) || beyond.Upper != 4 {
		t.Errorf("for a value above the range, %v", beyond)
	}
}

func valueOf(all []Terms) float64 {
	linear, count, ratio, weight := 0.0, 0.0, 0.0, 0.0
	for _, t := range all {
		linear, count, ratio, weight = linear+t.Linear, count+t.Count, ratio+t.Ratio, weight+t.Weight
	}
	return linear/count + ratio/weight
}

// With a model of zeros SNDR is SNIPS, and its interval that of SNIPS with half an unseen sample; with many samples it is
// neither's.
func TestUnseenIsOfSNDR(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	for _, n := range []int{200, 5000} {
		forget := func(s *Sample) { s.QLogged, s.QTarget = 0, 0 }
		r := evaluate(t, basic|HasModel, "snips,sndr", Options{Rewards: Range{0, 1}}, draws(w, 55, n, forget))
		snips, sndr := r.Estimates[0], r.Estimates[1]
		near(t, "value", sndr.Value, snips.Value, 1e-12)
		few := r.Diagnostics.Effective() < FewEffective
		want := Interval{snips.Lower, snips.Upper, snips.Interval}
		if few {
			want = want.withUnseen(snips.Value, r.Diagnostics.Effective(), Range{0, 1})
		}
		near(t, "lower", sndr.Lower, want.Lower, 1e-12)
		near(t, "upper", sndr.Upper, want.Upper, 1e-12)
		if few != (n == 200) || few != strings.HasSuffix(sndr.Interval, "_unseen") || strings.HasSuffix(snips.Interval, "_unseen") {
			t.Errorf("%d rows: intervals by %s and %s", n, snips.Interval, sndr.Interval)
		}
	}
}
