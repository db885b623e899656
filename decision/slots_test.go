package decision

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/model"
)

// What one slot draws must not decide whether the next can be filled: of 4,000 events none fails, and the first slot
// serves each action as often as the log says. The bound is 5 standard deviations: it fails by chance in 1e-6 of seeds.
func TestSlotsLeaveEnoughForLaterOnes(t *testing.T) {
	s := snapshotOf(must(model.NewUniform(0)), nil)
	const events = 4000
	served, expected := 0.0, 0.0
	for e := range events {
		in := &Input{
			EventID: fmt.Sprint("e", e), Actions: s.Loop.Actions, FromCatalogue: true,
			Slots: []SlotSpec{{ID: "any"}, {ID: "not a or b", Excluded: []string{"a", "b"}}},
		}
		out, err := Decide(s, in)
		if err != nil {
			t.Fatalf("event %d: %v", e, err)
		}
		for _, r := range out.Choices[0].Ranking {
			if in.Actions[r.Action].ID == "a" {
				expected += r.Probability
			}
		}
		if in.Actions[out.Choices[0].Served()].ID == "a" {
			served++
		}
		if e == 0 {
			if x := out.Choices[0].Excluded; len(x) != 1 || x[0] != (Exclusion{2, ExcludedByNeed}) {
				t.Errorf("the first slot excludes %v", x)
			}
		}
	}
	if math.Abs(served-expected) > 5*math.Sqrt(events)/2 {
		t.Errorf("the first slot served a %v times, by the log's probabilities %v", served, expected)
	}
}

// A request can be answered if there is any way to fill its slots, which trying all of them finds.
func TestSlotsAreFilledWhereverTheyCanBe(t *testing.T) {
	s := snapshotOf(must(model.NewUniform(0)), func(l *Loop) { l.Actions = actions("a b c d") })
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 3, rapid.ID[string])
		in := &Input{EventID: rapid.String().Draw(t, "event"), Actions: s.Loop.Actions, Excluded: some.Draw(t, "excluded")}
		for range rapid.IntRange(1, 4).Draw(t, "slots") {
			in.Slots = append(in.Slots, SlotSpec{Excluded: some.Draw(t, "of slot")})
		}
		_, err := Decide(s, in)
		if want := fillable(in, 0, map[string]bool{}); (err == nil) != want {
			t.Fatalf("fillable %v, Decide: %v", want, err)
		}
	})
}

// fillable tries every way to fill the slots from the given one on.
func fillable(in *Input, slot int, taken map[string]bool) bool {
	if slot == len(in.Slots) {
		return true
	}
	for _, a := range in.Actions {
		out := map[string]bool{}
		for _, id := range append(append([]string{}, in.Excluded...), in.Slots[slot].Excluded...) {
			out[id] = true
		}
		if out[a.ID] || taken[a.ID] {
			continue
		}
		taken[a.ID] = true
		ok := fillable(in, slot+1, taken)
		delete(taken, a.ID)
		if ok {
			return true
		}
	}
	return false
}

// Long lists are looked up and short ones compared: both must exclude the same.
func TestBarredAgainstComparing(t *testing.T) {
	var b barred
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("a", rapid.IntRange(0, 30).Draw(t, "id")) })
		in := &Input{Excluded: rapid.SliceOfN(id, 0, 20).Draw(t, "excluded")}
		for _, name := range rapid.SliceOfDistinct(id, rapid.ID[string]).Draw(t, "actions") {
			in.Actions = append(in.Actions, Action{ID: name})
		}
		for range rapid.IntRange(0, 3).Draw(t, "slots") {
			in.Slots = append(in.Slots, SlotSpec{Excluded: rapid.SliceOfN(id, 0, 20).Draw(t, "of slot")})
		}
		b.set(in)
		for i, a := range in.Actions {
			if b.request[i] != slices.Contains(in.Excluded, a.ID) {
				t.Fatalf("request: %s", a.ID)
			}
			for s := range in.Slots {
				if b.bySlot(s, i) != slices.Contains(in.Slots[s].Excluded, a.ID) {
					t.Fatalf("slot %d: %s", s, a.ID)
				}
			}
		}
	})
}

func BenchmarkDecideSlotsThatExcludeNearlyAll(b *testing.B) {
	s := snapshotOf(must(model.NewUniform(0)), nil)
	in := &Input{EventID: "e"}
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprint("action-", i))
		in.Actions = append(in.Actions, Action{ID: names[i]})
	}
	for i := range 50 {
		in.Slots = append(in.Slots, SlotSpec{Excluded: append(slices.Clone(names[:2*i]), names[2*i+100:]...)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decide(s, in); err != nil {
			b.Fatal(err)
		}
	}
}
