package learn

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func slotReward(t int64, slot, id string, value float64) *logv1.Record {
	r := rewarded(t, "shop", "e", id, value)
	r.GetReward().SlotId, r.GetReward().EventTimeUnixNanos = slot, 1
	return r
}

// taught keeps what an estimator was taught for good, and what it is taught at present.
type taught struct {
	model.Estimator
	settled, present map[string]float64 // action and reward, and how often
}

func teach(l *loopFold) *taught {
	t := &taught{l.estimator, map[string]float64{}, map[string]float64{}}
	l.estimator = t
	return t
}

func (t *taught) add(to map[string]float64, x *model.Example, reward, weight float64) {
	key := fmt.Sprint(x.ActionID, " ", reward)
	if to[key] += weight; to[key] == 0 {
		delete(to, key)
	}
}

func (t *taught) Provisional(x *model.Example, reward, weight float64) {
	t.add(t.present, x, reward, weight)
	t.Estimator.Provisional(x, reward, weight)
}

func (t *taught) Settle(x *model.Example, reward, weight float64) {
	t.add(t.settled, x, reward, weight)
	t.Estimator.Settle(x, reward, weight)
}

// A page of the slots s0, s1 and s2 with c, a and b: what is learned from it, while its window is open and after.
func TestCascade(t *testing.T) {
	for _, c := range []struct {
		name     string
		def      float64
		rewards  []*logv1.Record
		want     string
		examined int
	}{
		{"nothing: all were seen", 0, nil, "map[a 0:1 b 0:1 c 0:1]", 3},
		{"the first", 0, []*logv1.Record{slotReward(2, "s0", "1", 1)}, "map[c 1:1]", 1},
		{"without a slot it is the first", 0, []*logv1.Record{slotReward(2, "", "1", 1)}, "map[c 1:1]", 1},
		{"the second", 0, []*logv1.Record{slotReward(2, "s1", "1", 1)}, "map[a 1:1 c 0:1]", 2},
		{"the last", 0, []*logv1.Record{slotReward(2, "s2", "1", 1)}, "map[a 0:1 b 1:1 c 0:1]", 3},
		{"an earlier one is rewarded later", 0, []*logv1.Record{slotReward(2, "s2", "1", 1), slotReward(3, "s0", "2", 1)}, "map[c 1:1]", 1},
		{"several: the first ends the scan", 0, []*logv1.Record{slotReward(2, "s1", "1", 1), slotReward(3, "s2", "2", 1)}, "map[a 1:1 c 0:1]", 2},
		{"a reported 0 attracts nobody", 0, []*logv1.Record{slotReward(2, "s0", "1", 0), slotReward(3, "s1", "2", 1)}, "map[a 1:1 c 0:1]", 2},
		{"what is below the default attracts nobody and is learned", 0, []*logv1.Record{slotReward(2, "s0", "1", -1)}, "map[a 0:1 b 0:1 c -1:1]", 3},
		{"above a default below 0", -0.5, []*logv1.Record{slotReward(2, "s0", "1", 0)}, "map[c 0:1]", 1},
		{"a slot that is not there says nothing", 0, []*logv1.Record{slotReward(2, "s7", "1", 1)}, "map[a 0:1 b 0:1 c 0:1]", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := shop()
			f.Model, f.Default = Cascade, c.def
			l := newLoopFold(must(compileFile("shop", f.bytes())))
			l.delays.observe(0) // Rewards have come at once so far: events count at once.
			got := teach(l)
			history := append([]*logv1.Record{decided(1, "shop", "e", nil, "c", "a", "b")}, c.rewards...)
			var entries []eventlog.Entry
			for i, r := range history {
				l.apply(eventlog.Position(i+1), r)
				entries = append(entries, eventlog.Entry{Position: eventlog.Position(i + 1), Record: r})
			}
			l.advance(3)
			if now := fmt.Sprint(got.present); now != c.want {
				t.Errorf("while the window is open %s, want %s", now, c.want)
			}
			joined := must(Join(&l.definition.Reward, entries, timeOf(4)))
			for i, s := range joined.Slots {
				if s.Examined != (i < c.examined) {
					t.Errorf("Join: slot %d was examined: %t", i, s.Examined)
				}
			}
			var told Settled
			l.ended = func(e *event) { told = l.settled(e, true) }
			l.advance(300 * second)
			if after := fmt.Sprint(got.settled); after != c.want || len(got.present) > 0 {
				t.Errorf("after its end %s, want %s; still provisional %v", after, c.want, got.present)
			}
			for i, s := range told.Slots {
				if s.Examined != (i < c.examined) {
					t.Errorf("Settled: slot %d was examined: %t", i, s.Examined)
				}
			}
		})
	}
}

// In whatever order the rewards of a page's slots come, and however often each: what is provisional after the last, and the
// model at the end, are the same to the bit as in order and once. Beta arms take counts, which add without rounding, so
// that bytes can be compared while the window is still open.
func TestCascadesDoNotDependOnTheOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := shop()
		f.Model, f.Estimator = Cascade, rapid.SampledFrom([]string{"arms", ""}).Draw(t, "estimator")
		f.Aggregation = rapid.SampledFrom([]Aggregation{Earliest, Sum, Mean, Min, Max, Last}).Draw(t, "aggregation")
		f.Position = rapid.Bool().Draw(t, "position")
		var once []*logv1.Record
		for i := range rapid.IntRange(0, 6).Draw(t, "rewards") {
			slot := rapid.SampledFrom([]string{"", "s0", "s1", "s2", "s7"}).Draw(t, "slot")
			r := slotReward(2, slot, fmt.Sprint(i), rapid.SampledFrom([]float64{0, 1}).Draw(t, "value"))
			r.GetReward().EventTimeUnixNanos = rapid.Int64Range(1, 3).Draw(t, "time")
			once = append(once, r)
		}
		var again []*logv1.Record
		for _, r := range once {
			for range rapid.IntRange(1, 3).Draw(t, "copies") {
				again = append(again, r)
			}
		}
		again = rapid.Permutation(again).Draw(t, "order")
		early := rapid.IntRange(0, len(again)).Draw(t, "how many come before the decision")
		open, end := learnedOf(t, f, once, 0)
		openAgain, endAgain := learnedOf(t, f, again, early)
		if !bytes.Equal(end, endAgain) {
			t.Fatal("another model at the end")
		}
		if f.Estimator == "arms" && f.Aggregation != Mean && f.Aggregation != Sum && !bytes.Equal(open, openAgain) {
			t.Fatal("another model while the window is open")
		}
	})
}

// learnedOf returns the models of a fold of two events, the second of which has the rewards, so many of them before its
// decision: with its window open, and at the end.
func learnedOf(t *rapid.T, f file, rewards []*logv1.Record, early int) (open, end []byte) {
	l := newLoopFold(must(compileFile("shop", f.bytes())))
	l.delays.observe(0)
	records := slices.Concat([]*logv1.Record{decided(1, "shop", "before", nil, "c")}, rewards[:early],
		[]*logv1.Record{decided(2, "shop", "e", nil, "c", "a", "b")}, rewards[early:])
	for i, r := range records {
		if poison, err := l.apply(eventlog.Position(i+1), r); poison != "" {
			t.Fatal(poison, err)
		}
	}
	l.advance(3)
	open = predictorBytes(t, l)
	l.advance(300 * second)
	return open, predictorBytes(t, l)
}
