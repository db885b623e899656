package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const allOfSlates = HasSlateProbabilities | HasItemProbabilities | HasCascadeProbabilities | HasSlateModel

// drawnSlates returns slates of a small world whose slots are looked at from the first on.
func drawnSlates(n int) (slates [][]SlateRow) {
	draw := newSampler(newSlateWorld(interactions[1].mean), rand.New(rand.NewPCG(11, 12)))
	for i := range n {
		slate := slices.Clone(draw.draw(nil))
		for l := range slate {
			slate[l].Slate = uint64(i)
		}
		slates = append(slates, slate)
	}
	return slates
}

func evaluateSlates(t *testing.T, given SlateColumns, names string, o Options, slates [][]SlateRow) Result {
	t.Helper()
	specs, err := ParseEstimators(strings.Split(names, ","), math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewSlateEvaluation(given, specs, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, slate := range slates {
		if err := e.Add(slate); err != nil {
			t.Fatal(err)
		}
	}
	return e.Result(Known{})
}

// sips and snsips are ips and snips with the slate for an action, by every method of intervals.
func TestSlatesAsDecisions(t *testing.T) {
	slates := drawnSlates(1500)
	for _, n := range []int{300, 1500} { // With few effective samples the default intervals are others.
		for _, method := range append(Methods(), Default) {
			o := Options{Method: method, Bootstrap: Bootstrap{Rounds: 50, Seed: 3}, Rewards: Range{-10, 10}}
			got := evaluateSlates(t, allOfSlates, "sips,snsips", o, slates[:n])
			want := evaluate(t, HasPropensity|HasTarget, "ips,snips", o, func(add func(*Sample)) {
				for _, slate := range slates[:n] {
					add(&Sample{Reward: slateReward(slate), Propensity: slate[0].Propensity, Target: slate[0].Target})
				}
			})
			for i, g := range got.Estimates {
				w := want.Estimates[i]
				if g.Value != w.Value || g.Lower != w.Lower || g.Upper != w.Upper || g.Interval != w.Interval || g.StandardError != w.StandardError {
					t.Errorf("%d slates, %q: %+v, want %+v", n, method, g, w)
				}
			}
			g, w := got.Diagnostics, want.Diagnostics
			if g.EffectiveSample != w.EffectiveSample || g.MeanWeightZ != w.MeanWeightZ || g.Logger.Lower != w.Logger.Lower ||
				got.Verdict.Answers != want.Verdict.Answers {
				t.Errorf("%d slates, %q: other diagnostics or verdict", n, method)
			}
		}
	}
}

// The bootstrap of slots, with slates drawn one by one: the longer slates come late.
func TestSlotGroupsAgainstTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var slates [][]Terms
	var counts []float64
	var grouped SlotGroups
	for i := range 400 {
		slate := make([]Terms, 1+rng.IntN(1+min(i/100, 2)))
		for l := range slate {
			w := rng.ExpFloat64()
			slate[l] = Terms{Ratio: w * (rng.Float64() + 10), Weight: w}
		}
		slates, counts = append(slates, slate), append(counts, 1+float64(rng.IntN(3)))
		grouped.Add(slate, counts[i])
	}
	b := Bootstrap{Rounds: 30, Seed: 9}
	for round, got := range grouped.values(b) {
		d := drawer{counts: make([]uint32, len(slates))}
		d.draw(rand.NewPCG(b.Seed, uint64(round)))
		var drawn [][]Terms
		var stands []float64
		for i, times := range d.counts {
			for range times {
				drawn, stands = append(drawn, slates[i]), append(stands, counts[i])
			}
		}
		if want, _ := slotTwin(drawn, stands, 3); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("round %d is %v, want %v", round, got, want)
		}
	}
	if i := new(SlotGroups).Interval(b, 0.05); !math.IsInf(i.Width(), 1) {
		t.Errorf("the interval of nothing is %v", i)
	}
}

