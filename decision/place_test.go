package decision

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

var pageSlots = []SlotSpec{{ID: "top"}, {ID: "side", Excluded: []string{"b"}, Baseline: "d"}, {ID: "end"}}

// pageSnapshot has five actions and a model that learned what each is worth in each of three slots.
func pageSnapshot(t *testing.T, policy model.Exploration, change func(*Loop)) *Snapshot {
	t.Helper()
	s := snapshotOf(policy, func(l *Loop) {
		l.Actions, l.Position = actions("a b c d e"), true
		if change != nil {
			change(l)
		}
	})
	rng := rand.New(rand.NewPCG(31, 32))
	estimator := model.DefaultEstimator()
	for i := range 900 {
		slot, k := i%3, i/3%5
		set := features.Set{{Name: SlotFeature, Value: features.TextValue(pageSlots[slot].ID)}}
		estimator.Observe(set, s.Loop.Actions)
		example := estimator.Encode(set, s.Loop.Actions[k])
		estimator.Settle(&example, float64((k+2*slot)%5)/5+rng.NormFloat64()/4, 1)
	}
	s.Model = must(estimator.Predictor())
	return s
}

// drawn is what 40,000 events of one page served, and with which probabilities.
type drawn struct {
	counts map[string]int       // by what was served in the slots so far, as in "ca"
	given  map[string][]float64 // P(action) in the next slot, by the same
	events int
}

func drawPages(t *testing.T, s *Snapshot) drawn {
	t.Helper()
	d := drawn{map[string]int{}, map[string][]float64{}, 40_000}
	for e := range d.events {
		in := &Input{EventID: fmt.Sprint("e", e), Actions: s.Loop.Actions, FromCatalogue: true, Slots: pageSlots}
		d.add(t, s, in, must(Decide(s, in)))
	}
	return d
}

func (d *drawn) add(t *testing.T, s *Snapshot, in *Input, out Outcome) {
	served, sum := "", 0.0
	for i := range out.Choices {
		p := make([]float64, len(in.Actions))
		for _, r := range out.Choices[i].Ranking {
			p[r.Action] = r.Probability
			sum += r.Probability
		}
		if known := d.given[served]; known != nil && !slices.Equal(known, p) {
			t.Fatalf("after %q: probabilities %v, and %v before", served, p, known)
		}
		d.given[served] = p
		id := in.Actions[out.Choices[i].Served()].ID
		for _, before := range served {
			if string(before) == id || p[before-'a'] != 0 {
				t.Fatalf("%s after %q, which has the probabilities %v", id, served, p)
			}
		}
		served += id
		d.counts[served]++
	}
	if math.Abs(sum-float64(len(in.Slots))) > 1e-9 || served[1] == 'b' {
		t.Fatalf("probabilities of %d slots sum to %v, %q was served", len(in.Slots), sum, served)
	}
}

// slot returns the chi-square of what a slot served given the slots before it.
func (d *drawn) slot(slot int) (x float64, freedom int) {
	for _, before := range d.prefixes(slot) {
		n := d.events
		if before != "" {
			n = d.counts[before]
		}
		var observed, expected []float64
		for a, p := range d.given[before] {
			observed = append(observed, float64(d.counts[before+string(rune('a'+a))]))
			expected = append(expected, p*float64(n))
		}
		more, df := pooledChiSquare(observed, expected)
		x, freedom = x+more, freedom+df
	}
	return x, freedom
}

// joint returns the chi-square of whole pages against the product of their slots' probabilities as another log has them.
func (d *drawn) joint(logged map[string][]float64) (x float64, freedom int) {
	var observed, expected []float64
	rest := float64(d.events)
	for _, page := range d.prefixes(3) {
		p := 1.0
		for i := range page {
			if given := logged[page[:i]]; given != nil {
				p *= given[page[i]-'a']
			}
		}
		observed, expected = append(observed, float64(d.counts[page])), append(expected, p*float64(d.events))
		rest -= p * float64(d.events)
	}
	return pooledChiSquare(append(observed, 0), append(expected, max(0, rest))) // The rest are pages that never came.
}

func (d *drawn) prefixes(n int) (out []string) {
	if n == 0 {
		return []string{""}
	}
	for served := range d.counts {
		if len(served) == n {
			out = append(out, served)
		}
	}
	slices.Sort(out)
	return out
}

// pooledChiSquare takes cells with an expected count under 5 for one.
func pooledChiSquare(observed, expected []float64) (x float64, freedom int) {
	few, fewExpected, cells := 0.0, 0.0, 0
	for i, e := range expected {
		if e < 5 {
			few, fewExpected = few+observed[i], fewExpected+e
			continue
		}
		x += (observed[i] - e) * (observed[i] - e) / e
		cells++
	}
	if fewExpected > 0 {
		x += (few - fewExpected) * (few - fewExpected) / fewExpected
		cells++
	}
	return x, max(0, cells-1)
}

