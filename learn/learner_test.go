package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openLog opens a real event log in dir.
func openLog(t testing.TB, dir string) *eventlog.Events {
	t.Helper()
	l, _, err := eventlog.Open(filepath.Join(dir, "log"), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return must(eventlog.NewEvents(t.Context(), l))
}

func startLearner(t testing.TB, log EventLog, o Options) *Learner {
	t.Helper()
	l, err := Start(t.Context(), log, compileFile, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func put(t testing.TB, l *Learner, f file) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := l.PutLoop(ctx, must(compileFile(f.Name, f.bytes()))); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// decider ranks over real snapshots and a real log.
func decider(l *Learner, log *eventlog.Events) *decision.Decider {
	return &decision.Decider{
		Snapshots: l, Features: noFeatures{}, Recorder: log, Now: time.Now,
		NewID:         func(now time.Time) string { return fmt.Sprintf("e%d", now.UnixNano()) },
		FeatureBudget: time.Second,
	}
}

type noFeatures struct{}

func (noFeatures) Fetch(_ context.Context, _ string, names []string) ([]features.Raw, error) {
	return make([]features.Raw, len(names)), nil
}

func appendReward(t testing.TB, log *eventlog.Events, loop, eventID string, value float64) {
	t.Helper()
	must(log.Append(t.Context(), rewarded(time.Now().UnixNano(), loop, eventID, "r", value), decision.Process))
}

// play ranks n events in a hurry and rewards those that served a.
func play(t testing.TB, l *Learner, log *eventlog.Events, loop string, from, n int) {
	t.Helper()
	d := decider(l, log)
	for i := from; i < from+n; i++ {
		r, err := d.Rank(t.Context(), &decision.Request{
			Loop: loop, EventID: fmt.Sprint("e", i),
			Context: features.Set{{Name: "hour", Value: features.NumberValue(float64(i % 24))}, {Name: "late", Value: features.NumberValue(float64(i % 2))}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Actions[r.Choices[0].Served()].ID == "a" {
			appendReward(t, log, loop, r.EventID, 1)
		}
	}
}

// A loop that is put is served, learns from rewards, and its log replays without a difference.
func TestLearnsServesAndReplays(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 20 * time.Millisecond})
	if _, ok := l.Current("shop"); ok || len(l.Loops()) != 0 {
		t.Fatal("there is a loop already")
	}
	put(t, l, shop())
	s, ok := l.Current("shop")
	if !ok || s.Number == 0 || !strings.HasPrefix(s.ID, fmt.Sprint(s.Number, "-")) || s.Model.Events() != 0 {
		t.Fatalf("snapshot %+v, %v", s, ok)
	}
	for i := range 4 {
		play(t, l, log, "shop", 100*i, 100)
		time.Sleep(30 * time.Millisecond)
	}
	eventually(t, "400 events are in the model", func() bool {
		s, _ := l.Current("shop")
		return s.Model.Events() == 400
	})
	eventually(t, "the status says so", func() bool {
		st, _ := l.Status("shop")
		return st.Decisions == 400 && st.Snapshot.Events == 400 && st.Rewards["joined"] > 0 && st.OpenEvents == 400 && st.LagRecords == 0
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Different != 0 || report.Decisions != 400 || report.Models < 4 || report.Events["shop"] != 400 {
		t.Fatalf("%+v", report)
	}
}

// What is tampered with is found by replay, with its position and event.
func TestReplayFindsDifferences(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 20 * time.Millisecond})
	put(t, l, shop())
	play(t, l, log, "shop", 0, 20)
	eventually(t, "the model has learned", func() bool { s, _ := l.Current("shop"); return s.Model.Events() == 20 })
	l.Close()
	changes := map[string]func(*logv1.Record) bool{
		"probability": func(r *logv1.Record) bool {
			d := r.GetDecision()
			if d == nil {
				return false
			}
			p := d.Slots[0].Probability
			p[0], p[1] = p[0]+1e-12, p[1]-1e-12
			return true
		},
		"draw": func(r *logv1.Record) bool {
			if r.GetDecision() != nil {
				r.GetDecision().Slots[0].Draw /= 2
			}
			return r.GetDecision() != nil
		},
		"snapshot": func(r *logv1.Record) bool {
			if r.GetDecision() != nil {
				r.GetDecision().SnapshotId = "77-abc"
			}
			return r.GetDecision() != nil
		},
		"hash": func(r *logv1.Record) bool {
			if r.GetPublish() != nil {
				r.GetPublish().ModelSha256[3] ^= 1
			}
			return r.GetPublish() != nil
		},
	}
	for what, change := range changes {
		other := newMemoryLog()
		changed := eventlog.Position(0)
		c := NewSource(log.Log()).Tail(1)
		for {
			_, b, err := c.TryNext()
			if err != nil {
				break
			}
			r := must(eventlog.Unmarshal(slices.Clone(b)))
			hit := changed == 0 && change(r)
			pos := must(other.Append(t.Context(), r, decision.Process))
			if hit {
				changed = pos
			}
		}
		c.Close()
		report, err := Replay(t.Context(), other, compileFile, ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Different != 1 || report.Differences[0].Position != changed || !strings.Contains(report.Differences[0].What, what) {
			t.Errorf("%s: %+v, want one difference at %d", what, report.Differences, changed)
		}
	}
}

// Killed at any point, with or without a checkpoint, the next start has the state of a full fold, to the bit, and
// numbers go on.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	rng := rand.New(rand.NewPCG(1, 2))
	last := uint64(0)
	for round := range 8 {
		o := Options{Dir: filepath.Join(dir, "learner"), PublishEvery: 5 * time.Millisecond, CheckpointEvery: 10 * time.Millisecond}
		l := startLearner(t, NewEventLog(log), o)
		if round == 0 {
			put(t, l, shop())
		}
		s, ok := l.Current("shop")
		if !ok || s.Number <= last {
			t.Fatalf("round %d: snapshot %v after %d", round, s, last)
		}
		play(t, l, log, "shop", round*100, 20+rng.IntN(60))
		s, _ = l.Current("shop")
		last = s.Number
		l.stop() // As if killed: without the last checkpoint, below.
		<-l.done
		found := must(checkpoints(o.Dir))
		if len(found) == 0 || len(found) > checkpointsKept {
			t.Fatalf("%d checkpoints", len(found))
		}
		if rng.IntN(2) == 0 {
			if err := os.Remove(filepath.Join(o.Dir, checkpointName(found[len(found)-1]))); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := restoredState(t, log, o.Dir), restoredState(t, log, ""); !bytes.Equal(got, want) {
			t.Fatalf("round %d: the state from the checkpoint is not that of the whole log", round)
		}
	}
}

// restoredState returns the state after a start from dir, folded to the end of the log.
func restoredState(t *testing.T, events *eventlog.Events, dir string) []byte {
	t.Helper()
	log := NewEventLog(events)
	logger := newRecorder()
	f, err := restore(dir, log, compileFile, readHistory(t.Context(), log), logger.Logger)
	if err != nil {
		t.Fatal(err)
	}
	c := log.Tail(f.next)
	defer c.Close()
	for {
		pos, b, err := c.TryNext()
		if err != nil {
			return stateOf(t, f)
		}
		if _, err := f.apply(pos, b); err != nil {
			t.Fatal(err)
		}
	}
}

// A damaged checkpoint, one of another version, one that is ahead of the log and one of another log are refused, with a
// word in the log, and the one before or the whole log gives the same state.
func TestRefusedCheckpoints(t *testing.T) {
	dir := t.TempDir()
	ckpt := filepath.Join(dir, "learner")
	log := openLog(t, dir)
	l := startLearner(t, NewEventLog(log), Options{Dir: ckpt, PublishEvery: 5 * time.Millisecond})
	put(t, l, shop())
	play(t, l, log, "shop", 0, 50)
	l.Close()
	want := restoredState(t, log, "")
	found := must(checkpoints(ckpt))
	path := filepath.Join(ckpt, checkpointName(found[len(found)-1]))
	good := must(os.ReadFile(path))
	refused := func(what string, b []byte, path string) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		rec := newRecorder()
		f, err := restore(ckpt, NewEventLog(log), compileFile, readHistory(t.Context(), NewEventLog(log)), rec.Logger)
		if err != nil || !strings.Contains(rec.String(), "refused") {
			t.Fatalf("%s: not refused (%v): %s", what, err, rec)
		}
		if f.next == found[len(found)-1] && path == filepath.Join(ckpt, checkpointName(f.next)) {
			t.Fatalf("%s: read all the same", what)
		}
		if !bytes.Equal(restoredState(t, log, ckpt), want) {
			t.Fatalf("%s: another state", what)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		b := slices.Clone(good)
		if rng.IntN(3) == 0 {
			b = b[:rng.IntN(len(b))]
		} else {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		refused("damage", b, path)
	}
	newer := slices.Clone(good)
	newer[len(checkpointMagic)+3]++
	refused("version", newer, path)
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	// A state of a longer log: its file goes away, so that it does not come back when the log has grown.
	ahead := newFold(compileFile, nil)
	if err := ahead.readState(good[headerBytes:]); err != nil {
		t.Fatal(err)
	}
	ahead.next += 1_000_000
	b := must(ahead.appendState(make([]byte, headerBytes)))
	sealCheckpoint(b)
	longer := filepath.Join(ckpt, checkpointName(ahead.next))
	refused("ahead", b, longer)
	if _, err := os.Stat(longer); !errors.Is(err, os.ErrNotExist) {
		t.Error("the checkpoint that is ahead of the log is still there")
	}
}

// Whatever bytes a checkpoint's state has: an error or a state, never a panic.
func TestStateOfAnyBytes(t *testing.T) {
	log := newMemoryLog(changeTo(second, shop()))
	for i := range 30 {
		must(log.Append(t.Context(), decided(second, "shop", fmt.Sprint(i), nil, "a", "b"), decision.Process))
		must(log.Append(t.Context(), rewarded(second, "shop", fmt.Sprint(i/2+10), "r", 1), decision.Process))
	}
	good := stateOf(t, foldOf(t, nil, log))
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		b := slices.Clone(good)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		if rng.IntN(4) == 0 {
			b = b[:rng.IntN(len(b))]
		}
		_ = newFold(compileFile, nil).readState(b)
	}
}
