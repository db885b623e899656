package model

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// chooser plays a policy as its definition says, by chance and without knowing probabilities.
type chooser func(rnd *rand.Rand) int

// TestProbabilitiesAreThoseOfTheDefinition plays each policy's definition 200,000 times, 10,000,000 times with
// NEXTBEST_SOAK, and compares the frequencies with the probabilities, and with those of Draw. Each of the chi-square
// tests, two for a case, fails by chance once in 10,000 seeds; the seeds are fixed.
func TestProbabilitiesAreThoseOfTheDefinition(t *testing.T) {
	draws := 200_000
	if os.Getenv("NEXTBEST_SOAK") != "" {
		draws = 10_000_000
	}
	for seed, c := range definitions() {
		rnd := rand.New(rand.NewPCG(uint64(seed), 11))
		played, drawn, p := make([]int, len(c.estimates)), make([]int, len(c.estimates)), make([]float64, len(c.estimates))
		c.policy.Probabilities(p, c.estimates, definedDeviation, definedEvents)
		for range draws {
			if i := rnd.IntN(len(p)); rnd.Float64() < c.floor {
				played[i]++
			} else {
				played[c.choose(rnd)]++
			}
			drawn[Draw(p, rnd.Float64())]++
		}
		for name, counts := range map[string][]int{"its definition": played, "Draw": drawn} {
			if x, limit := chiSquare(counts, p, float64(draws)), chiSquareLimit(len(p)-1); x > limit {
				t.Errorf("%s against %s: chi-square %.1f above %.1f: %v of %.6f", c.policy, name, x, limit, counts, p)
			}
		}
		// The test must be able to fail: the likeliest action gives 0.01 to another.
		likeliest := slices.Index(p, slices.Max(p))
		p[likeliest] -= 0.01
		p[(likeliest+1)%len(p)] += 0.01
		if x := chiSquare(played, p, float64(draws)); x <= chiSquareLimit(len(p)-1) {
			t.Errorf("%s: other probabilities pass with chi-square %.1f", c.policy, x)
		}
	}
}

// What the definitions below are played with.
const (
	definedDeviation = 0.4
	definedEvents    = 900
)

type definition struct {
	policy    Exploration
	floor     float64
	estimates []Estimate
	choose    chooser
}

// definitions returns cases of every policy with probabilities that 200,000 draws can tell.
func definitions() []definition {
	es := []Estimate{
		{Mean: 0.1, Variance: 0.04, Replicates: []float64{0.1, 0.5, 0.3, 0.9}}, {Mean: 0.5, Variance: 0.01, Replicates: []float64{0.6, 0.5, 0.3, 0.1}}, {Mean: 0.45, Variance: 0.09, Replicates: []float64{0.6, 0.2, 0.1, 0.2}},
		{Mean: -1, Variance: 0.5, Replicates: []float64{0, 0, 0, 1}}, {Mean: 0.45, Variance: 0.09, Replicates: []float64{0.6, 0.2, 0.3, 0.2}}, {Mean: 0.2, Variance: 0, Replicates: []float64{0.2, 0.2, 0.2, 0.2}},
	}
	apart := []Estimate{ // deviations differ a thousand times
		{Mean: 0.1, Variance: 4}, {Mean: 0.1003, Variance: 4e-6}, {Mean: 0.1, Variance: 4e-6}, {Mean: 0.08, Variance: 0.01}, {Mean: 0.1001},
		{Mean: 0.1001}, {Mean: 0.05},
	}
	const floor = 0.05
	ds := []definition{
		{must(NewUniform(floor)), floor, es, func(rnd *rand.Rand) int { return rnd.IntN(len(es)) }},
		{must(NewEpsilonGreedy(0.3, 0.01)), 0.3, es, indexOf(es, 0).play},
		{must(NewDecayingEpsilonGreedy(0.6, 100, 0.01)), 0.6 / math.Pow(10, 1./3), es, indexOf(es, 0).play},
		{must(NewUCB(1, floor)), floor, es, indexOf(es, 1).play},
		{must(NewSoftmax(2, floor)), floor, es, gumbel(es, 2)},
		{must(NewThompson(0.5, floor)), floor, es, normals(es, 0.5)},
		{must(NewThompson(1, floor)), floor, apart, normals(apart, 1)},
		{must(NewBagging(0, floor)), floor, es, bags(es)},
		{must(NewBagging(2, floor)), 2 * math.Sqrt(6./definedEvents), es, bags(es)},
	}
	for _, o := range []SquareCBOptions{
		{Gamma: 0.3}, {Gamma: 0.3, Optimism: 0.8}, {Gamma: 0.3, Elimination: 0.5}, {Gamma: 0.3, Shortlist: 2}, {Gamma: 0.3, Shortlist: 4},
		{Gamma: 0.3, Optimism: 1, Elimination: 0.5, Shortlist: 3}, {Gamma: 0.3, Optimism: 2, Elimination: 0.1},
	} {
		o.Floor = floor
		ds = append(ds, definition{must(NewOptimisticSquareCB(o)), floor, es, inverseGaps(es, o)})
	}
	return ds
}

