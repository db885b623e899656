package ope

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// loggers are a world in which three policies wrote the log, one of which hardly ever serves what the evaluated policy likes.
var loggers = struct {
	shares   [3]float64
	policies [3][4]float64
	target   [4]float64
	reward   [4]float64 // expected
	model    [4]float64 // wrong on purpose
}{
	shares:   [3]float64{0.5, 0.3, 0.2},
	policies: [3][4]float64{{0.7, 0.2, 0.07, 0.03}, {0.25, 0.25, 0.25, 0.25}, {0.1, 0.1, 0.3, 0.5}},
	target:   [4]float64{0.05, 0.15, 0.3, 0.5},
	reward:   [4]float64{0.2, 0.3, 0.5, 0.6},
	model:    [4]float64{0.5, 0.1, 0.4, 0.9},
}

func loggersTruth() (value float64) {
	for a, p := range loggers.target {
		value += p * loggers.reward[a]
	}
	return value
}

// loggedBy returns the sample of an action that policy k served, with the given reward.
func loggedBy(k, a int, reward float64) Sample {
	s := Sample{
		Action: a, Reward: reward, Stratum: 10 * k, Propensity: loggers.policies[k][a], Target: loggers.target[a],
		QLogged: loggers.model[a],
	}
	for j, share := range loggers.shares {
		s.MeanPropensity += share * loggers.policies[j][a]
	}
	for b, p := range loggers.target {
		s.QTarget += p * loggers.model[b]
	}
	return s
}

// Summed over all policies and actions with expected rewards, terms must give the truth; no chance is in it. The balanced
// estimators must have the smaller variance, here with rewards of 0 and 1.
func TestMultiLoggerEstimatorsAreUnbiased(t *testing.T) {
	variance := make(map[string]float64)
	for _, e := range []Estimator{MultiIPS{}, BalancedIPS{}, MultiDR{}, BalancedDR{}} {
		mean, square := 0.0, 0.0
		for k, share := range loggers.shares {
			for a, p := range loggers.policies[k] {
				for reward, q := range []float64{1 - loggers.reward[a], loggers.reward[a]} {
					s := loggedBy(k, a, float64(reward))
					x := e.Terms(&s).Linear
					mean += share * p * q * x
					square += share * p * q * x * x
				}
			}
		}
		if math.Abs(mean-loggersTruth()) > 1e-12 {
			t.Errorf("%s has mean %v, want %v", e.Name(), mean, loggersTruth())
		}
		variance[e.Name()] = square - mean*mean
	}
	if variance["multi_bal"] > variance["multi_ips"]/2 || variance["multi_bal_dr"] > variance["multi_dr"]/2 {
		t.Errorf("variances %v: balanced ones should be less than half of the others here", variance)
	}
}

// drawLogged returns n samples of the loggers' world.
func drawLogged(rng *rand.Rand, n int) []Sample {
	samples := make([]Sample, n)
	for i := range samples {
		k := drawIndex(rng, loggers.shares[:])
		a := drawIndex(rng, loggers.policies[k][:])
		reward := 0.0
		if rng.Float64() < loggers.reward[a] {
			reward = 1
		}
		samples[i] = loggedBy(k, a, reward)
	}
	return samples
}

func drawIndex(rng *rand.Rand, probabilities []float64) int {
	u := rng.Float64()
	for i, p := range probabilities {
		if u -= p; u < 0 {
			return i
		}
	}
	return len(probabilities) - 1
}

// With weights from one half of a log and samples from the other there is no bias; with both from the same samples it is small
// where parts are long. The variance must be that of the delta method, and below that of multi_ips and multi_dr. Each of the 12
// bounds of check is 4.5 standard errors away: the test would fail for fewer than one seed in 5,000.
func TestWeightedEstimatesOfSimulatedLogs(t *testing.T) {
	for _, plain := range []Estimator{MultiIPS{}, MultiDR{}} {
		dr := plain.Needs().Has(HasModel)
		same, crossed, naive := simulateWeighted(plain, dr, 400, 1000)
		name := (&MultiWeighted{DR: dr}).Name()
		crossed.check(t, name+" with weights of the other half")
		naive.check(t, plain.Name())
		bias := same.errors / same.n / math.Sqrt(same.squares/same.n)
		t.Logf("%s: bias of %.3f standard errors, mean square error over that of %s %.3f, coverage %.3f", name, bias,
			plain.Name(), same.squares/naive.squares, same.covered/same.n)
		// The mean of 400 repetitions is within 0.22 standard errors of its expectation.
		if math.Abs(bias) > 0.22+0.1 {
			t.Errorf("%s has a bias of %.2f standard errors", name, bias)
		}
		if same.squares > naive.squares/2 {
			t.Errorf("%s has mean square error %v, want less than half of %v", name, same.squares, naive.squares)
		}
	}
}

