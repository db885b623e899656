package learn

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// checked keeps what is provisional beside the estimator's sums.
type checked struct {
	model.Estimator
	weights map[string]float64
}

func (c *checked) Provisional(x *model.Example, reward, weight float64) {
	key := fmt.Sprint(*x, math.Float64bits(reward))
	if c.weights[key] += weight; c.weights[key] == 0 {
		delete(c.weights, key)
	}
	c.Estimator.Provisional(x, reward, weight)
}

func (c *checked) ClearProvisional() {
	if len(c.weights) > 0 {
		panic("cleared while something is provisional")
	}
	c.Estimator.ClearProvisional()
}

// drawFile draws a loop file.
func drawFile(t *rapid.T) file {
	f := shop()
	f.Default = rapid.SampledFrom([]float64{0, -0.5, 2}).Draw(t, "default")
	f.Aggregation = Aggregation(rapid.IntRange(0, int(Last)).Draw(t, "aggregation"))
	if rapid.Bool().Draw(t, "metrics") {
		f.Metrics = []Metric{{"m", 1}, {"n", 0.3}}
	}
	f.Low, f.High = -10, 10
	f.Haste = rapid.SampledFrom([]time.Duration{0, 0, time.Second}).Draw(t, "haste")
	f.Model = RewardModel(rapid.IntRange(0, int(Cascade)).Draw(t, "reward model"))
	f.Position = rapid.Bool().Draw(t, "position")
	f.Estimator = rapid.SampledFrom([]string{"", "arms"}).Draw(t, "estimator")
	return f
}

// drawRecord draws what can come next.
func drawRecord(t *rapid.T, now *int64) *logv1.Record {
	*now += rapid.SampledFrom([]int64{0, 0, 0, 1, second, 2 * second, 10 * second, 50 * second, 100 * second, 250 * second, -5 * second}).Draw(t, "step")
	id := rapid.SampledFrom([]string{"e1", "e2", "e3", "e4"}).Draw(t, "event")
	odd := func(what string) bool { return rapid.IntRange(0, 11).Draw(t, what) == 11 }
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1, 2:
		served := rapid.SampledFrom([][]string{{"a"}, {"b"}, {"c"}, {"a", "b"}, {"c", "a", "b"}}).Draw(t, "served")
		deferred, logging := rapid.Bool().Draw(t, "deferred"), rapid.IntRange(0, 9).Draw(t, "mode") == 0
		return decided(*now, "shop", id, func(r *decision.Record) {
			r.Deferred = deferred
			if logging {
				r.Mode = decision.LoggingOnly
			}
		}, served...)
	case 3:
		return at(*now, "shop", &logv1.Activation{EventId: id})
	default:
		r := &logv1.Reward{
			EventId: id, RewardId: rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"}).Draw(t, "reward"),
			Value:              rapid.SampledFrom([]float64{0, 1, -1, 0.1, 0.2, 0.3}).Draw(t, "value"),
			SlotId:             rapid.SampledFrom([]string{"", "", "s0", "s1", "s2"}).Draw(t, "slot"),
			Metric:             rapid.SampledFrom([]string{"", "", "m", "n"}).Draw(t, "metric"),
			EventTimeUnixNanos: rapid.Int64Range(0, 3).Draw(t, "event time"),
		}
		if odd("odd value") {
			r.Value = rapid.SampledFrom([]float64{1e-300, math.NaN(), math.Inf(1), math.Inf(-1), 11, -11}).Draw(t, "bad value")
		}
		if odd("now") {
			r.EventTimeUnixNanos = 0
		}
		if odd("later") {
			r.EventTimeUnixNanos = *now + 2*second
		}
		if odd("machine") {
			r.Machine = true
		}
		if odd("odd slot") {
			r.SlotId = "s9"
		}
		if odd("odd metric") {
			r.Metric = "z"
		}
		return at(*now, "shop", r)
	}
}

