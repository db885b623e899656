package learn

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// 20,000 events with 1 to 5 copies of each reward, shuffled within the window (before their decisions too), 1% for
// unknown events and 1% conflicting: the model is that of the clean run in order, to the bit, the counters are exact,
// and what is held stays within its bound.
func TestShuffledRunEqualsCleanRun(t *testing.T) {
	const n = 20_000
	rng := rand.New(rand.NewPCG(11, 12))
	f := shop()
	f.Aggregation = Sum
	clean, messy := newLoopFold(must(compileFile("shop", f.bytes()))), newLoopFold(must(compileFile("shop", f.bytes())))
	var want [outcomes]uint64
	var decisions, arrivals []timed
	pos := eventlog.Position(0)
	applyClean := func(r *logv1.Record) { pos++; clean.apply(pos, r) }
	for i := range n {
		id, now := fmt.Sprint("e", i), 1000*second+int64(i)*second/100
		d := decided(now, "shop", id, nil, []string{"a", "b", "c"}[rng.IntN(3)])
		decisions = append(decisions, timed{now, d})
		applyClean(d)
		for k := range rng.IntN(4) {
			value := float64(rng.IntN(10)) / 10
			r := func(id, rewardID string, value float64) timed {
				at := now + int64(float64(second)*(rng.Float64()*60-2))
				rec := rewarded(at, "shop", id, rewardID, value)
				rec.GetReward().EventTimeUnixNanos = now + int64(k)
				return timed{at, rec}
			}
			first := r(id, fmt.Sprint(k), value)
			arrivals = append(arrivals, first)
			want[Joined]++
			c := rewarded(now, "shop", id, fmt.Sprint(k), value)
			c.GetReward().EventTimeUnixNanos = now + int64(k)
			applyClean(c)
			for range rng.IntN(5) {
				arrivals = append(arrivals, r(id, fmt.Sprint(k), value))
				want[Duplicate]++
			}
			switch rng.IntN(100) {
			case 0:
				arrivals = append(arrivals, r("unknown"+id, "u", value))
				want[Orphan]++
			case 1: // After the first copy: the first in the log wins.
				late := r(id, fmt.Sprint(k), value+1)
				late.at = now + 70*second + rng.Int64N(20*second)
				late.r.TimeUnixNanos = late.at
				arrivals = append(arrivals, late)
				want[Conflict]++
			}
		}
	}
	end := timed{(n/100 + 5000) * second, at((n/100+5000)*second, "shop", &logv1.Cut{Number: 1})}
	applyClean(end.r)
	all := append(decisions, arrivals...)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, byTime)
	held := 0
	for i, x := range append(all, end) {
		if poison, err := messy.apply(eventlog.Position(i+1), x.r); poison != "" {
			t.Fatal(poison, err)
		}
		held = max(held, messy.waiting.size)
	}
	if messy.counts.rewards != want {
		t.Errorf("outcomes %v, want %v", messy.counts.rewards, want)
	}
	if held > MaxHeld {
		t.Errorf("%d were held", held)
	}
	a, b := must(clean.estimator.Predictor()), must(messy.estimator.Predictor())
	if !bytes.Equal(must(a.AppendBinary(nil)), must(b.AppendBinary(nil))) {
		t.Error("the model is not that of the clean run")
	}
	if clean.counts.endings != messy.counts.endings || a.Events() != n {
		t.Errorf("endings %v and %v, %d events", clean.counts.endings, messy.counts.endings, a.Events())
	}
	t.Logf("%d records, at most %d held", len(all)+1, held)
}

type timed struct {
	at int64
	r  *logv1.Record
}

func byTime(a, b timed) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	default:
		return 0
	}
}

// Several loops in one log do not touch each other: each has the state that it has alone.
func TestLoopsAreApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	names := []string{"one", "two", "three"}
	together := newMemoryLog()
	alone := map[string]*memoryLog{}
	add := func(loop string, r *logv1.Record) {
		must(together.Append(context.Background(), r, decision.Process))
		must(alone[loop].Append(context.Background(), r, decision.Process))
	}
	for i, name := range names {
		alone[name] = newMemoryLog()
		f := shop()
		f.Name, f.Default = name, float64(i)
		add(name, changeTo(second, f))
	}
	now := 10 * second
	for i := range 3000 {
		now += rng.Int64N(second)
		name := names[rng.IntN(3)]
		if rng.IntN(2) == 0 {
			add(name, decided(now, name, fmt.Sprint(i%500), nil, "a"))
		} else {
			add(name, rewarded(now, name, fmt.Sprint(rng.IntN(500)), "r", 1))
		}
	}
	f := foldOf(t, nil, together)
	for _, name := range names {
		if !bytes.Equal(modelOf(t, f, name), modelOf(t, foldOf(t, nil, alone[name]), name)) {
			t.Errorf("loop %s has another model than alone", name)
		}
	}
}