// scores are numbers of which the highest wins, ties by lot.
type scores []float64

func (s scores) play(rnd *rand.Rand) int {
	var best []int
	for i, x := range s {
		if x == slices.Max(s) {
			best = append(best, i)
		}
	}
	return best[rnd.IntN(len(best))]
}

func indexOf(es []Estimate, width float64) (s scores) {
	for _, e := range es {
		s = append(s, e.Mean+width*math.Sqrt(e.Variance))
	}
	return s
}

// gumbel adds Gumbel noise to the exponents and takes the highest.
func gumbel(es []Estimate, lambda float64) chooser {
	s := make(scores, len(es))
	return func(rnd *rand.Rand) int {
		for i, e := range es {
			s[i] = lambda*e.Mean/definedDeviation - math.Log(rnd.ExpFloat64())
		}
		return s.play(rnd)
	}
}

func normals(es []Estimate, width float64) chooser {
	s := make(scores, len(es))
	return func(rnd *rand.Rand) int {
		for i, e := range es {
			s[i] = e.Mean + width*math.Sqrt(e.Variance)*rnd.NormFloat64()
		}
		return s.play(rnd)
	}
}

func bags(es []Estimate) chooser {
	s := make(scores, len(es))
	return func(rnd *rand.Rand) int {
		r := rnd.IntN(len(es[0].Replicates))
		for i, e := range es {
			s[i] = e.Replicates[r]
		}
		return s.play(rnd)
	}
}

// inverseGaps is SquareCB by rejection: of the K candidates any one, which is kept with probability K/(K + γ·gap) and else
// replaced by the best. The candidates are sorted, those that tie by lot, and cut.
func inverseGaps(es []Estimate, o SquareCBOptions) chooser {
	gamma := o.Gamma * math.Sqrt(definedEvents) / definedDeviation
	s, lower, upper := indexOf(es, o.Optimism), indexOf(es, -o.Elimination), indexOf(es, o.Elimination)
	return func(rnd *rand.Rand) int {
		candidates := rnd.Perm(len(es))
		if o.Elimination > 0 {
			candidates = slices.DeleteFunc(candidates, func(i int) bool { return upper[i] < slices.Max(lower) })
		}
		slices.SortStableFunc(candidates, func(i, j int) int {
			switch {
			case s[i] > s[j]:
				return -1
			case s[i] < s[j]:
				return 1
			}
			return 0
		})
		if o.Shortlist > 0 && len(candidates) > o.Shortlist {
			candidates = candidates[:o.Shortlist]
		}
		k, best := float64(len(candidates)), candidates[0]
		if i := candidates[rnd.IntN(len(candidates))]; rnd.Float64() < k/(k+gamma*(s[best]-s[i])) {
			return i
		}
		return best
	}
}
