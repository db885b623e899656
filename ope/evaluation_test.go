package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// coin is a log of a policy with two actions that pay 1 or nothing: pays holds each action's mean reward, logged the propensity of action 1, target
// the evaluated policy's.
type coin struct {
	pays           [2]float64
	logged, target float64
}

func (w coin) truth() float64 { return w.target*w.pays[1] + (1-w.target)*w.pays[0] }

func (w coin) sample(rng *rand.Rand) *Sample {
	s := &Sample{Propensity: 1 - w.logged, Target: 1 - w.target, Kept: 1}
	if rng.Float64() < w.logged {
		s.Action, s.Propensity, s.Target = 1, w.logged, w.target
	}
	if rng.Float64() < w.pays[s.Action] {
		s.Reward = 1
	}
	return s
}

func evaluate(t *testing.T, given Columns, names string, o Options, samples func(add func(*Sample))) Result {
	t.Helper()
	specs, err := ParseEstimators(strings.Split(names, ","), math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(given, specs, o)
	if err != nil {
		t.Fatal(err)
	}
	samples(func(s *Sample) {
		if err := e.Add(s); err != nil {
			t.Fatal(err)
		}
	})
	return e.Result(Known{})
}

// draws adds n samples of a coin, each changed by spoil if there is one.
func draws(w coin, seed uint64, n int, spoil func(*Sample)) func(add func(*Sample)) {
	return func(add func(*Sample)) {
		rng := rand.New(rand.NewPCG(seed, seed))
		for range n {
			s := w.sample(rng)
			if spoil != nil {
				spoil(s)
			}
			add(s)
		}
	}
}

const basic = HasAction | HasPropensity | HasTarget

// One log of 20,000: the interval at alpha 10^-6 misses once in a million seeds.
func TestEvaluationAnswersWhereTheLogCan(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	r := evaluate(t, basic, "ips,snips,dr", Options{Alpha: 1e-6}, draws(w, 1, 20_000, nil))
	for _, e := range r.Estimates[:2] {
		if !(e.Lower < w.truth() && w.truth() < e.Upper) {
			t.Errorf("%s: %v not in [%v, %v]", e.Name, w.truth(), e.Lower, e.Upper)
		}
	}
	if dr := r.Estimates[2]; !math.IsNaN(dr.Value) || dr.Unable != "needs q_logged and q_pi_e" {
		t.Errorf("dr without a model is %+v", dr)
	}
	if !r.Verdict.Answers {
		t.Errorf("refused: %v", r.Verdict.Refusals)
	}
	gain := w.truth() - (0.2*0.3 + 0.8*0.1)
	if !(r.Gain.Lower < gain && gain < r.Gain.Upper) {
		t.Errorf("gain %v not in [%v, %v]", gain, r.Gain.Lower, r.Gain.Upper)
	}
}

func TestVerdictRefuses(t *testing.T) {
	good := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	for _, c := range []struct {
		name    string
		given   Columns
		samples func(func(*Sample))
		word    string
	}{
		{"nothing", basic, func(func(*Sample)) {}, "no decisions"},
		{"no propensities", HasTarget, draws(good, 2, 1000, nil), "pscore"},
		{"no policy", HasPropensity, draws(good, 3, 1000, nil), "pi_e"},
		{"propensities too small", basic, draws(good, 4, 1000, func(s *Sample) { s.Propensity /= 2 }), "too small"},
		{"propensities too large", basic, draws(good, 5, 5000, func(s *Sample) { s.Propensity = 1 }), "away from 1"},
		{"a policy nobody followed", basic, draws(coin{good.pays, 0.0005, 1}, 6, 10_000, nil), "effective sample"},
		{"a few rows", basic, draws(good, 7, 50, nil), "under 100"},
		{"rare weight", basic, draws(coin{good.pays, 0.008, 1}, 8, 100_000, nil), "heaviest 1%"},
		{"no support", basic | HasUnsupported, draws(good, 9, 1000, func(s *Sample) { s.Unsupported = 0.02 }), "could not have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := evaluate(t, c.given, "ips,snips", Options{}, c.samples).Verdict
			if v.Answers || !strings.Contains(strings.Join(v.Refusals, " "), c.word) || v.Advice == "" {
				t.Errorf("verdict %+v, want a refusal with %q", v, c.word)
			}
		})
	}
}

