package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// policies returns one of each kind, squarecb in several forms. Scale is in turn each policy's factor.
func policies(epsilon, scale, floor float64) []Exploration {
	return []Exploration{
		must(NewUniform(floor)), must(NewEpsilonGreedy(epsilon, floor)), must(NewDecayingEpsilonGreedy(epsilon, 100*scale, floor)),
		must(NewSquareCB(scale, floor)),
		must(NewOptimisticSquareCB(SquareCBOptions{Gamma: scale, Optimism: 0.4, Floor: floor})),
		must(NewOptimisticSquareCB(SquareCBOptions{Gamma: scale, Optimism: 0.4, Elimination: 2, Shortlist: 3, Floor: floor})),
		must(NewOptimisticSquareCB(SquareCBOptions{Gamma: 1, Optimism: scale, Elimination: scale, Floor: floor})),
		must(NewUCB(scale, floor)), must(NewThompson(scale, floor)), must(NewSoftmax(scale, floor)),
		must(NewBagging(0, floor)), must(NewBagging(scale, floor)),
	}
}

// TestProbabilitiesAreDistributions holds what every policy promises, over estimates that tie, are absurd or no numbers.
func TestProbabilitiesAreDistributions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		absurd := rapid.SampledFrom([]float64{0, 0, 1, -1, 1e-300, 1e300, -1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)})
		mean := rapid.OneOf(absurd, rapid.Float64Range(-1, 1))
		variance := rapid.OneOf(rapid.Just(0.0), absurd, rapid.Float64Range(0, 1))
		replicates := rapid.IntRange(0, 3).Draw(t, "replicates")
		var es []Estimate
		for _, m := range rapid.SliceOfN(mean, 1, 60).Draw(t, "means") {
			es = append(es, Estimate{Mean: m, Variance: variance.Draw(t, "variance"), Replicates: rapid.SliceOfN(mean, replicates, replicates).Draw(t, "replicates")})
		}
		es = append(es, es[0]) // there is always a tie
		share := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1))
		floor := share.Draw(t, "floor")
		deviation := rapid.SampledFrom([]float64{0, 1e-300, 0.3, 1e12, 1e300}).Draw(t, "deviation")
		n := rapid.SampledFrom([]uint64{0, 1, 1000, math.MaxUint64}).Draw(t, "n")
		scale := rapid.SampledFrom([]float64{0, 1e-9, 5, 1e6, 1e300}).Draw(t, "scale")
		for _, e := range policies(share.Draw(t, "epsilon"), scale, floor) {
			p := make([]float64, len(es))
			e.Probabilities(p, es, deviation, n)
			checkDistribution(t, e, p, floor)
			if first, last := p[0], p[len(p)-1]; math.Abs(first-last) > 1e-12 {
				t.Fatalf("%s: the same estimate has %g and %g", e, first, last)
			}
		}
	})
}

func checkDistribution(t interface{ Fatalf(string, ...any) }, e Exploration, p []float64, floor float64) {
	sum, lost := 0.0, 0.0 // Neumaier's sum
	for _, x := range p {
		if !(x >= floor/float64(len(p))*(1-1e-10)) || x > 1 {
			t.Fatalf("%s: probability %g of %d actions", e, x, len(p))
		}
		s := sum + x
		lost += max(sum, x) - s + min(sum, x)
		sum = s
	}
	if sum += lost; math.Abs(sum-1) > 1e-12 {
		t.Fatalf("%s: probabilities of %d actions sum to 1%+g", e, len(p), sum-1)
	}
}

// TestWhatIsNoNumberIsAtTheBottom: an action without a finite mean gets the floor only, unless none has one.
func TestWhatIsNoNumberIsAtTheBottom(t *testing.T) {
	const floor = 0.03
	for _, e := range policies(0, 50, floor) {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			es, p := []Estimate{
				{Mean: bad, Variance: 1, Replicates: []float64{bad}}, {Mean: -5, Variance: 0.01, Replicates: []float64{-5}},
				{Mean: bad, Variance: bad, Replicates: []float64{bad}},
			}, make([]float64, 3)
			e.Probabilities(p, es, 1, 1_000_000)
			smoothed := e == must(NewBagging(50, floor)) || e == must(NewUniform(floor))
			if !smoothed && (math.Abs(p[0]-floor/3) > 1e-6 || math.Abs(p[2]-floor/3) > 1e-6) {
				t.Errorf("%s gives %v beside a mean of %g", e, p, bad)
			}
			es[1] = es[0]
			if e.Probabilities(p, es, 1, 1_000_000); math.Abs(p[0]-1./3) > 1e-12 || math.Abs(p[1]-1./3) > 1e-12 {
				t.Errorf("%s gives %v to means of %g", e, p, bad)
			}
		}
	}
}

