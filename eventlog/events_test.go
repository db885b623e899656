package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func mustEvents(t testing.TB, dir string, o Options) *Events {
	t.Helper()
	l, _ := mustOpen(t, dir, o)
	e, err := NewEvents(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func reward(loop, event string, value float64) *logv1.Record {
	return &logv1.Record{TimeUnixNanos: 5, Body: &logv1.Record_Reward{Reward: &logv1.Reward{Loop: loop, EventId: event, Value: value}}}
}

func activation(loop, event string) *logv1.Record {
	return &logv1.Record{TimeUnixNanos: 6, Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: loop, EventId: event}}}
}

// sameHistory compares what History gives with what was appended.
func sameHistory(t testing.TB, e *Events, loop, event string, want []Entry) {
	t.Helper()
	got, err := e.History(context.Background(), loop, event)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Fatalf("history of %s/%s: %s", loop, event, diff)
	}
}

func TestEventsAreFoundAtOnceAndAfterARestart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	e := mustEvents(t, dir, Options{SegmentBytes: 4000})
	rng := rand.New(rand.NewPCG(1, 1))
	decisions := make(map[string]*decision.Record)
	histories := make(map[string][]Entry)
	note := func(r *logv1.Record, d decision.Durability) {
		pos, err := e.Append(ctx, r, d)
		if err != nil {
			t.Fatal(err)
		}
		_, id, _ := eventOf(r)
		histories[id] = append(histories[id], Entry{pos, r})
		sameHistory(t, e, "home-offers", id, histories[id])
	}
	for i := range 50 {
		r := sampleDecision(rng, i)
		for k := range r.Actions {
			r.Actions[k].Features = nil
		}
		if got, err := e.Find(ctx, r.Loop, r.EventID, decision.Process); got != nil || err != nil {
			t.Fatalf("Find before = %v, %v", got, err)
		}
		note(reward(r.Loop, r.EventID, 0.5), decision.Fsync) // Before its decision.
		if got, err := e.Find(ctx, r.Loop, r.EventID, decision.Process); got != nil || err != nil {
			t.Fatalf("Find with a reward alone = %v, %v", got, err)
		}
		end := e.End()
		if err := e.Record(ctx, r, decision.Durability(i%2)); err != nil {
			t.Fatal(err)
		}
		histories[r.EventID] = append(histories[r.EventID], Entry{end, FromDecision(r)})
		decisions[r.EventID] = r
		note(activation(r.Loop, r.EventID), decision.Process)
		note(reward(r.Loop, r.EventID, math.Copysign(0, -1)), decision.Process)
	}
	check := func() {
		for id, want := range decisions {
			got, err := e.Find(ctx, want.Loop, id, decision.Process)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(features.Value.Equal)); diff != "" {
				t.Fatal(diff)
			}
			sameHistory(t, e, want.Loop, id, histories[id])
			if other, err := e.Find(ctx, "another-loop", id, decision.Process); other != nil || err != nil {
				t.Fatalf("Find in another loop = %v, %v", other, err)
			}
		}
	}
	check()
	mustClose(t, e.Log())
	e = mustEvents(t, dir, Options{})
	check()
	ro, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if e, err = NewEvents(ctx, ro); err != nil {
		t.Fatal(err)
	}
	check()
}

// Hash collisions are harmless: with one key for all events, each still has its own records.
func TestEventsWithOneKeyAreToldApart(t *testing.T) {
	ctx := context.Background()
	e := mustEvents(t, t.TempDir(), Options{})
	e.key = func(string, string) uint64 { return 7 }
	want := make(map[string][]Entry)
	for i := range 60 {
		id := fmt.Sprint(i % 20)
		r := reward("loop", id, float64(i))
		pos, err := e.Append(ctx, r, decision.Process)
		if err != nil {
			t.Fatal(err)
		}
		want[id] = append(want[id], Entry{pos, r})
	}
	for id := range want {
		sameHistory(t, e, "loop", id, want[id])
	}
	sameHistory(t, e, "loop", "unknown", nil)
	sameHistory(t, e, "loop1", "", nil)
}

func TestTheKeyKeepsLoopAndEventApart(t *testing.T) {
	e := mustEvents(t, t.TempDir(), Options{})
	if e.key("ab", "c") == e.key("a", "bc") {
		t.Fatal("two events have one key")
	}
}