// Where parts are short, those with few rewards draw weight to themselves; weights of other samples do not. At 4.5 standard
// errors on either side it would fail for fewer than one seed in 100,000.
func TestWeightsOfShortPartsAreBiased(t *testing.T) {
	same, crossed, _ := simulateWeighted(MultiIPS{}, false, 2000, 100)
	z := same.errors / same.n / math.Sqrt(same.squares/same.n/same.n)
	if z > -4.5 {
		t.Errorf("the mean error is %.1f standard errors, want a bias", z)
	}
	z = crossed.errors / crossed.n / math.Sqrt(crossed.squares/crossed.n/crossed.n)
	if math.Abs(z) > 4.5 {
		t.Errorf("with weights of the other half the mean error is %.1f standard errors", z)
	}
}

// simulateWeighted returns the results of the weighted estimator over logs of n samples, of the same with the weights from the
// first half on the second, and of the plain one.
func simulateWeighted(plain Estimator, dr bool, repetitions, n int) (same, crossed, naive simulated) {
	rng := rand.New(rand.NewPCG(21, 22))
	for range repetitions {
		samples := drawLogged(rng, n)
		whole, half := MultiWeighted{DR: dr}, MultiWeighted{DR: dr}
		for i := range samples {
			whole.Add(&samples[i], 1)
			if i < n/2 {
				half.Add(&samples[i], 1)
			}
		}
		same.add(whole.Value(), whole.Variance(), loggersTruth())
		m := momentsOver(half.Fixed(), samples[n/2:])
		crossed.add(m.Value(true), m.Variance(true), loggersTruth())
		m = momentsOver(plain, samples)
		naive.add(m.Value(false), m.Variance(false), loggersTruth())
	}
	return same, crossed, naive
}

// scattered returns samples whose model differs from sample to sample, as with contexts.
func scattered(seed uint64, n int) []Sample {
	rng := rand.New(rand.NewPCG(seed, 1))
	samples := drawLogged(rng, n)
	for i := range samples {
		samples[i].QTarget += rng.NormFloat64()
		samples[i].QLogged += rng.NormFloat64()
	}
	return samples
}

// Per policy, all samples at once: the parts' means, and the squares of their influences.
func TestWeightedVarianceIsThatOfTheParts(t *testing.T) {
	samples := scattered(31, 3000)
	m := MultiWeighted{DR: true, Clip: 3}
	parts := make([][][2]float64, 3)
	for i := range samples {
		s := &samples[i]
		m.Add(s, 1)
		k := s.Stratum / 10
		parts[k] = append(parts[k], [2]float64{s.QTarget, min(s.weight(), 3) * (s.Reward - s.QLogged)})
	}
	var d, c, weights [3]float64
	total := 0.0
	for k, part := range parts {
		n, squares := float64(len(part)), 0.0
		for _, x := range part {
			d[k] += x[0] / n
			c[k] += x[1] / n
		}
		for _, x := range part {
			squares += (x[0] + x[1] - d[k] - c[k]) * (x[0] + x[1] - d[k] - c[k])
		}
		weights[k] = n / (squares / n)
		total += weights[k]
	}
	value, variance := 0.0, 0.0
	for k, part := range parts {
		n := float64(len(part))
		share, weight := n/float64(len(samples)), weights[k]/total
		value += share*d[k] + weight*c[k]
		for _, x := range part {
			influence := share*(x[0]-d[k]) + weight*(x[1]-c[k])
			variance += influence * influence / (n * (n - 1))
		}
	}
	if math.Abs(m.Value()/value-1) > 1e-12 || math.Abs(m.Variance()/variance-1) > 1e-9 {
		t.Errorf("%v ± %v, want %v ± %v", m.Value(), m.Variance(), value, variance)
	}
}

