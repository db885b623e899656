package decision

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"
	"github.com/nextbest/nextbest/model"
)

func ids(in *Input, ranking []Ranked) string {
	var out []string
	for _, r := range ranking {
		out = append(out, in.Actions[r.Action].ID)
	}
	return strings.Join(out, " ")
}

func TestDecideServesWhatItDraws(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), nil)
	seen := map[string]int{}
	for i := range 3000 {
		in := &Input{EventID: "e" + string(rune(i)), Actions: s.Loop.Actions, Slots: oneSlot}
		out := must(Decide(s, in))
		c := out.Choices[0]
		seen[in.Actions[c.Served()].ID]++
		if c.Draw != model.Uniform(s.Loop.Salt, in.EventID, 0) {
			t.Fatal("the draw is not that of salt, event and slot")
		}
		for _, r := range c.Ranking {
			want := 0.1
			if in.Actions[r.Action].ID == "b" {
				want = 0.8
			}
			if math.Abs(r.Probability-want) > 1e-12 {
				t.Fatalf("probability of %s is %v, want %v", in.Actions[r.Action].ID, r.Probability, want)
			}
		}
	}
	// 3,000 draws at 0.8: standard deviation 21.9; beyond five of them with probability 6e-7.
	if d := math.Abs(float64(seen["b"]) - 2400); d > 110 {
		t.Errorf("b was served %d times of 3000, want 2400 ± 110", seen["b"])
	}
}

func TestDecideModes(t *testing.T) {
	greedy := must(model.NewEpsilonGreedy(0, 0)) // Would always choose b.
	for _, tc := range []struct {
		name     string
		change   func(*Loop)
		degraded string
		slot     SlotSpec
		served   string
		would    string
		fallback string
	}{
		{name: "online", served: "b"},
		{name: "apprentice", change: func(l *Loop) { l.Mode = Apprentice }, served: "a", would: "b", fallback: FallbackApprentice},
		{name: "apprentice, named baseline", change: func(l *Loop) { l.Mode = Apprentice }, slot: SlotSpec{Baseline: "c"}, served: "c", would: "b", fallback: FallbackApprentice},
		{name: "apprentice, baseline excluded", change: func(l *Loop) { l.Mode = Apprentice }, slot: SlotSpec{Excluded: []string{"a"}}, served: "b", would: "b", fallback: FallbackApprentice},
		{name: "logging only", change: func(l *Loop) { l.Mode = LoggingOnly }, served: "a", fallback: FallbackLoggingOnly},
		{name: "no features, decide on defaults", degraded: FallbackFeaturesTimeout, served: "b", fallback: FallbackFeaturesTimeout},
		{name: "no features, serve the baseline", degraded: FallbackFeaturesUnavailable, change: func(l *Loop) { l.Features = ServeBaseline }, served: "a", fallback: FallbackFeaturesUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := snapshotOf(greedy, tc.change)
			in := &Input{EventID: "e", Actions: s.Loop.Actions, Slots: []SlotSpec{tc.slot}, Degraded: tc.degraded}
			out := must(Decide(s, in))
			c := out.Choices[0]
			if got := in.Actions[c.Served()].ID; got != tc.served {
				t.Errorf("served %s, want %s", got, tc.served)
			}
			if c.Ranking[0].Probability != 1 {
				t.Errorf("what is served with certainty has probability %v", c.Ranking[0].Probability)
			}
			would := ""
			if c.WouldHaveChosen >= 0 {
				would = in.Actions[c.WouldHaveChosen].ID
			}
			if would != tc.would || out.Fallback != tc.fallback {
				t.Errorf("would have chosen %q, fallback %q; want %q, %q", would, out.Fallback, tc.would, tc.fallback)
			}
		})
	}
}