func TestImpossibleRecordsAreNotAppended(t *testing.T) {
	ctx := context.Background()
	e := mustEvents(t, t.TempDir(), Options{})
	bad := sampleDecision(rand.New(rand.NewPCG(1, 1)), 0)
	bad.Choices[0].Ranking[0].Probability = math.NaN()
	if err := e.Record(ctx, bad, decision.Process); !errors.Is(err, ErrInvalidRecord) {
		t.Fatalf("Record = %v", err)
	}
	for _, r := range []*logv1.Record{
		nil, {}, FromDecision(bad), reward("l", "e", math.NaN()), reward("l", "e", math.Inf(1)),
		reward("l", "not \xff utf-8", 1),
	} {
		if _, err := e.Append(ctx, r, decision.Process); !errors.Is(err, ErrInvalidRecord) {
			t.Fatalf("Append(%v) = %v, want ErrInvalidRecord", r, err)
		}
	}
	if e.End() != 1 {
		t.Fatalf("End = %d, want 1: nothing was appended", e.End())
	}
}

// A record whose caller gave up is indexed when it is written all the same, so that its event is not decided twice.
func TestARecordGivenUpOnIsFoundOnceItIsWritten(t *testing.T) {
	files := newFaultFiles()
	e := mustEvents(t, t.TempDir(), Options{Files: files})
	gate, writing := make(chan struct{}), make(chan struct{}, 10)
	files.set(func() {
		files.write = func(_ string, b []byte) (int, error) {
			writing <- struct{}{}
			<-gate
			return len(b), nil
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := e.Append(ctx, reward("l", "e", 1), decision.Process)
		done <- err
	}()
	<-writing
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(gate)
	if _, err := e.Append(context.Background(), reward("l", "other", 1), decision.Process); err != nil {
		t.Fatal(err)
	}
	if got, err := e.History(context.Background(), "l", "e"); err != nil || len(got) != 1 {
		t.Fatalf("History = %v, %v, want the record", got, err)
	}
}

func TestRetentionForgetsEvents(t *testing.T) {
	ctx := context.Background()
	e := mustEvents(t, t.TempDir(), Options{SegmentBytes: 2000})
	var positions []Position
	for i := range 200 {
		pos, err := e.Append(ctx, reward("l", fmt.Sprint(i%100), float64(i)), decision.Process)
		if err != nil {
			t.Fatal(err)
		}
		positions = append(positions, pos)
	}
	if err := e.DropBefore(positions[150]); err != nil {
		t.Fatal(err)
	}
	first := e.Log().Stats().First
	if first <= 100 || first > 151 || e.index.len() != int(201-first) {
		t.Fatalf("the log starts at %d, the index holds %d records", first, e.index.len())
	}
	for i := range 100 {
		want := 0
		for _, k := range []int{i, i + 100} {
			if positions[k] >= first {
				want++
			}
		}
		if got, err := e.History(ctx, "l", fmt.Sprint(i)); err != nil || len(got) != want {
			t.Fatalf("event %d: %d records, %v, want %d", i, len(got), err, want)
		}
	}
}

func TestEventsFromManyGoroutines(t *testing.T) {
	ctx := context.Background()
	e := mustEvents(t, t.TempDir(), Options{SegmentBytes: 20_000})
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			for i := range 100 {
				id := fmt.Sprintf("%d-%d", w, i)
				for k := range 2 {
					if _, err := e.Append(ctx, reward("l", id, float64(k)), decision.Process); err != nil {
						t.Error(err)
					}
					if got, err := e.History(ctx, "l", id); err != nil || len(got) != k+1 {
						t.Errorf("%s: %d records right after number %d: %v", id, len(got), k+1, err)
					}
				}
			}
		})
	}
	wait.Wait()
}

// The index agrees with a map of slices under any mix of additions and retention.
func TestTheEventIndexAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x eventIndex
		model := make(map[uint64][]Position)
		next := Position(rapid.Uint64Range(1, 1<<40).Draw(t, "first"))
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				key := rapid.Uint64Range(1, 200).Draw(t, "key")
				x.add(key, next)
				model[key] = append(model[key], next)
				next += Position(rapid.IntRange(1, 5).Draw(t, "step"))
			},
			"drop": func(t *rapid.T) {
				before := next - Position(rapid.IntRange(0, 50).Draw(t, "back"))
				x.dropBefore(before)
				for key, ps := range model {
					model[key] = slices.DeleteFunc(ps, func(p Position) bool { return p < before })
				}
			},
			"": func(t *rapid.T) {
				n := 0
				for key, want := range model {
					n += len(want)
					if got := x.positions(key); !slices.Equal(got, want) {
						t.Fatalf("key %d: %v, want %v", key, got, want)
					}
				}
				if x.len() != n {
					t.Fatalf("len = %d, want %d", x.len(), n)
				}
			},
		})
	})
}