// Samples that stand for others: the fixed weights must give the value of the sums, whatever the counts, and counts that
// are all the same must not matter.
func TestWeightedCounts(t *testing.T) {
	samples := scattered(33, 500)
	once, thrice, mixed := MultiWeighted{DR: true}, MultiWeighted{DR: true}, MultiWeighted{DR: true}
	count := func(i int) float64 { return float64(1 + i%3) }
	for i := range samples {
		once.Add(&samples[i], 1)
		thrice.Add(&samples[i], 3)
		mixed.Add(&samples[i], count(i))
	}
	if math.Abs(thrice.Value()/once.Value()-1) > 1e-12 || math.Abs(thrice.Variance()/once.Variance()-1) > 1e-9 {
		t.Errorf("three for one: %v ± %v, want %v ± %v", thrice.Value(), thrice.Variance(), once.Value(), once.Variance())
	}
	var m Moments
	e := mixed.Fixed()
	for i := range samples {
		x, n := e.Terms(&samples[i]), count(i)
		m.Add(Terms{Linear: n * x.Linear, Count: n, Ratio: n * x.Ratio, Weight: n * x.Weight})
	}
	m.Flush()
	if math.Abs(m.Value(true)/mixed.Value()-1) > 1e-12 || math.Abs(mixed.Value()/once.Value()-1) < 1e-6 {
		t.Errorf("%v with fixed weights, want %v, and not %v as without counts", m.Value(true), mixed.Value(), once.Value())
	}
}

// A part that does not vary says nothing of how well it answers.
func TestWeightsAreSharesWhereAPartDoesNotVary(t *testing.T) {
	var m MultiWeighted
	for k, rewards := range [][]float64{{0, 0, 0}, {1, 0, 1, 1, 0}} {
		for _, r := range rewards {
			m.Add(&Sample{Stratum: k, Reward: r, Propensity: 0.5, Target: 0.5}, 1)
		}
	}
	if want := 3.0 / 8; math.Abs(m.Value()-want) > 1e-15 {
		t.Errorf("value %v, want %v", m.Value(), want)
	}
	single := MultiWeighted{}
	single.Add(&Sample{Stratum: 1, Reward: 1, Propensity: 0.5, Target: 0.5}, 1)
	single.Add(&Sample{Stratum: 2, Reward: 0, Propensity: 0.5, Target: 0.5}, 1)
	if single.Value() != 0.5 {
		t.Errorf("value %v with one sample of each policy, want 0.5", single.Value())
	}
	if empty := (&MultiWeighted{}); !math.IsNaN(empty.Value()) || !math.IsNaN(empty.Variance()) {
		t.Error("nothing has a value")
	}
}

func TestMultiLoggerNames(t *testing.T) {
	for want, got := range map[string]string{
		"multi_ips": MultiIPS{}.Name(), "multi_ips(5)": MultiIPS{Clip: 5}.Name(), "multi_dr": MultiDR{}.Name(),
		"multi_bal": BalancedIPS{}.Name(), "multi_bal_dr(2.5)": BalancedDR{Clip: 2.5}.Name(),
		"multi_weighted": (&MultiWeighted{}).Name(), "multi_weighted_dr(3)": (&MultiWeighted{DR: true, Clip: 3}).Name(),
	} {
		if got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
	s := Sample{Reward: 2, Propensity: 0.1, MeanPropensity: 0.2, Target: 0.8, QLogged: 1, QTarget: 1.5}
	for want, e := range map[float64]Estimator{
		6: MultiIPS{Clip: 3}, 4: BalancedIPS{Clip: 2}, 4.5: MultiDR{Clip: 3}, 3.5: BalancedDR{Clip: 2},
	} {
		if got := e.Terms(&s).Linear; got != want {
			t.Errorf("%s of a large weight is %v, want %v", e.Name(), got, want)
		}
	}
}

func ExampleMultiWeighted() {
	var m MultiWeighted
	for _, s := range []Sample{
		{Stratum: 0, Reward: 1, Propensity: 0.5, Target: 0.5},
		{Stratum: 0, Reward: 0, Propensity: 0.5, Target: 0.5},
		{Stratum: 1, Reward: 1, Propensity: 0.1, Target: 0.5},
		{Stratum: 1, Reward: 0, Propensity: 0.9, Target: 0.5},
	} {
		m.Add(&s, 1)
	}
	// The second policy's part has weights of up to 5 and 25 times the variance: it counts for little.
	fmt.Printf("%s %.3f\n", m.Name(), m.Value())
	// Output: multi_weighted 0.577
}
