package loop_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
)

func shipped(t testing.TB) []*learn.Definition {
	t.Helper()
	ds, err := loop.Load("../loops")
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func TestShippedLoops(t *testing.T) {
	var names []string
	for _, d := range shipped(t) {
		names = append(names, d.Loop.Name)
		first, _, _ := strings.Cut(string(d.File), "\n")
		schema := strings.TrimPrefix(first, "# yaml-language-server: $schema=")
		if _, err := os.Stat(filepath.Join(filepath.Dir(d.Path), schema)); err != nil {
			t.Errorf("%s: the schema of its first line: %v", d.Path, err)
		}
	}
	if got := strings.Join(names, " "); got != "email-campaign homepage newsletter" {
		t.Fatalf("the shipped loops are %s", got)
	}
}

// TestShippedLoopsRank decides with each shipped loop and an untrained model: with nothing known, with an unknown user,
// and with actions that the request brings.
func TestShippedLoopsRank(t *testing.T) {
	brought := []decision.Action{
		{ID: "a", Features: features.Set{{Name: "x", Value: features.NumberValue(1)}}},
		{ID: "b", Features: features.Set{{Name: "y", Value: features.TextValue("z")}}},
	}
	for _, d := range shipped(t) {
		if d.Loop.Send != nil {
			continue // It is no loop to rank with; package server asks one for send times.
		}
		p, err := d.NewEstimator().Predictor()
		if err != nil {
			t.Fatal(err)
		}
		s := &decision.Snapshot{ID: "s", Loop: d.Loop, Model: p}
		_, defaulted := d.Loop.Schema.ParseUser(nil, noTime)
		if len(defaulted) != len(d.Loop.Schema.User) {
			t.Errorf("%s: an unknown user has %d of %d features defaulted", d.Loop.Name, len(defaulted), len(d.Loop.Schema.User))
		}
		for name, in := range map[string]decision.Input{
			"nothing":          {EventID: "e", Actions: d.Loop.Actions, FromCatalogue: true},
			"an unknown user":  {EventID: "e", UserID: "nobody", Actions: d.Loop.Actions, FromCatalogue: true},
			"actions brought":  {EventID: "e", Actions: brought},
			"a new feature":    {EventID: "e", Context: brought[0].Features, Actions: d.Loop.Actions, FromCatalogue: true},
			"one action alone": {EventID: "e", Actions: brought[:1]},
		} {
			in.Slots = []decision.SlotSpec{{}}
			for _, set := range append([]features.Set{in.Context}, actionSets(in.Actions)...) {
				if err := d.Loop.Schema.CheckContext(set); err != nil {
					t.Errorf("%s, %s: %v", d.Loop.Name, name, err)
				}
			}
			out, err := decision.Decide(s, &in)
			if err != nil {
				t.Errorf("%s, %s: %v", d.Loop.Name, name, err)
				continue
			}
			total := 0.0
			for _, r := range out.Choices[0].Ranking {
				total += r.Probability
			}
			if len(out.Choices[0].Ranking) != len(in.Actions) || math.Abs(total-1) > 1e-9 {
				t.Errorf("%s, %s: %+v", d.Loop.Name, name, out.Choices[0].Ranking)
			}
		}
	}
}

func actionSets(actions []decision.Action) []features.Set {
	var sets []features.Set
	for _, a := range actions {
		sets = append(sets, a.Features)
	}
	return sets
}

// A new loop gets what the product calls its default, the same that `nextbest simulate` runs.
func TestNewLoopHasTheDefaultPolicy(t *testing.T) {
	d, err := loop.Compile("new.yaml", []byte("version: 1\nname: new\nactions: from_request\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Loop.Policy.String(), model.DefaultExploration().String(); got != want {
		t.Errorf("a new loop's policy is %s, the default %s", got, want)
	}
}