// Beyond the bound, slates share groups: shares and ratios stay those of all slates.
func TestSlotGroupsKeepToTheirBound(t *testing.T) {
	var g SlotGroups
	for i := range 2*DefaultGroups + 5 {
		g.Add([]Terms{{Ratio: 6, Weight: 2}, {Ratio: 4, Weight: 4}}[:1+i%2], 1)
	}
	if len(g.counts.Sums) != DefaultGroups {
		t.Fatalf("%d groups", len(g.counts.Sums))
	}
	for _, v := range g.values(Bootstrap{Rounds: 5, Seed: 1}) {
		// Slates have the second slot or not by turns, and 16,384 groups are drawn: 0.02 is six standard deviations.
		if !(math.Abs(v-3.5) < 0.02) {
			t.Errorf("round %v, want 3.5", v)
		}
	}
}

// One log of 4,000 slates, and four estimators that assume no more than is so. Were estimates normal, one of their intervals at
// alpha 10^-6 would miss for one seed in 250,000, and of the bootstrap's, at alpha 10^-4, for one in 2,500.
func TestSlateEvaluationCoversTheTruth(t *testing.T) {
	w := newSlateWorld(interactions[1].mean)
	for _, method := range []Method{Default, ByDelta, Resampled} {
		o := Options{Alpha: 1e-6, Method: method}
		if method == Resampled {
			o.Alpha, o.Bootstrap = 1e-4, Bootstrap{Rounds: 20_000, Seed: 1, Workers: 2}
		}
		r := evaluateSlates(t, allOfSlates, "rips,snrips,cascade_dr,snsips", o, drawnSlates(4000))
		for _, e := range r.Estimates {
			if !(e.Lower < w.truth() && w.truth() < e.Upper) || !(e.Upper-e.Lower < 1) {
				t.Errorf("%q: %s is [%v, %v], want the value %v in it", method, e.Name, e.Lower, e.Upper, w.truth())
			}
		}
		if !r.Verdict.Answers {
			t.Errorf("refused: %v", r.Verdict.Refusals)
		}
		rips := r.Estimates[0]
		if got, want := r.Gain.Value, rips.Value-r.Diagnostics.Logger.Value; r.Gain.Name != "rips" || math.Abs(got-want) > 1e-12 {
			t.Errorf("%q: the gain by %s is %v, want %v", method, r.Gain.Name, got, want)
		}
	}
}

// Methods of single weights have an interval for a ratio in each slot, or say that they have none.
func TestIntervalsOfSlots(t *testing.T) {
	slates := drawnSlates(400)
	r := evaluateSlates(t, allOfSlates, "snrips", Options{Method: ByLikelihood}, slates)
	want := pdisOver(slates).Interval(0.05)
	if e := r.Estimates[0]; e.Lower != want.Lower || e.Upper != want.Upper || e.Interval != "cressie_read" || math.IsInf(want.Width(), 1) {
		t.Errorf("%+v, want %+v", e, want)
	}
	for _, method := range []Method{BySequence, ByGammaSequence} {
		r := evaluateSlates(t, allOfSlates, "snrips", Options{Method: method}, slates)
		if e := r.Estimates[0]; !math.IsInf(e.Upper-e.Lower, 1) || !strings.HasPrefix(e.Interval, "none: ") {
			t.Errorf("%+v", e)
		}
	}
}

func TestSlateEvaluationWithoutColumns(t *testing.T) {
	slates := drawnSlates(500)
	const names = "sips,iips,snrips,cascade_dr"
	for given, want := range map[SlateColumns]struct {
		computable []bool
		gain       string
		answers    bool
	}{
		HasCascadeProbabilities:                        {[]bool{false, false, true, false}, "rips", true},
		HasItemProbabilities:                           {[]bool{false, true, false, false}, "iips", false},
		HasSlateProbabilities:                          {[]bool{true, false, false, false}, "sips", true},
		HasCascadeProbabilities | HasSlateModel:        {[]bool{false, false, true, true}, "rips", true},
		HasSlateProbabilities | HasItemProbabilities:   {[]bool{true, true, false, false}, "sips", true},
		HasItemProbabilities | HasCascadeProbabilities: {[]bool{false, true, true, false}, "iips", true},
		0: {[]bool{false, false, false, false}, "", false},
	} {
		r := evaluateSlates(t, given, names, Options{}, slates)
		for i, e := range r.Estimates {
			if (e.Unable == "") != want.computable[i] || math.IsNaN(e.Value) == want.computable[i] {
				t.Errorf("with %b: %+v", given, e)
			}
		}
		if (r.Gain.Unable == "") != (want.gain != "") || want.gain != "" && r.Gain.Name != want.gain {
			t.Errorf("with %b the gain is %+v, want one by %s", given, r.Gain, want.gain)
		}
		if r.Verdict.Answers != want.answers {
			t.Errorf("with %b: %+v", given, r.Verdict)
		}
		if given.ofWhole() == 0 && !strings.Contains(strings.Join(r.Verdict.Refusals, " "), "pscore_cascade") {
			t.Errorf("with %b the refusals are %v", given, r.Verdict.Refusals)
		}
	}
}

