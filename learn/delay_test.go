package learn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// arm is an action whose success is reported after an exponential delay.
type arm struct {
	id     string
	rate   float64
	median float64 // of the delay, in seconds
}

// Slow feedback is not worse feedback: an action that succeeds in 6% of events, with a median delay of an hour, is
// ranked above one that succeeds in 5%, with a median delay of a minute, in 19 of 20 seeds at 8 slow median delays since
// the loop began (exponential delays, 24,000 events evenly over that time, half of each action, a window of two days).
// It cannot be earlier than this by much: at 2 median delays the oldest events have had 75% of their rewards, 4.5%.
// Right of 20 seeds, and the mean estimates of the fast and the slow action, beside the control, which counts every event
// at once as worth nothing until its reward comes:
//
//	median delays  patience               at once
//	2               0  5.07% 3.63%         0  5.02% 2.75%
//	4              10  5.05% 4.99%         0  5.05% 3.98%
//	8              19  5.09% 5.60%         7  5.07% 4.91%
//	16             20  5.09% 5.86%        18  5.07% 5.44%
//
// The seeds are fixed and the fold is exact, so that the test gives the same on every machine.
func TestSlowFeedbackIsNotWorse(t *testing.T) {
	fast, slow := arm{"a", 0.05, 60}, arm{"b", 0.06, 3600}
	const seeds = 20
	right := map[string]int{}
	for seed := range uint64(seeds) {
		for how, e := range delayed(seed, fast, slow, 24_000, 8) {
			if e[1] > e[0] {
				right[how]++
			}
		}
	}
	if right["patience"] < 19 {
		t.Errorf("the slow action is ranked first in %d of %d seeds", right["patience"], seeds)
	}
	if right["at once"] > 10 {
		t.Errorf("the control is right in %d of %d seeds: the test shows nothing", right["at once"], seeds)
	}
}

// delayed returns the estimates of both arms some median delays of the slow one after the beginning, by way of counting.
func delayed(seed uint64, fast, slow arm, events int, medians float64) map[string][2]float64 {
	rng := rand.New(rand.NewPCG(seed, 99))
	const begin = 1000 * second
	end := begin + int64(medians*slow.median*float64(second))
	f := shop()
	f.Window, f.Numbers = 48*time.Hour, nil
	l := newLoopFold(must(compileFile("shop", f.bytes())))
	all := []timed{{end, at(end, "shop", &logv1.Cut{Number: 1})}}
	var n, successes [2]float64
	for i := range events {
		k := rng.IntN(2)
		a := [2]arm{fast, slow}[k]
		now := begin + int64(float64(end-begin)*float64(i)/float64(events))
		id := fmt.Sprint("e", i)
		all = append(all, timed{now, decided(now, "shop", id, nil, a.id)})
		n[k]++
		then := now + int64(rng.ExpFloat64()/math.Ln2*a.median*float64(second))
		if rng.Float64() < a.rate && then < end {
			all = append(all, timed{then, rewarded(then, "shop", id, "r", 1)})
			successes[k]++
		}
	}
	slices.SortStableFunc(all, byTime)
	for i, x := range all {
		l.apply(eventlog.Position(i+1), x.r)
	}
	p := must(l.estimator.Predictor())
	es := p.Estimate(nil, features.Set{}, []model.Candidate{{ID: fast.id}, {ID: slow.id}})
	return map[string][2]float64{
		"patience": {es[0].Mean, es[1].Mean},
		"at once":  {successes[0] / n[0], successes[1] / n[1]},
	}
}
