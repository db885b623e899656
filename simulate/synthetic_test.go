package simulate

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/nextbest/nextbest/features"
)

func synthetic(t *testing.T, o SyntheticOptions) World {
	t.Helper()
	w, err := Synthetic(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWorldsPayWhatTheyExpect plays every kind with the choice going round the actions: what is paid differs from what
// is expected by noise alone. Five standard errors of 6,000 rounds fail by chance once in two million seeds, a kind.
// Heavy tails have no standard error; their median is 0.
func TestWorldsPayWhatTheyExpect(t *testing.T) {
	for _, kind := range SyntheticKinds() {
		const rounds = 6000
		w := synthetic(t, SyntheticOptions{Kind: kind[0], Actions: 12, Features: 6, Rounds: rounds, Seed: 3})
		var off []float64
		var oracle, uniform float64
		for round := range rounds {
			_, actions := w.Next(round)
			expected := w.Expected(nil)
			if len(expected) != 12 || len(actions) != 12 {
				t.Fatalf("%s: %d actions, %d expected", kind[0], len(actions), len(expected))
			}
			reward, delay := w.Reward(round % 12)
			if delay != 0 {
				t.Fatalf("%s: a delay of %d", kind[0], delay)
			}
			off = append(off, reward-expected[round%12])
			oracle += slices.Max(expected) / rounds
			uniform += meanOf(expected) / rounds
		}
		mean, se := MeanAndError(off)
		if kind[0] == "heavy-tails" {
			above := 0
			for _, x := range off {
				if x > 0 {
					above++
				}
			}
			mean, se = float64(above)/rounds-0.5, 0.5/math.Sqrt(rounds)
		}
		if math.Abs(mean) > 5*se {
			t.Errorf("%s: pays %g ± %g more than expected", kind[0], mean, se)
		}
		if !(oracle > uniform) {
			t.Errorf("%s: the oracle has %g, uniform %g", kind[0], oracle, uniform)
		}
	}
}

// meanOf is the slow twin of the tally's uniform choice.
func meanOf(xs []float64) float64 {
	mean, _ := MeanAndError(xs)
	return mean
}

func TestSameSeedSameWorld(t *testing.T) {
	for _, kind := range SyntheticKinds() {
		o := SyntheticOptions{Kind: kind[0], Actions: 5, Features: 3, Rounds: 400, Seed: 9}
		a, b := synthetic(t, o), synthetic(t, o)
		o.Seed++
		other := synthetic(t, o)
		differs := false
		for round := range 400 {
			contextA, actionsA := a.Next(round)
			contextB, actionsB := b.Next(round)
			contextOther, _ := other.Next(round)
			if diff := cmp.Diff(contextA, contextB, cmp.Comparer(features.Value.Equal)); diff != "" {
				t.Fatalf("%s, round %d: %s", kind[0], round, diff)
			}
			if diff := cmp.Diff(actionsA, actionsB, cmp.Comparer(features.Value.Equal)); diff != "" {
				t.Fatalf("%s, round %d: %s", kind[0], round, diff)
			}
			rewardA, _ := a.Reward(round % 5)
			b.Reward(0) // asking for rewards changes nothing
			rewardB, _ := b.Reward(round % 5)
			elsewhere, _ := other.Reward(round % 5)
			if rewardA != rewardB {
				t.Fatalf("%s, round %d: %g and %g", kind[0], round, rewardA, rewardB)
			}
			differs = differs || rewardA != elsewhere || !cmp.Equal(contextA, contextOther, cmp.Comparer(features.Value.Equal))
		}
		if !differs {
			t.Errorf("%s: another seed is the same world", kind[0])
		}
	}
}

// TestRareRatesAreAsStated: in each segment one action has the high rate, by expectation exactly.
func TestRareRatesAreAsStated(t *testing.T) {
	for kind, rates := range map[string][2]float64{"rare": {0.10, 0.02}, "rarer": {0.01, 0.002}} {
		w := synthetic(t, SyntheticOptions{Kind: kind, Actions: 10, Features: 3, Rounds: 1, Seed: 4})
		right := map[string]int{}
		for round := range 500 {
			context, _ := w.Next(round)
			expected := w.Expected(nil)
			segment := context.Get("segment").Text()
			best := slices.Index(expected, rates[0])
			if known, ok := right[segment]; ok && known != best {
				t.Fatalf("%s: segment %s has right actions %d and %d", kind, segment, known, best)
			}
			right[segment] = best
			expected[best] = rates[1]
			if slices.Max(expected) != rates[1] || slices.Min(expected) != rates[1] {
				t.Fatalf("%s: rates %v", kind, expected)
			}
		}
		if len(right) != 8 {
			t.Errorf("%s: %d segments", kind, len(right))
		}
	}
}

// TestStudent compares 100,000 draws with the distribution of gonum at 7 points, whose standard errors are at most
// 0.0016: five of them fail by chance once in 250,000 seeds.
func TestStudent(t *testing.T) {
	const n = 100_000
	rng := generator(5, "student")
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = student(rng, 1.5)
	}
	for _, x := range []float64{-20, -3, -1, 0, 0.5, 2, 50} {
		below := 0
		for _, y := range xs {
			if y <= x {
				below++
			}
		}
		want := distuv.StudentsT{Sigma: 1, Nu: 1.5}.CDF(x)
		if got := float64(below) / n; math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/n) {
			t.Errorf("P(t <= %g) = %g, want %g", x, got, want)
		}
	}
}