// The last slot's cascade probabilities are those of the slate, so diagnostics do not depend on which are given.
func TestSlateWeightsFromTheCascade(t *testing.T) {
	slates := drawnSlates(500)
	a := evaluateSlates(t, HasSlateProbabilities, "sips", Options{}, slates).Diagnostics
	b := evaluateSlates(t, HasCascadeProbabilities, "rips", Options{}, slates).Diagnostics
	if math.Abs(a.EffectiveSample/b.EffectiveSample-1) > 1e-9 || a.N != 500 || b.N != 500 || !(a.EffectiveSample < 450) {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestSlateEvaluationRefuses(t *testing.T) {
	rips, err := ParseEstimators([]string{"rips"}, math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewSlateEvaluation(allOfSlates, rips, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, slate := range map[string][]SlateRow{
		"a gap":              {validSlot(1, 0), validSlot(1, 2)},
		"the second first":   {validSlot(1, 1)},
		"not a number":       {{Sample: Sample{Reward: math.NaN()}}},
		"another's pscore":   {validSlot(1, 0), func() SlateRow { r := validSlot(1, 1); r.Propensity /= 2; return r }()},
		"another's cascades": {func() SlateRow { r := validSlot(1, 0); r.CascadePropensity = 0; return r }()},
	} {
		if err := e.Add(slate); err == nil {
			t.Errorf("%s was added", name)
		}
	}
	if n := e.Result(Known{}).Diagnostics.N; n != 0 {
		t.Errorf("%v slates were added", n)
	}
	if _, err := NewSlateEvaluation(allOfSlates, rips, Options{Alpha: 2}); err == nil {
		t.Error("an alpha of 2 was taken")
	}
}

func TestEstimatorsOfSlatesStayAmongThemselves(t *testing.T) {
	parse := func(names ...string) []Spec {
		specs, err := ParseEstimators(names, math.NaN())
		if err != nil {
			t.Fatal(err)
		}
		return specs
	}
	if _, err := OfSlates(parse("ips", "dr+slope", "snrips")); err == nil || !strings.Contains(err.Error(), "ips and snrips cannot go together: one") {
		t.Errorf("error %v of estimators that do not go together", err)
	}
	if _, err := New(basic, parse("sniips"), Options{}); err == nil || !strings.Contains(err.Error(), "sniips is of slates") {
		t.Errorf("error %v of slots among decisions", err)
	}
	if _, err := NewSlateEvaluation(allOfSlates, parse("dr"), Options{}); err == nil || !strings.Contains(err.Error(), "dr is of single decisions") {
		t.Errorf("error %v of decisions among slates", err)
	}
}

func TestSlateEstimatorsParse(t *testing.T) {
	names := SlateEstimatorNames()
	specs, err := ParseEstimators(names, 20) // Of no use to them.
	if err != nil || len(specs) != 8 {
		t.Fatalf("%d of %v: %v", len(specs), names, err)
	}
	for i, s := range specs {
		if name, needs := s.headline().Name(), s.SlateNeeds(); s.Name != names[i] || !s.OfSlates() || s.Needs() != 0 || needs == 0 ||
			name != s.Name && "sn"+name != s.Name {
			t.Errorf("%+v", s)
		}
	}
	if _, err := ParseEstimators([]string{"rips(3)"}, math.NaN()); err == nil {
		t.Error("rips took a parameter")
	}
}