// The logger on itself has weight 1 everywhere, so every estimate is the mean reward and nothing is refused.
func TestLoggerEvaluatedOnItself(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.2}
	r := evaluate(t, basic, "ips,snips", Options{}, draws(w, 10, 5000, nil))
	d := r.Diagnostics
	if d.MeanWeight != 1 || d.EffectiveSample != 5000 || d.MeanWeightZ != 0 || !r.Verdict.Answers {
		t.Errorf("diagnostics %+v, verdict %+v", d, r.Verdict)
	}
	for _, e := range r.Estimates {
		if math.Abs(e.Value-d.Logger.Value) > 1e-15 {
			t.Errorf("%s is %v, the logger's mean reward %v", e.Name, e.Value, d.Logger.Value)
		}
	}
	if r.Gain.Value != 0 || r.Gain.Lower > 0 || r.Gain.Upper < 0 {
		t.Errorf("gain over itself %+v", r.Gain)
	}
}

// Dropping records and saying with which probability must not move the estimate: 20,000 decisions of which those without a
// reward are kept with probability 0.1, at alpha 10^-6.
func TestDroppedRecordsStandForOthers(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	rng := rand.New(rand.NewPCG(11, 11))
	r := evaluate(t, basic|HasKept, "ips,snips", Options{Alpha: 1e-6}, func(add func(*Sample)) {
		draws(w, 12, 20_000, func(s *Sample) { s.Kept = 0.1 + 0.9*s.Reward })(func(s *Sample) {
			if rng.Float64() < s.Kept {
				add(s)
			}
		})
	})
	for _, e := range r.Estimates {
		if !(e.Lower < w.truth() && w.truth() < e.Upper) {
			t.Errorf("%s: %v not in [%v, %v]", e.Name, w.truth(), e.Lower, e.Upper)
		}
	}
	if d := r.Diagnostics; math.Abs(d.Stands/20_000-1) > 0.05 {
		t.Errorf("%v decisions stand for %v", d.N, d.Stands)
	}
}

// A drift is told, and a steady log is not accused: p below 0.001 once in a thousand seeds.
func TestDriftIsTold(t *testing.T) {
	for _, moves := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(13, 13))
		d := newDrifting()
		for i := range 50_000 {
			rate := 0.05
			if moves && i > 25_000 {
				rate = 0.07
			}
			reward := 0.0
			if rng.Float64() < rate {
				reward = 1
			}
			d.add(reward)
		}
		got := d.drift(1)
		n := 0.0
		for _, p := range got.Parts {
			n += p.N
		}
		if n != 50_000 || (got.P < leastDriftP) != moves {
			t.Errorf("moves %v: p %v over %v samples", moves, got.P, n)
		}
	}
}

// The histogram's share against sorting the weights.
func TestTopWeightIsThatOfSortedWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	var h weightHistogram
	var weights []float64
	for range 10_000 {
		w := math.Exp(2 * rng.NormFloat64())
		weights = append(weights, w)
		h.add(w)
	}
	if got, want := h.top(100), topShare(weights, 100); math.Abs(got-want) > 0.002 {
		t.Errorf("share %v, want %v", got, want)
	}
}

func topShare(weights []float64, k int) float64 {
	slices.Sort(weights)
	held, all := 0.0, 0.0
	for i, w := range weights {
		all += w
		if i >= len(weights)-k {
			held += w
		}
	}
	return held / all
}