func TestActionsArriveAndRetire(t *testing.T) {
	const rounds = 2000
	w := synthetic(t, SyntheticOptions{Kind: "arriving", Actions: 4, Features: 2, Rounds: rounds, Seed: 1})
	seen := map[string]bool{}
	lastChange := 0
	var before []string
	for round := range rounds {
		_, actions := w.Next(round)
		var now []string
		for _, a := range actions {
			now = append(now, a.ID)
			seen[a.ID] = true
			if len(a.Features) != actionFeatures {
				t.Fatalf("%s has %d features", a.ID, len(a.Features))
			}
		}
		if before != nil && !slices.Equal(before, now) {
			if round-lastChange != rounds/20 {
				t.Fatalf("a change in round %d after one in %d", round, lastChange)
			}
			lastChange = round
		}
		before = now
	}
	slices.Sort(before)
	if len(seen) != 4+19 || !slices.Equal(before, []string{"a19", "a20", "a21", "a22"}) {
		t.Errorf("%d actions were seen, at the end %v: the oldest retires", len(seen), before)
	}
}

// TestWeightsWander: an action's weights of the drift world lose half of their variance in about 500 rounds. The
// correlation of 2,000 weights with what they become is √0.87⁵ ≈ 0.706 with a standard error of 0.011.
func TestWeightsWander(t *testing.T) {
	o := SyntheticOptions{Kind: "drift", Actions: 100, Features: 20, Rounds: 501, Seed: 2}
	w := synthetic(t, o).(*linear)
	before := make([][]float64, len(w.weights))
	for a, weights := range w.weights {
		before[a] = slices.Clone(weights)
	}
	for round := range 501 {
		w.Next(round)
	}
	var xx, xy, yy float64
	for a := range before {
		xx += dot(before[a][1:], before[a][1:])
		xy += dot(before[a][1:], w.weights[a][1:])
		yy += dot(w.weights[a][1:], w.weights[a][1:])
	}
	if r := xy / math.Sqrt(xx*yy); math.Abs(r-0.706) > 0.055 || math.Abs(yy/xx-1) > 0.2 {
		t.Errorf("correlation %g, variance %g times", r, yy/xx)
	}
}

func TestBadWorldsAreRefused(t *testing.T) {
	for _, o := range []SyntheticOptions{{Kind: "flat", Actions: 2, Features: 1}, {Kind: "linear", Actions: 1, Features: 1},
		{Kind: "linear", Actions: 2}, {Kind: "linear", Actions: maxActions + 1, Features: 1}} {
		if _, err := Synthetic(o); err == nil {
			t.Errorf("%+v is a world", o)
		}
	}
}
