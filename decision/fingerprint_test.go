package decision

import (
	"testing"

	"github.com/nextbest/nextbest/features"
)

func TestFingerprintTellsRequestsApart(t *testing.T) {
	set := func(fs ...features.Feature) features.Set { return must(features.NewSet(fs)) }
	requests := map[string]Request{
		"plain":             {Loop: "l"},
		"user":              {Loop: "l", UserID: "u"},
		"loop takes user":   {Loop: "lu"},
		"context":           {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.NumberValue(1)})},
		"context as text":   {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.TextValue("1")})},
		"context as flag":   {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.FlagValue(true)})},
		"context, vector":   {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.NumbersValue([]float64{1})})},
		"context, tags":     {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.TextsValue([]string{"1"})})},
		"excluded":          {Loop: "l", Excluded: []string{"a"}},
		"deferred":          {Loop: "l", Deferred: true},
		"actions a b":       {Loop: "l", Actions: actions("a b")},
		"actions b a":       {Loop: "l", Actions: actions("b a")},
		"actions ab":        {Loop: "l", Actions: actions("ab")},
		"one slot":          {Loop: "l", Slots: []SlotSpec{{}}},
		"slot, excluded":    {Loop: "l", Slots: []SlotSpec{{Excluded: []string{"a"}}}},
		"slot, baseline":    {Loop: "l", Slots: []SlotSpec{{Baseline: "a"}}},
		"slot, id":          {Loop: "l", Slots: []SlotSpec{{ID: "a"}}},
		"negative zero":     {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.NumberValue(negativeZero())})},
		"zero":              {Loop: "l", Context: set(features.Feature{Name: "x", Value: features.NumberValue(0)})},
		"null":              {Loop: "l", Context: set(features.Feature{Name: "x"})},
		"feature of action": {Loop: "l", Actions: []Action{{ID: "a", Features: set(features.Feature{Name: "x"})}}},
	}
	seen := map[uint64]string{}
	for name, r := range requests {
		f := Fingerprint(&r)
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q have one fingerprint", name, other)
		}
		seen[f] = name
		r.EventID = "another"
		if Fingerprint(&r) != f {
			t.Errorf("%q: the fingerprint depends on the event id", name)
		}
	}
}

func negativeZero() float64 { z := 0.0; return -z }

func TestFingerprintIsStable(t *testing.T) {
	// Fingerprints are stored: another value for the same request would turn every retry over an upgrade into a conflict.
	r := Request{Loop: "shop", UserID: "u-1", Context: must(features.NewSet([]features.Feature{
		{Name: "hour", Value: features.NumberValue(13)}, {Name: "device", Value: features.TextValue("mobile")},
	})), Actions: actions("a b"), Excluded: []string{"b"}, Deferred: true}
	const want uint64 = 8768311813279456172
	if got := Fingerprint(&r); got != want {
		t.Errorf("fingerprint %d, want %d", got, want)
	}
}