// manyEstimates returns estimates of one world in which about one action in twenty can be the best.
func manyEstimates(k int) []Estimate {
	rnd := rand.New(rand.NewPCG(1, 1))
	es := make([]Estimate, k)
	for i := range es {
		es[i] = Estimate{Mean: rnd.NormFloat64(), Variance: 0.1 + rnd.Float64(), Replicates: make([]float64, 10)}
		for r := range es[i].Replicates {
			es[i].Replicates[r] = es[i].Mean + math.Sqrt(es[i].Variance)*rnd.NormFloat64()
		}
	}
	return es
}

func TestManyActions(t *testing.T) {
	for _, k := range []int{1, 2, 64, 65, 1000, 100_000} {
		es, p := manyEstimates(k), make([]float64, k)
		for _, e := range policies(0.1, 0.5, DefaultFloor) {
			for _, n := range []uint64{0, 10_000} {
				e.Probabilities(p, es, 1, n)
				checkDistribution(t, e, p, DefaultFloor)
			}
		}
	}
}

// TestTimeIsAboutLinear: ten times as many actions take about ten times as long, 40 at most, in the best of 5 runs.
func TestTimeIsAboutLinear(t *testing.T) {
	es, p := manyEstimates(100_000), make([]float64, 100_000)
	best := func(e Exploration, k, calls int) time.Duration {
		least := time.Duration(math.MaxInt64)
		for range 5 {
			start := time.Now()
			for range calls {
				e.Probabilities(p[:k], es[:k], 1, 10_000)
			}
			least = min(least, time.Since(start))
		}
		return least
	}
	for _, e := range policies(0.1, 0.5, DefaultFloor) {
		if few, many := best(e, 10_000, 10)/10, best(e, 100_000, 1); many > 40*few {
			t.Errorf("%s: 100,000 actions take %.0f times as long as 10,000", e, float64(many)/float64(few))
		}
	}
}

// TestFewActionsAllocateNothing is the allocation budget of a decision among 64 actions.
func TestFewActionsAllocateNothing(t *testing.T) {
	es, p := manyEstimates(64), make([]float64, 64)
	for _, e := range append(policies(0.1, 0.5, DefaultFloor), DefaultExploration()) {
		if n := testing.AllocsPerRun(100, func() { e.Probabilities(p, es, 1, 10_000) }); n != 0 {
			t.Errorf("%s: %g allocations", e, n)
		}
	}
}

func TestEpsilonGreedy(t *testing.T) {
	p := make([]float64, 4)
	must(NewEpsilonGreedy(0.2, 0.01)).Probabilities(p, []Estimate{{Mean: 1}, {Mean: 2}, {Mean: 2}, {Mean: -5}}, 1, 9)
	for i, want := range []float64{0.05, 0.45, 0.45, 0.05} {
		if math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("action %d has %g, want %g", i, p[i], want)
		}
	}
}

// TestSquareCBIsThePapersFormula computes it term by term for one best action.
func TestSquareCBIsThePapersFormula(t *testing.T) {
	es := []Estimate{{Mean: 0.1}, {Mean: 0.5}, {Mean: 0.45}, {Mean: -1}}
	const gamma, floor, deviation, n = 7, 0.02, 0.4, 900
	p, rest := make([]float64, len(es)), 1.0
	must(NewSquareCB(gamma, floor)).Probabilities(p, es, deviation, n)
	for i, e := range es {
		if i == 1 {
			continue
		}
		want := 1 / (4 + gamma*30/deviation*(0.5-e.Mean))
		rest -= want
		if want = (1-floor)*want + floor/4; math.Abs(p[i]-want) > 1e-15 {
			t.Errorf("action %d has %g, want %g", i, p[i], want)
		}
	}
	if want := (1-floor)*rest + floor/4; math.Abs(p[1]-want) > 1e-14 {
		t.Errorf("the best action has %g, want %g", p[1], want)
	}
	for _, c := range []struct {
		deviation float64
		n         uint64
	}{{0, 900}, {0.4, 0}} {
		must(NewSquareCB(gamma, floor)).Probabilities(p, es, c.deviation, c.n)
		if p[0] != 0.25 || p[1] != 0.25 {
			t.Errorf("with deviation %g and %d events it is %v, not uniform", c.deviation, c.n, p)
		}
	}
}

func TestParametersAreChecked(t *testing.T) {
	for _, bad := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		for name, err := range map[string]error{
			"epsilon": second(NewEpsilonGreedy(bad, 0)), "floor of epsilon_greedy": second(NewEpsilonGreedy(0, bad)),
			"floor of uniform": second(NewUniform(bad)), "floor of squarecb": second(NewSquareCB(1, bad)),
			"floor of ucb": second(NewUCB(1, bad)), "floor of thompson": second(NewThompson(1, bad)),
			"floor of softmax": second(NewSoftmax(1, bad)), "floor of bagging": second(NewBagging(1, bad)),
		} {
			if err == nil {
				t.Errorf("%s %g was taken", name, bad)
			}
		}
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		for name, err := range map[string]error{
			"gamma": second(NewSquareCB(bad, 0)), "decay": second(NewDecayingEpsilonGreedy(0, bad, 0)), "width": second(NewThompson(bad, 0)),
			"optimism of squarecb": second(NewOptimisticSquareCB(SquareCBOptions{Optimism: bad})), "optimism of ucb": second(NewUCB(bad, 0)),
			"elimination": second(NewOptimisticSquareCB(SquareCBOptions{Elimination: bad})), "lambda": second(NewSoftmax(bad, 0)),
			"smoothing": second(NewBagging(bad, 0)), "shortlist": second(NewOptimisticSquareCB(SquareCBOptions{Shortlist: -1})),
		} {
			if err == nil {
				t.Errorf("%s %g was taken", name, bad)
			}
		}
	}
}