// Whatever comes in whatever order: every reward has the outcome that the slow twin gives it, the provisional sums hold
// exactly the events that count, a restart in the middle changes nothing, and the final model is that of a clean log
// with the accepted rewards right behind their decisions, to the bit.
func TestJoiningAgainstTheObvious(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		def := must(compileFile("shop", f.bytes()))
		l := newLoopFold(def)
		sums := &checked{l.estimator, map[string]float64{}}
		l.estimator = sums
		twin := newSlow(def.Reward)
		now := 1_000_000 * second
		n := rapid.IntRange(40, 200).Draw(t, "records")
		for pos := eventlog.Position(1); pos <= eventlog.Position(n); pos++ {
			r := drawRecord(t, &now)
			if poison, err := l.apply(pos, r); poison == PoisonPanic {
				t.Fatal(err)
			}
			twin.apply(pos, r)
			compareCounts(t, l, twin)
			checkProvisional(t, l, sums)
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				l = restarted(t, l, sums)
			}
		}
		now = l.now + 3*int64(def.Reward.Window)
		end := at(now, "shop", &logv1.Cut{Number: 1})
		l.apply(eventlog.Position(n+1), end)
		twin.apply(eventlog.Position(n+1), end)
		compareCounts(t, l, twin)
		if len(l.open) != 0 || l.queue.len() != 0 || l.counted != 0 || l.waiting.size != 0 || len(l.closed.known) > len(twin.events) {
			t.Fatal("something is left when all is over")
		}
		if !bytes.Equal(predictorBytes(t, l), predictorBytes(t, cleanRun(t, def, twin, now))) {
			t.Fatal("the final model is not that of the clean run")
		}
	})
}

func compareCounts(t *rapid.T, l *loopFold, twin *slow) {
	rewards, ended := twin.counts()
	for o := range rewards {
		if l.counts.rewards[o] != rewards[o] {
			t.Fatalf("%d rewards are %v, want %d", l.counts.rewards[o], Outcome(o), rewards[o])
		}
	}
	if l.counts.endings != ended {
		t.Fatalf("events ended %v, want %v", l.counts.endings, ended)
	}
	if got := l.counts.poison[PoisonRepeatedEvent]; got != twin.repeated {
		t.Fatalf("%d repeated events, want %d", got, twin.repeated)
	}
}