// With three slots, position as context, an exclusion and a model that thinks otherwise of each place: every slot serves as
// often as its logged probability given the slots before says, whole pages as often as the product of these says, no
// action comes twice, and the same slots before give the same probabilities. 40,000 pages for each of two policies, four
// chi-squares each, which fail below p = 1e-6: a right kernel does with probability 8e-6. The control takes the product of
// another policy's probabilities for that of this one, and must fail.
func TestPagesAreServedAsLogged(t *testing.T) {
	var logs []map[string][]float64
	for _, policy := range []model.Exploration{must(model.NewSquareCB(1, 0.02)), must(model.NewSquareCB(1.2, 0.02))} {
		d := drawPages(t, pageSnapshot(t, policy, nil))
		for slot := range pageSlots {
			x, df := d.slot(slot)
			if p := upperTail(x, df); p < 1e-6 || df == 0 {
				t.Errorf("%s: slot %d: chi-square %.1f with %d degrees of freedom, p = %.2g", policy, slot, x, df, p)
			}
		}
		x, df := d.joint(d.given)
		if p := upperTail(x, df); p < 1e-6 || df < 10 {
			t.Errorf("%s: pages: chi-square %.1f with %d degrees of freedom, p = %.2g", policy, x, df, p)
		}
		if logs = append(logs, d.given); len(logs) == 2 {
			if x, df := d.joint(logs[0]); upperTail(x, df) >= 1e-6 {
				t.Errorf("another policy's probabilities pass for these, chi-square %.1f with %d: the test cannot fail", x, df)
			}
		}
	}
}

// A slot is decided as a request for that slot alone would be, where what others take is excluded: its id is all that it
// knows of the page. A slot without an id, and a loop without position, have no such feature.
func TestPosition(t *testing.T) {
	policy := must(model.NewSquareCB(5, 0.02))
	scores := func(s *Snapshot, context features.Set, slots ...SlotSpec) (out [][5]float64) {
		in := &Input{EventID: "e", Actions: s.Loop.Actions, FromCatalogue: true, Context: context, Slots: slots}
		for _, c := range must(Decide(s, in)).Choices {
			var of [5]float64
			for _, r := range c.Ranking {
				of[r.Action] = r.Score
			}
			out = append(out, of)
		}
		return out
	}
	s := pageSnapshot(t, policy, nil)
	got := scores(s, nil, SlotSpec{ID: "top"}, SlotSpec{ID: "end"})
	for i, id := range []string{"top", "end"} {
		alone := scores(s, nil, SlotSpec{ID: id})[0]
		for k, x := range got[i] {
			if x != 0 && x != alone[k] {
				t.Errorf("%s: action %d scores %v, alone %v", id, k, x, alone[k])
			}
		}
	}
	if got[0] == got[1] || scores(s, nil, SlotSpec{})[0] == scores(s, nil, SlotSpec{ID: "top"})[0] {
		t.Error("the place makes no difference")
	}
	sent := features.Set{{Name: SlotFeature, Value: features.TextValue("end")}}
	if scores(s, sent, SlotSpec{ID: "top"})[0] != scores(s, nil, SlotSpec{ID: "top"})[0] {
		t.Error("a feature of the request passes for the slot")
	}
	plain := pageSnapshot(t, policy, func(l *Loop) { l.Position = false })
	if a := scores(plain, nil, SlotSpec{ID: "top"}, SlotSpec{ID: "end"}); a[0] != scores(plain, nil, SlotSpec{})[0] {
		t.Error("a loop without position sees it")
	}
}

// Where nothing is chosen, a slot has the action that it names, unless another has it; without one, the first that is left.
func TestBaselineOfEachSlot(t *testing.T) {
	s := pageSnapshot(t, must(model.NewSquareCB(5, 0.02)), func(l *Loop) { l.Mode = LoggingOnly })
	for _, c := range []struct {
		slots []SlotSpec
		want  string
	}{
		{pageSlots, "adb"},
		{[]SlotSpec{{ID: "top", Baseline: "c"}, {ID: "side", Baseline: "c"}, {ID: "end"}}, "cab"},
		{[]SlotSpec{{ID: "top", Baseline: "c", Excluded: []string{"c"}}, {ID: "side", Baseline: "c"}}, "ac"},
	} {
		in := &Input{EventID: "e", Actions: s.Loop.Actions, FromCatalogue: true, Slots: c.slots}
		served := ""
		for _, choice := range must(Decide(s, in)).Choices {
			served += in.Actions[choice.Served()].ID
			if choice.Ranking[0].Probability != 1 {
				t.Errorf("%v: served with probability %v", c.slots, choice.Ranking[0].Probability)
			}
		}
		if served != c.want {
			t.Errorf("%v: served %q, want %q", c.slots, served, c.want)
		}
	}
}
