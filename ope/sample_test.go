package ope

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// Fields at the bounds are taken, and those beyond are refused by name.
func TestCheckRefusesWhatWouldOverflow(t *testing.T) {
	const all = basic | HasModel | HasMeanPropensity | HasMarginals | HasKept
	for _, c := range []struct {
		change func(*Sample)
		field  string // empty where nothing is refused
	}{
		{func(*Sample) {}, ""},
		{func(s *Sample) { s.Reward = -1e70 }, ""},
		{func(s *Sample) { s.Reward = 1.01e70 }, "reward"},
		{func(s *Sample) { s.Reward = -math.MaxFloat64 }, "reward"},
		{func(s *Sample) { s.Reward = math.NaN() }, "reward"},
		{func(s *Sample) { s.QLogged = math.Inf(1) }, "q_logged"},
		{func(s *Sample) { s.QTarget = -1.01e70 }, "q_pi_e"},
		{func(s *Sample) { s.Propensity = 0.6e-70 }, ""},
		{func(s *Sample) { s.Propensity = 0.4e-70 }, "pscore"},
		{func(s *Sample) { s.Propensity = math.SmallestNonzeroFloat64 }, "pscore"},
		{func(s *Sample) { s.Propensity, s.Target = math.SmallestNonzeroFloat64, 0 }, ""},
		{func(s *Sample) { s.MeanPropensity = 0.4e-70 }, "pscore_avg"},
		{func(s *Sample) { s.MarginalPropensity = 0.4e-70 }, "p_e_pi_b"},
		{func(s *Sample) { s.Kept = 1.01e-70 }, ""},
		{func(s *Sample) { s.Kept, s.Target, s.MarginalTarget = 0.9e-70, 0, 0 }, "kept"},
		{func(s *Sample) { s.Kept, s.Propensity = 0.9e-35, 0.4e-35 }, "kept"},
		{func(s *Sample) { s.Kept, s.Propensity = 1e-200, 1e-200; s.Target = 1e-150 }, "kept"},
	} {
		s := Sample{Reward: 1, Propensity: 0.5, Target: 0.5, MeanPropensity: 0.5, MarginalPropensity: 0.5, MarginalTarget: 0.5, Kept: 1}
		c.change(&s)
		err := s.Check(all)
		var field *FieldError
		if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &field) || field.Field != c.field) {
			t.Errorf("%+v: error %v, want one of field %q", s, err, c.field)
		}
		if field != nil && !strings.Contains(field.Wanted, "1e70") {
			t.Errorf("%v does not say what is wanted", field)
		}
	}
}

func TestSlateRowsRefuseHeavyWeights(t *testing.T) {
	r := SlateRow{ItemPropensity: 0.5, ItemTarget: 0.5, CascadePropensity: 1e-75, CascadeTarget: 0.5}
	err := r.Check(HasItemProbabilities | HasCascadeProbabilities)
	var field *FieldError
	if !errors.As(err, &field) || field.Field != "pscore_cascade" || field.Wanted != notHeavy {
		t.Errorf("error %v", err)
	}
	if r.CascadeTarget = 1e-6; r.Check(HasCascadeProbabilities) != nil {
		t.Errorf("a weight of 1e69 is refused: %v", r.Check(HasCascadeProbabilities))
	}
}

// The largest reward at the largest weight is summed, as is its square.
func TestLargestSamplesDoNotOverflow(t *testing.T) {
	r := evaluate(t, basic, "ips,snips", Options{Method: ByDelta}, func(add func(*Sample)) {
		for i := range 1000 {
			add(&Sample{Reward: 1e70 * float64(i%3-1), Propensity: 1e-70, Target: 1})
		}
	})
	for _, e := range r.Estimates {
		if math.IsNaN(e.Value+e.Lower+e.Upper+e.StandardError) || math.IsInf(e.Lower, 0) || math.IsInf(e.Upper, 0) {
			t.Errorf("%+v", e)
		}
	}
}