func second(_ Exploration, err error) error { return err }

func TestDrawAtTheEdges(t *testing.T) {
	almost1 := math.Nextafter(1, 0)
	for _, c := range []struct {
		p    []float64
		u    float64
		want int
	}{
		{[]float64{0.25, 0.75}, 0, 0},
		{[]float64{0.25, 0.75}, 0.25, 1},
		{[]float64{0.25, 0.75}, math.Nextafter(0.25, 0), 0},
		{[]float64{0, 0, 1, 0}, 0, 2},
		{[]float64{0, 0, 1, 0}, almost1, 2},
		{[]float64{0.1, 0.2, 0.3, 0.3999999, 0}, almost1, 3}, // what is left over goes to the last that can be
		{[]float64{math.NaN(), 1}, 0.5, 1},
		{[]float64{0, 0}, 0.5, -1},
		{nil, 0.5, -1},
	} {
		if got := Draw(c.p, c.u); got != c.want {
			t.Errorf("Draw(%v, %g) is %d, want %d", c.p, c.u, got, c.want)
		}
	}
}

func TestDrawNeverReturnsTheImpossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 0.5)), 1, 20).Draw(t, "p")
		if i := Draw(p, rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "u")); i >= 0 && p[i] == 0 {
			t.Fatalf("drew %d of %v", i, p)
		}
	})
}

// TestExecutedFrequencyIsTheProbability draws 400,000 times by event id from each policy. The chi-square tests fail by
// chance once in 10,000 seeds each; the seeds are fixed.
func TestExecutedFrequencyIsTheProbability(t *testing.T) {
	es := []Estimate{{Mean: 0.1}, {Mean: 0.5}, {Mean: 0.45}, {Mean: -1}, {Mean: 0.1}, {Mean: 0.2}}
	const draws = 400_000
	for k, e := range policies(0.1, 5, DefaultFloor) {
		p, counts := make([]float64, len(es)), make([]int, len(es))
		e.Probabilities(p, es, 0.3, 400)
		for i := range draws {
			counts[Draw(p, Uniform(uint64(k)+40, fmt.Sprint("event-", i), i%3))]++
		}
		if x, limit := chiSquare(counts, p, draws), chiSquareLimit(len(p)-1); x > limit {
			t.Errorf("%s: chi-square %.1f above %.1f: %v of %v", e, x, limit, counts, p)
		}
		// The test must be able to fail: the frequencies of another distribution.
		p[0], p[1] = p[1]*0.99+p[0]*0.01, p[0]*0.99+p[1]*0.01
		if x := chiSquare(counts, p, draws); k > 0 && x <= chiSquareLimit(len(p)-1) {
			t.Errorf("%s: swapped probabilities pass with chi-square %.1f", e, x)
		}
	}
}

func chiSquare(counts []int, p []float64, n float64) float64 {
	x := 0.0
	for i, c := range counts {
		d := float64(c) - n*p[i]
		x += d * d / (n * p[i])
	}
	return x
}

func chiSquareLimit(degrees int) float64 {
	return distuv.ChiSquared{K: float64(degrees)}.Quantile(1 - 1e-4)
}

// TestUniformIsUniform bins 1,000,000 event ids into 1,000; the chi-square test fails by chance once in 10,000 salts.
func TestUniformIsUniform(t *testing.T) {
	counts, p := make([]int, 1000), make([]float64, 1000)
	for i := range 1_000_000 {
		u := Uniform(7, fmt.Sprint(i), 0)
		if u < 0 || u >= 1 || u*(1<<53) != math.Trunc(u*(1<<53)) {
			t.Fatalf("u is %g", u)
		}
		counts[int(u*1000)]++
	}
	for i := range p {
		p[i] = 1e-3
	}
	if x, limit := chiSquare(counts, p, 1e6), chiSquareLimit(999); x > limit {
		t.Errorf("chi-square %.1f above %.1f", x, limit)
	}
	if Uniform(1, "a", 0) == Uniform(2, "a", 0) || Uniform(1, "a", 0) == Uniform(1, "a", 1) || Uniform(1, "a", 0) == Uniform(1, "b", 0) {
		t.Error("salt, event and slot do not all count")
	}
	// A change here would make every logged draw another one.
	if got, want := Uniform(42, "event-1", 2), 0.677986545514614; got != want {
		t.Errorf("Uniform(42, event-1, 2) is %v, was %v", got, want)
	}
}