// The memory of an evaluation does not grow with its rows: after a first part, rows allocate nothing.
func TestRowsOfAnEvaluationDoNotAllocate(t *testing.T) {
	for _, method := range []Method{Default, Resampled} {
		specs, err := ParseEstimators([]string{"ips", "snips", "dm", "dr", "sndr", "dr+slope"}, math.NaN())
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(basic|HasModel|HasUnit, specs, Options{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(15, 15))
		w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
		s := w.sample(rng)
		add := func() {
			s.Unit = rng.Uint64()
			if err := e.Add(s); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 * DefaultGroups {
			add()
		}
		if n := testing.AllocsPerRun(1000, add); n > 0 {
			t.Errorf("method %q: %v allocations a row", method, n)
		}
	}
}

// BenchmarkAdd is the cost of a row of five estimators.
func BenchmarkAdd(b *testing.B) {
	for _, method := range []Method{Default, Resampled} {
		b.Run("interval="+string(method), func(b *testing.B) {
			specs, err := ParseEstimators([]string{"ips", "snips", "dm", "dr", "sndr"}, math.NaN())
			if err != nil {
				b.Fatal(err)
			}
			e, err := New(basic|HasModel, specs, Options{Method: method})
			if err != nil {
				b.Fatal(err)
			}
			s := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}.sample(rand.New(rand.NewPCG(16, 16)))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Add(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One user, or two, cannot say what chance does, however many decisions they made.
func TestFewUnitsAreRefused(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	for _, units := range []uint64{1, 2, 2 * leastUnits} {
		rng := rand.New(rand.NewPCG(17, 17))
		r := evaluate(t, basic|HasUnit, "snips", Options{}, draws(w, 17, 3000, func(s *Sample) { s.Unit = rng.Uint64N(units) }))
		if r.Verdict.Answers != (units >= leastUnits) {
			t.Errorf("%d units: %+v", units, r.Verdict)
		}
		if units == 1 && r.Gain.Lower > math.Inf(-1) {
			t.Errorf("one unit has a gain from %v", r.Gain.Lower)
		}
	}
}

// A sequence rests on independent draws: that each sample has a unit of its own, or that all share one, changes nothing.
func TestSequencesAreOfSamples(t *testing.T) {
	w := coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}
	want := evaluate(t, basic, "ips,snips", Options{Method: BySequence}, draws(w, 18, 40_000, nil))
	unit := uint64(0)
	got := evaluate(t, basic|HasUnit, "ips,snips", Options{Method: BySequence}, draws(w, 18, 40_000, func(s *Sample) {
		unit++
		s.Unit = unit / 2
	}))
	for i := range want.Estimates {
		if want.Estimates[i].Lower != got.Estimates[i].Lower {
			t.Errorf("%s: from %v, with units from %v", want.Estimates[i].Name, want.Estimates[i].Lower, got.Estimates[i].Lower)
		}
	}
	if got.Gain.Lower != got.GainSequence.Lower || got.GainSequence.Lower != want.GainSequence.Lower {
		t.Errorf("gain %+v, want %+v", got.Gain, want.GainSequence)
	}
}

func TestUnmetActionsAreRefused(t *testing.T) {
	specs, err := ParseEstimators([]string{"snips"}, math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(basic, specs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	draws(coin{pays: [2]float64{0.1, 0.3}, logged: 0.2, target: 0.9}, 19, 5000, nil)(func(s *Sample) {
		if err := e.Add(s); err != nil {
			t.Fatal(err)
		}
	})
	if v := e.Result(Known{Unmet: []string{"new"}}).Verdict; v.Answers || !strings.Contains(v.Refusals[0], "new") {
		t.Errorf("verdict %+v", v)
	}
}

func TestOptionsSayWhatIsNotPossible(t *testing.T) {
	for _, c := range []struct {
		options Options
		word    string // of the error, empty where there is none
	}{
		{Options{}, ""},
		{Options{Alpha: 0.5}, ""},
		{Options{Alpha: 1e-300}, ""},
		{Options{Alpha: -0.1}, "alpha is -0.1"},
		{Options{Alpha: 0.51}, "alpha is 0.51, want a probability above 0 and up to 0.5"},
		{Options{Alpha: math.NaN()}, "alpha is NaN"},
		{Options{Bootstrap: Bootstrap{Rounds: 1}}, "1 rounds, want at least 2"},
		{Options{Bootstrap: Bootstrap{Rounds: 100_000}}, ""},
		{Options{Bootstrap: Bootstrap{Rounds: 100_001}}, "100001 rounds, want at least 2 and at most 100000"},
		{Options{Method: Resampled}, ""},
		{Options{Method: Resampled, Alpha: 1e-4}, "alpha 0.0001 needs at least 20000 rounds"},
		{Options{Method: Resampled, Alpha: 1e-4, Bootstrap: Bootstrap{Rounds: 19_999}}, "needs at least 20000 rounds"},
		{Options{Method: Resampled, Alpha: 1e-4, Bootstrap: Bootstrap{Rounds: 20_000}}, ""},
		{Options{Method: Resampled, Alpha: 0.003, Bootstrap: Bootstrap{Rounds: 666}}, "needs at least 667 rounds"},
		{Options{Method: Resampled, Alpha: 1e-300}, "rounds"},
		{Options{Method: ByDelta, Alpha: 1e-4}, ""},
	} {
		_, err := New(basic, nil, c.options)
		if (err == nil) != (c.word == "") || err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v: error %v, want one with %q", c.options, err, c.word)
		}
	}
}
