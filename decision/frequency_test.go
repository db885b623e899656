package decision

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// Executed frequency must equal logged probability. 200,000 ranks through the Decider: 4 loops (policies, modes), 50
// contexts each, 1,000 events per context, on a linear model that has learned, so that probabilities differ between
// contexts. Per context, Pearson's chi-square of the served actions against the logged probabilities (actions with an
// expected count under 5 pooled); a context fails below p = 1e-6, and the sum over a loop's contexts below p = 1e-5.
// A correct kernel fails with probability below 200·1e-6 + 4·1e-5 = 2.4e-4. A control serves another distribution
// than it logs, and must fail.
func TestExecutedFrequencyIsLoggedProbability(t *testing.T) {
	for _, tc := range []struct {
		policy model.Exploration
		mode   LearningMode
	}{
		{must(model.NewUniform(0)), Online},
		{must(model.NewEpsilonGreedy(0.2, 0.01)), Online},
		{must(model.NewSquareCB(5, 0.01)), Online},
		{must(model.NewSquareCB(50, 0.05)), Apprentice},
	} {
		s := learnedSnapshot(t, tc.policy, tc.mode)
		t.Run(tc.policy.String()+" "+tc.mode.String(), func(t *testing.T) {
			d := newDecider(t, s, &memoryLog{}, user{})
			total, freedom := 0.0, 0
			for c := range 50 {
				x, df := contextChiSquare(t, d, c)
				if p := upperTail(x, df); p < 1e-6 {
					t.Errorf("context %d: chi-square %.1f with %d degrees of freedom, p = %.2g", c, x, df, p)
				}
				total, freedom = total+x, freedom+df
			}
			if p := upperTail(total, freedom); p < 1e-5 {
				t.Errorf("all contexts: chi-square %.1f with %d degrees of freedom, p = %.2g", total, freedom, p)
			}
		})
	}
}

func TestFrequencyTestFindsALyingLog(t *testing.T) {
	s := learnedSnapshot(t, must(model.NewSquareCB(5, 0.01)), Online)
	d := newDecider(t, s, &memoryLog{}, user{})
	liar := *s.Loop
	liar.Policy = must(model.NewSquareCB(6, 0.01))
	logged := newDecider(t, &Snapshot{ID: s.ID, Loop: &liar, Model: s.Model}, &memoryLog{}, user{})
	total, freedom := 0.0, 0
	for c := range 50 {
		counts, _ := serve(t, d, c)
		_, probabilities := serve(t, logged, c)
		x, df := chiSquare(counts, probabilities)
		total, freedom = total+x, freedom+df
	}
	if p := upperTail(total, freedom); p >= 1e-5 {
		t.Errorf("a log that says gamma 6 of draws with gamma 5 passes with p = %.2g: the test cannot fail", p)
	}
}

func upperTail(x float64, freedom int) float64 {
	if freedom == 0 {
		return 1
	}
	return distuv.ChiSquared{K: float64(freedom)}.Survival(x)
}

const perContext = 1000

func contextChiSquare(t *testing.T, d *Decider, c int) (float64, int) {
	counts, probabilities := serve(t, d, c)
	return chiSquare(counts, probabilities)
}

// serve ranks perContext events in context c: how often each action was served, with which logged probability.
func serve(t *testing.T, d *Decider, c int) (counts []int, probabilities []float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, uint64(c)))
	set := features.Set{{Name: "x", Value: features.NumberValue(rng.NormFloat64())}, {Name: "y", Value: features.NumberValue(rng.NormFloat64())}}
	ctx := context.Background()
	for i := range perContext {
		d.NewID = func(time.Time) string { return fmt.Sprintf("%d-%d", c, i) }
		r := must(d.Rank(ctx, &Request{Loop: "shop", Context: set}))
		if counts == nil {
			counts, probabilities = make([]int, len(r.Actions)), make([]float64, len(r.Actions))
		}
		counts[r.Choices[0].Served()]++
		sum := 0.0
		for _, ranked := range r.Choices[0].Ranking {
			probabilities[ranked.Action] = ranked.Probability
			sum += ranked.Probability
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("probabilities sum to %v", sum)
		}
	}
	return counts, probabilities
}

// chiSquare returns Pearson's statistic and its degrees of freedom; an action that was served with probability 0
// makes it infinite.
func chiSquare(counts []int, probabilities []float64) (x float64, freedom int) {
	pooled, pooledCount, cells := 0.0, 0, 0
	cell := func(expected float64, count int) {
		x += (float64(count) - expected) * (float64(count) - expected) / expected
		cells++
	}
	for i, p := range probabilities {
		switch expected := p * perContext; {
		case p == 0 && counts[i] > 0:
			return math.Inf(1), 1
		case expected < 5:
			pooled, pooledCount = pooled+expected, pooledCount+counts[i]
		default:
			cell(expected, counts[i])
		}
	}
	if pooled > 0 {
		cell(pooled, pooledCount)
	}
	return x, max(0, cells-1)
}

// learnedSnapshot has five actions whose worth depends on the context, and a model that learned it from 500 events.
func learnedSnapshot(t *testing.T, policy model.Exploration, mode LearningMode) *Snapshot {
	t.Helper()
	s := snapshotOf(policy, func(l *Loop) { l.Mode, l.Actions = mode, actions("a b c d e") })
	rng := rand.New(rand.NewPCG(11, 12))
	estimator := model.DefaultEstimator()
	for i := range 500 {
		x, y := rng.NormFloat64(), rng.NormFloat64()
		set := features.Set{{Name: "x", Value: features.NumberValue(x)}, {Name: "y", Value: features.NumberValue(y)}}
		estimator.Observe(set, s.Loop.Actions)
		k := i % 5
		example := estimator.Encode(set, s.Loop.Actions[k])
		estimator.Settle(&example, 0.2*float64(k)*x-0.3*y+rng.NormFloat64(), 1)
	}
	s.Model = must(estimator.Predictor())
	return s
}