func TestDecideExclusions(t *testing.T) {
	s := snapshotOf(must(model.NewUniform(0)), nil)
	in := &Input{
		EventID: "e", Actions: s.Loop.Actions, Excluded: []string{"a", "unknown"},
		Slots: []SlotSpec{{ID: "top", Excluded: []string{"b"}}, {ID: "side"}},
	}
	out := must(Decide(s, in))
	if got := ids(in, out.Choices[0].Ranking); got != "c" {
		t.Errorf("first slot ranks %q, want c", got)
	}
	if got := ids(in, out.Choices[1].Ranking); got != "b" {
		t.Errorf("second slot ranks %q, want b", got)
	}
	want := [][]Exclusion{
		{{0, ExcludedByRequest}, {1, ExcludedBySlot}},
		{{0, ExcludedByRequest}, {2, ExcludedByUse}},
	}
	if diff := cmp.Diff(want, [][]Exclusion{out.Choices[0].Excluded, out.Choices[1].Excluded}); diff != "" {
		t.Error(diff)
	}
}

func TestDecideRefuses(t *testing.T) {
	s := snapshotOf(must(model.NewUniform(0)), nil)
	for _, tc := range []struct {
		name, field string
		in          Input
	}{
		{"no actions", "actions", Input{Slots: oneSlot}},
		{"all excluded", "excludedActions", Input{Actions: actions("a"), Excluded: []string{"a"}, Slots: oneSlot}},
		{"too few for the slots", "slots", Input{Actions: actions("a"), Slots: make([]SlotSpec, 2)}},
		{"none left for a slot", "excludedActions", Input{Actions: actions("a b"), Slots: []SlotSpec{{}, {Excluded: []string{"a", "b"}}}}},
	} {
		_, err := Decide(s, &tc.in)
		var bad *InputError
		if !errors.As(err, &bad) || bad.Field != tc.field || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want an InputError of %s", tc.name, err, tc.field)
		}
	}
}

// Whatever is asked: what is served was eligible, no action fills two slots, every slot's probabilities sum to 1 over
// exactly the eligible actions, the ranking falls, and the same input gives the same outcome.
func TestDecideProperties(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]model.Exploration{
			must(model.NewUniform(0.01)), must(model.NewEpsilonGreedy(0.1, 0.01)), must(model.NewSquareCB(10, 0.01)),
		}).Draw(t, "policy")
		s := snapshotOf(policy, func(l *Loop) {
			l.Mode = LearningMode(rapid.IntRange(0, 2).Draw(t, "mode"))
			l.Features = OnFeaturesFailure(rapid.IntRange(0, 1).Draw(t, "on failure"))
		})
		subset := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string])
		in := &Input{EventID: rapid.String().Draw(t, "event"), Excluded: subset.Draw(t, "excluded")}
		for _, id := range subset.Draw(t, "actions") {
			in.Actions = append(in.Actions, Action{ID: id})
		}
		for range rapid.IntRange(1, 3).Draw(t, "slots") {
			in.Slots = append(in.Slots, SlotSpec{Excluded: subset.Draw(t, "slot excluded"), Baseline: rapid.SampledFrom(names).Draw(t, "baseline")})
		}
		if rapid.Bool().Draw(t, "degraded") {
			in.Degraded = FallbackFeaturesTimeout
		}
		out, err := Decide(s, in)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again := must(Decide(s, in))
		if diff := cmp.Diff(out, again); diff != "" {
			t.Fatal("the same input decided otherwise: " + diff)
		}
		checkOutcome(t, in, out)
	})
}

func checkOutcome(t *rapid.T, in *Input, out Outcome) {
	used := map[int]bool{}
	for slot, c := range out.Choices {
		eligible := len(in.Actions) - len(c.Excluded)
		if len(c.Ranking) != eligible {
			t.Fatalf("slot %d ranks %d of %d eligible", slot, len(c.Ranking), eligible)
		}
		sum := 0.0
		for i, r := range c.Ranking {
			sum += r.Probability
			if i > 1 && r.Probability > c.Ranking[i-1].Probability {
				t.Fatalf("slot %d: the ranking rises", slot)
			}
			for _, x := range c.Excluded {
				if x.Action == r.Action {
					t.Fatalf("slot %d: action %d is ranked and excluded", slot, r.Action)
				}
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("slot %d: probabilities sum to %v", slot, sum)
		}
		if used[c.Served()] || c.Ranking[0].Probability <= 0 {
			t.Fatalf("slot %d serves action %d with probability %v, used before: %v", slot, c.Served(), c.Ranking[0].Probability, used[c.Served()])
		}
		used[c.Served()] = true
	}
}