// checkProvisional compares what is provisional with the events that should be, at their worth.
func checkProvisional(t *rapid.T, l *loopFold, sums *checked) {
	want := map[string]float64{}
	for _, e := range l.queue.all() {
		if e.ripe != e.counted && e.learned && e.shown() {
			t.Fatalf("event %s: ripe %v, counted %v", e.id, e.ripe, e.counted)
		}
		for i := range e.slots {
			if !e.counted || !looked(l.spec(), e, i) {
				continue
			}
			var x model.Example
			if err := e.slots[i].example.unpack(&x); err != nil {
				t.Fatal(err)
			}
			worth, _ := l.spec().worth(e.rewards, i)
			want[fmt.Sprint(x, math.Float64bits(worth))]++
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(sums.weights) {
		t.Fatalf("provisional are %v, want %v", sums.weights, want)
	}
}

// looked reports whether a slot is learned from: no earlier one may have ended the scan.
func looked(spec *RewardSpec, e *event, slot int) bool {
	for earlier := range slot {
		if worth, _ := spec.worth(e.rewards, earlier); spec.Model == Cascade && worth > spec.Default {
			return false
		}
	}
	return true
}

// restarted writes the state and reads it again.
func restarted(t *rapid.T, l *loopFold, sums *checked) *loopFold {
	var e encoder
	if err := l.encodeState(&e); err != nil {
		t.Fatal(err)
	}
	again, err := decodeState(&decoder{b: e.b}, compileFile)
	if err != nil {
		t.Fatal(err)
	}
	var f encoder
	if err := again.encodeState(&f); err != nil || !bytes.Equal(e.b, f.b) {
		t.Fatalf("the state is another after a restart (%v)", err)
	}
	sums.Estimator = again.estimator
	again.estimator = sums
	return again
}

// cleanRun folds every decision with its activation and its accepted rewards right behind it.
func cleanRun(t *rapid.T, def *Definition, twin *slow, end int64) *loopFold {
	l := newLoopFold(def)
	pos := eventlog.Position(0)
	apply := func(r *logv1.Record) {
		pos++
		if poison, err := l.apply(pos, r); poison != "" {
			t.Fatalf("clean run: %s: %v", poison, err)
		}
	}
	for i, e := range twin.events {
		id := fmt.Sprint("clean", i) // An id can come again once it is forgotten.
		d := proto.Clone(e.record).(*logv1.Record)
		d.GetDecision().EventId = id
		d.TimeUnixNanos = e.opened // The time was later where a clock had gone back.
		apply(d)
		if e.activated {
			apply(at(e.opened, "shop", &logv1.Activation{EventId: id}))
		}
		rewards := slices.Clone(e.rewards)
		if def.Reward.Aggregation != First { // which alone depends on the order of arrival
			slices.Reverse(rewards)
		}
		for _, w := range rewards {
			r := proto.Clone(w.r).(*logv1.Reward)
			r.EventId = id
			if r.EventTimeUnixNanos == 0 {
				r.EventTimeUnixNanos = w.at
			}
			apply(at(e.opened, "shop", r))
		}
	}
	apply(at(end, "shop", &logv1.Cut{Number: 1}))
	return l
}

func predictorBytes(t *rapid.T, l *loopFold) []byte {
	p, err := l.estimator.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	return must(p.AppendBinary(nil))
}

// The buffer of what came too early is bounded: the oldest give way.
func TestHeldIsBounded(t *testing.T) {
	l := newLoopFold(must(compileFile("shop", shop().bytes())))
	for i := range MaxHeld + 500 {
		l.apply(eventlog.Position(i+1), rewarded(second, "shop", fmt.Sprint("unknown", i), "r", 1))
	}
	if l.waiting.size != MaxHeld || l.counts.rewards[Orphan] != 500 || l.counts.rewards[Early] != MaxHeld {
		t.Fatalf("%d held, %d orphans, %d early", l.waiting.size, l.counts.rewards[Orphan], l.counts.rewards[Early])
	}
	l.apply(1, decided(second, "shop", fmt.Sprint("unknown", MaxHeld+499), nil, "a"))
	if l.counts.rewards[Joined] != 1 {
		t.Error("the newest was not joined")
	}
	l.apply(1, decided(second, "shop", "unknown0", nil, "a"))
	if l.counts.rewards[Joined] != 1 {
		t.Error("the oldest was not given up")
	}
}

// A reward far beyond all before counts as less, and is counted.
func TestAbsurdRewardIsCapped(t *testing.T) {
	l := newLoopFold(must(compileFile("shop", shop().bytes())))
	for i := range 31 {
		id, value := fmt.Sprint("e", i), 1.0
		if i == 30 {
			value = 1e9
		}
		l.apply(1, decided(second, "shop", id, nil, "a"))
		l.apply(1, rewarded(second, "shop", id, "r", value))
	}
	if l.capped() != 0 {
		t.Errorf("%d capped before anything is final", l.capped())
	}
	l.apply(1, at(1000*second, "shop", &logv1.Cut{Number: 1}))
	if l.capped() != 1 || l.counts.rewards[Joined] != 31 {
		t.Errorf("%d capped, %d joined", l.capped(), l.counts.rewards[Joined])
	}
	if p := must(l.estimator.Predictor()); !(p.RewardDeviation() < 10) {
		t.Errorf("the rewards deviate by %g", p.RewardDeviation())
	}
}

// One event takes a bounded number of rewards.
func TestRewardsPerEventAreBounded(t *testing.T) {
	l := newLoopFold(must(compileFile("shop", shop().bytes())))
	l.apply(1, decided(second, "shop", "e", nil, "a"))
	for i := range MaxRewardsPerEvent + 10 {
		l.apply(eventlog.Position(i+2), rewarded(second, "shop", "e", fmt.Sprint(i), 1))
	}
	if l.counts.rewards[Joined] != MaxRewardsPerEvent || l.counts.rewards[TooMany] != 10 {
		t.Error(l.counts.rewards)
	}
}

// Poison is counted by reason, and what is around it is folded as if it were not there.
func TestPoisonIsSkipped(t *testing.T) {
	f := shop()
	f.Estimator = "panics"
	log := newMemoryLog(
		rewarded(second, "nowhere", "e", "r", 1),
		changeTo(second, f),
		&logv1.Record{TimeUnixNanos: second, Body: &logv1.Record_Admin{Admin: &logv1.Admin{Kind: "kill.set", Actor: "ann"}}}, // no poison
		decided(second, "shop", "good", nil, "a"),
		decided(second, "shop", "good", nil, "b"),
		decided(second, "shop", "unlucky", nil, "a"),
		decided(second, "shop", "bad", func(r *decision.Record) { r.Choices[0].Ranking[0].Action = 77 }, "a"),
		rewarded(second, "shop", "good", "r", 1),
		rewarded(second, "shop", "unlucky", "r", 13),
		at(second, "shop", &logv1.LoopChange{File: []byte("{"), Path: "shop"}),
		at(second, "shop", &logv1.LoopChange{File: file{Name: "another"}.bytes(), Path: "shop"}),
	)
	must(log.appendBytes([]byte{0xff, 0xff}))
	must(log.appendBytes(nil))
	must(log.Append(context.Background(), at(2*second, "shop", &logv1.Cut{Number: 1}), decision.Process))
	must(log.Append(context.Background(), at(200*second, "shop", &logv1.Cut{Number: 2}), decision.Process))
	fold := foldOf(t, nil, log)
	l := fold.loops["shop"]
	want := map[string]uint64{PoisonRepeatedEvent: 1, PoisonDecision: 1, PoisonPanic: 1, PoisonDefinition: 2}
	if fmt.Sprint(l.counts.poison) != fmt.Sprint(want) {
		t.Errorf("poison of the loop: %v, want %v", l.counts.poison, want)
	}
	want = map[string]uint64{PoisonUndecodable: 2, PoisonUnknownLoop: 1}
	if fmt.Sprint(fold.skipped) != fmt.Sprint(want) {
		t.Errorf("poison of no loop: %v, want %v", fold.skipped, want)
	}
	if l.counts.endings[Rewarded] != 2 {
		t.Errorf("%d events ended with a reward, want 2", l.counts.endings[Rewarded])
	}
}

// Where nothing could be served there is nothing to learn from; the other slots of the event are learned from as ever.
func TestEmptySlotsAreNotLearnedFrom(t *testing.T) {
	empty := func(slots ...int) func(*decision.Record) {
		return func(r *decision.Record) {
			for _, i := range slots {
				r.Choices[i].Ranking = nil
				r.Choices[i].Excluded = []decision.Exclusion{{Action: 0, Reason: "killed"}}
			}
			r.Fallback = decision.FallbackNoAction
		}
	}
	log := newMemoryLog(
		changeTo(second, shop()),
		decided(second, "shop", "nothing", empty(0), "a"),
		decided(second, "shop", "half", empty(1), "a", "b"),
		decided(second, "shop", "whole", nil, "a", "b"),
	)
	for _, event := range []string{"nothing", "half", "whole"} {
		must(log.Append(context.Background(), rewarded(second, "shop", event, "r", 1), decision.Process))
	}
	must(log.Append(context.Background(), at(200*second, "shop", &logv1.Cut{Number: 1}), decision.Process))
	l := foldOf(t, nil, log).loops["shop"]
	if got := l.counts.endings[EndedNotLearned]; got != 1 {
		t.Errorf("%d events were not learned from, want the one in which nothing was served", got)
	}
	p, err := l.estimator.Predictor()
	if err != nil || p.Events() != 3 {
		t.Errorf("%v slots were learned from, %v; want 3", p.Events(), err)
	}
}

// At the last moment of its window an event is open, takes rewards and counts; one moment later it is closed.
func TestExactEndOfTheWindow(t *testing.T) {
	l := newLoopFold(must(compileFile("shop", shop().bytes())))
	l.apply(1, decided(10*second, "shop", "e", nil, "a"))
	l.apply(2, at(110*second-1, "shop", &logv1.Cut{Number: 1}))
	if l.counted != 0 || len(l.open) != 1 {
		t.Fatalf("a moment before the end %d events count, %d are open", l.counted, len(l.open))
	}
	l.apply(3, at(110*second, "shop", &logv1.Cut{Number: 2}))
	if l.counted != 1 || len(l.open) != 1 {
		t.Fatalf("at the end %d events count, %d are open", l.counted, len(l.open))
	}
	l.apply(4, rewarded(110*second, "shop", "e", "in", 1))
	l.apply(5, rewarded(110*second+1, "shop", "e", "late", 1))
	if len(l.open) != 0 || l.counts.rewards[Joined] != 1 || l.counts.rewards[Late] != 1 {
		t.Errorf("a moment after the end %d are open, rewards %v", len(l.open), l.counts.rewards)
	}
}

// A clock that goes back does not close what is open, and lengthens windows at most.
func TestClockGoesBack(t *testing.T) {
	l := newLoopFold(must(compileFile("shop", shop().bytes())))
	l.apply(1, decided(10_000*second, "shop", "before", nil, "a"))
	for i := range 50 {
		id, now := fmt.Sprint("e", i), 9400*second+int64(i)*second
		l.apply(2, decided(now, "shop", id, nil, "a"))
		l.apply(3, rewarded(now+90*second, "shop", id, "r", 1))
	}
	if l.counts.rewards[Joined] != 50 {
		t.Errorf("%d of 50 rewards were joined", l.counts.rewards[Joined])
	}
	if time.Duration(l.now) != 10_000*time.Second {
		t.Errorf("the loop's time went to %v", time.Duration(l.now))
	}
}
