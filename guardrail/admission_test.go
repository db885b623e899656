package guardrail

import (
	"slices"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
)

func TestAdmission(t *testing.T) {
	rules := []Rule{
		{Name: "tone", Kind: Suitability, Require: `action.tone in brand.tones`},
		{Name: "claims", Kind: Suitability, Forbid: `brand.banned(action.text)`},
		{Name: "expensive", Kind: Suitability, Severity: Warn, Forbid: `action.price > 10`},
		{Name: "age", Kind: Eligibility, Require: `user.age >= 18`},
		{Name: "season", Kind: Applicability, Require: `time.hour > 20`},
		{Name: "later", Kind: Suitability, Forbid: `true`, From: noon.Add(time.Hour)},
	}
	set, wrong := Compile(rules, mustSchema(t, features.Infer), testBrand)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, tc := range []struct {
		tone, text string
		want       []string
	}{
		{"warm", "Hello", nil},
		{"loud", "Hello", []string{"tone"}},
		{"loud", "risk-free", []string{"claims", "tone"}},
		{"", "risk free", []string{"claims", "tone"}}, // what is missing does not pass
	} {
		s := Subject{ID: "a", Text: tc.text, Features: features.Set{{Name: "price", Value: features.NumberValue(20)}}}
		if tc.tone != "" {
			s.Features = append(s.Features, features.Feature{Name: "tone", Value: features.TextValue(tc.tone)})
		}
		var got []string
		for _, r := range set.Admit(s, noon) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("tone %q, text %q: broken are %q, want %q", tc.tone, tc.text, got, tc.want)
		}
	}
}
