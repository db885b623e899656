package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

var infinity = math.Inf(1)

// randomSamples have weights from 0 to some hundreds, and a model that is not right.
func randomSamples(n int) []Sample {
	rng := rand.New(rand.NewPCG(3, 4))
	samples := make([]Sample, n)
	for i := range samples {
		q := rng.Float64()
		samples[i] = Sample{Reward: q + rng.NormFloat64(), Propensity: math.Exp(-6 * rng.Float64()), Target: rng.Float64(),
			QLogged: q, QTarget: rng.Float64()}
		if i%10 == 0 {
			samples[i].Target = 0
		}
	}
	return samples
}

// matchedDR is DR with weights of 1, and of 0 where the evaluated policy would not have served the action.
type matchedDR struct{ DR }

func (matchedDR) Terms(s *Sample) Terms {
	if s.Target == 0 {
		return Terms{Linear: s.QTarget}
	}
	return Terms{Linear: s.QTarget + (s.Reward - s.QLogged)}
}

// The ends of each scale are other estimators, to the bit.
func TestLimitsOfShrinkage(t *testing.T) {
	for _, c := range []struct{ limit, is Estimator }{
		{IPS{Clip: infinity}, IPS{}},
		{DR{Clip: infinity}, DR{}},
		{SwitchDR{Lambda: infinity}, DR{}},
		{SwitchDR{Lambda: 0}, DM{}},
		{DROS{Lambda: infinity}, DR{}},
		{DROS{Lambda: 0}, DM{}},
		{SGIPS{Lambda: 0}, IPS{}},
		{SGDR{Lambda: 0}, DR{}},
		{SGDR{Lambda: 1}, matchedDR{}},
	} {
		for _, s := range randomSamples(1000) {
			if got, want := c.limit.Terms(&s), c.is.Terms(&s); got != want {
				t.Errorf("%s is not %s: %v, want %v of %+v", c.limit.Name(), c.is.Name(), got, want, s)
				break
			}
		}
	}
}

func TestAModelOfNothingLeavesTheWeights(t *testing.T) {
	for _, c := range []struct{ robust, is Estimator }{
		{DR{}, IPS{}}, {DR{Clip: 5}, IPS{Clip: 5}}, {SGDR{Lambda: 0.1}, SGIPS{Lambda: 0.1}}, {SNDR{}, SNIPS{}},
	} {
		for _, s := range randomSamples(1000) {
			s.QLogged, s.QTarget = 0, 0
			if got, want := c.robust.Terms(&s), c.is.Terms(&s); got != want {
				t.Errorf("%s is not %s: %v, want %v of %+v", c.robust.Name(), c.is.Name(), got, want, s)
				break
			}
		}
	}
}

func TestAPerfectModelNeedsNoWeights(t *testing.T) {
	for _, e := range []Estimator{DR{}, DR{Clip: 5}, SNDR{}, SwitchDR{Lambda: 5}, DROS{Lambda: 5}, SGDR{Lambda: 0.1}} {
		for _, s := range randomSamples(1000) {
			s.Reward = s.QLogged
			if got := e.Terms(&s); got.Linear != s.QTarget || got.Ratio != 0 {
				t.Errorf("%s corrects a model that is right: %v of %+v", e.Name(), got, s)
				break
			}
		}
	}
}

// Su et al. and Metelli et al. bound the weights; a reward of 1, and a model of nothing, show them.
func TestShrunkWeightsAreBounded(t *testing.T) {
	for _, c := range []struct {
		estimator Estimator
		bound     float64
	}{
		{DR{Clip: 5}, 5}, {SwitchDR{Lambda: 5}, 5}, {DROS{Lambda: 100}, 5}, {SGIPS{Lambda: 0.2}, 5}, {SGDR{Lambda: 0.2}, 5},
	} {
		most := 0.0
		for _, s := range randomSamples(10000) {
			s.Reward, s.QLogged, s.QTarget = 1, 0, 0
			w := c.estimator.Terms(&s).Linear
			if w < 0 || w > s.weight()*(1+1e-12) && s.weight() > 1 {
				t.Fatalf("%s makes %v of the weight %v", c.estimator.Name(), w, s.weight())
			}
			most = max(most, w)
		}
		if most > c.bound*(1+1e-12) || most < 0.9*c.bound {
			t.Errorf("%s: the largest weight is %v, want nearly %v", c.estimator.Name(), most, c.bound)
		}
	}
}

// Adding a constant to every reward adds it to the self-normalised estimates, whatever the mean weight. Plain IPS does not
// have that.
func TestSelfNormalisedEstimatesMoveWithTheRewards(t *testing.T) {
	plain, moved := randomSamples(1000), randomSamples(1000)
	for i := range moved {
		moved[i].Reward += 10
	}
	if got, want := estimateOf(SNIPS{}, moved), estimateOf(SNIPS{}, plain)+10; math.Abs(got-want) > 1e-9 {
		t.Errorf("snips is %v, want %v", got, want)
	}
	if got, want := estimateOf(SNDR{}, moved), estimateOf(SNDR{}, plain)+10; math.Abs(got-want) > 1e-9 {
		t.Errorf("sndr with the model of before is %v, want %v", got, want)
	}
	if got, not := estimateOf(IPS{}, moved), estimateOf(IPS{}, plain)+10; math.Abs(got-not) < 1 {
		t.Errorf("ips is %v: the mean weight of these samples must not be 1", got)
	}
}

func TestReplayIsForDeterministicPolicies(t *testing.T) {
	samples := []Sample{{Reward: 1, Target: 1}, {Reward: 4, Target: 0}, {Reward: 2, Target: 1}}
	if got := estimateOf(Replay{}, samples); got != 1.5 {
		t.Errorf("replay is %v, want the mean of the matching rewards, 1.5", got)
	}
	if got := estimateOf(Replay{}, append(samples, Sample{Reward: 1, Target: 0.3})); !math.IsNaN(got) {
		t.Errorf("replay of a policy that draws is %v, want NaN", got)
	}
}

// BenchmarkTerms is the cost of a row.
func BenchmarkTerms(b *testing.B) {
	samples := randomSamples(1024)
	for _, e := range []Estimator{IPS{}, SNIPS{}, DM{}, DR{}, SNDR{}, SwitchDR{Lambda: 100}, DROS{Lambda: 10000}} {
		b.Run(e.Name(), func(b *testing.B) {
			b.ReportAllocs()
			var sum Terms
			for i := 0; b.Loop(); i++ {
				t := e.Terms(&samples[i%len(samples)])
				sum.Linear += t.Linear
				sum.Ratio += t.Ratio
			}
		})
	}
}

// The hot path of an evaluation is 10^8 rows long: no row allocates.
func TestTermsDoNotAllocate(t *testing.T) {
	samples := randomSamples(100)
	var all []Estimator
	for _, f := range forms() {
		if f.at != nil { // Those that weigh loggers are no Estimators.
			all = append(all, f.at(0.5))
		}
	}
	var sum float64
	if n := testing.AllocsPerRun(10, func() {
		for _, e := range all {
			for i := range samples {
				sum += e.Terms(&samples[i]).Linear
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
