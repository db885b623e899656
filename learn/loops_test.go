package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
)

// A change that learns nothing else keeps the state; one that does folds the log again: nothing learned is lost, and
// what the old definition left out of the decisions is there.
func TestLoopChanges(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	l := startLearner(t, NewEventLog(log), Options{Dir: filepath.Join(dir, "learner"), PublishEvery: 10 * time.Millisecond})
	put(t, l, shop())
	play(t, l, log, "shop", 0, 100)
	eventually(t, "100 events are in the model", func() bool { s, _ := l.Current("shop"); return s.Model.Events() == 100 })
	before, _ := l.Current("shop")

	noted := shop()
	noted.Note, noted.Mode = "another file, the same learning", decision.Apprentice
	put(t, l, noted)
	s, _ := l.Current("shop")
	if s.Number <= before.Number || s.Loop.Mode != decision.Apprentice || s.Model.Events() != 100 {
		t.Fatalf("snapshot %s of %d events in mode %v", s.ID, s.Model.Events(), s.Loop.Mode)
	}
	same := must(s.Model.AppendBinary(nil))
	if !bytes.Equal(same, must(before.Model.AppendBinary(nil))) {
		t.Fatal("the model changed with a note")
	}
	end := log.End()
	put(t, l, noted)
	if log.End() != end {
		t.Error("the same file was appended again")
	}

	wider := shop()
	wider.Numbers = []string{"hour", "late"}
	put(t, l, wider)
	s, _ = l.Current("shop")
	if s.Model.Events() != 100 || bytes.Equal(same, must(s.Model.AppendBinary(nil))) {
		t.Fatalf("after the new feature the model is of %d events, or the same", s.Model.Events())
	}
	st, _ := l.Status("shop")
	if st.Decisions != 100 || st.Rewards["joined"] == 0 || st.Snapshot.LoopSHA256 != must(compileFile("", wider.bytes())).SHA256 {
		t.Errorf("%+v", st)
	}
	// The same as if the wider definition had been in force from the start.
	fresh := newFold(compileFile, readHistory(t.Context(), NewEventLog(log)))
	fresh.skipped[PoisonUnknownLoop] = 1 // There are records of the loop before its definition.
	wide, err := fresh.refold(st.Snapshot.LogPosition+1, must(compileFile("shop", wider.bytes())))
	if err != nil {
		t.Fatal(err)
	}
	if p := must(wide.estimator.Predictor()); !bytes.Equal(must(p.AppendBinary(nil)), must(s.Model.AppendBinary(nil))) {
		t.Error("the model is not that of the whole log under the new definition")
	}
	play(t, l, log, "shop", 100, 50)
	l.Close()
	if got, want := restoredState(t, log, filepath.Join(dir, "learner")), restoredState(t, log, ""); !bytes.Equal(got, want) {
		t.Error("the state from the checkpoint is not that of the whole log")
	}
	report, err := Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{})
	if err != nil || report.Different != 0 {
		t.Errorf("replay: %v, %+v", err, report)
	}
}

// A removed loop is not served and keeps what it learned, rewards for open events too.
func TestRemovedLoopComesBack(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 10 * time.Millisecond})
	put(t, l, shop())
	other := shop()
	other.Name = "other"
	put(t, l, other)
	play(t, l, log, "shop", 0, 50)
	if err := l.RemoveLoop(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Current("shop"); ok || !slices.Equal(l.Loops(), []string{"other"}) {
		t.Fatalf("after the removal: loops %v", l.Loops())
	}
	if err := l.RemoveLoop(t.Context(), "shop"); !errors.Is(err, decision.ErrUnknownLoop) {
		t.Errorf("removed twice: %v", err)
	}
	appendReward(t, log, "shop", "e0", 1)
	put(t, l, shop())
	s, ok := l.Current("shop")
	if !ok || s.Model.Events() != 50 {
		t.Fatalf("after it came back: %+v", s)
	}
}

// A model that must not be served is not, the last good one goes on, and the status says why.
func TestRefusedModel(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 10 * time.Millisecond})
	f := shop()
	f.Estimator = "infinite"
	put(t, l, f)
	good, _ := l.Current("shop")
	play(t, l, log, "shop", 0, 20)
	eventually(t, "a model is refused", func() bool {
		st, _ := l.Status("shop")
		return st.Refused > 0 && st.LastError != ""
	})
	if s, _ := l.Current("shop"); s.ID != good.ID {
		t.Errorf("snapshot %s is served, want %s", s.ID, good.ID)
	}
	put(t, l, shop()) // Another key: folded again, with an estimator that works.
	if s, _ := l.Current("shop"); s.Model.Events() != 20 {
		t.Errorf("a model of %d events is served, want 20", s.Model.Events())
	}
	if st, _ := l.Status("shop"); st.LastError != "" {
		t.Errorf("the status still says %q", st.LastError)
	}
}

// While the log takes nothing, nothing is published; afterwards it is.
func TestLogFailure(t *testing.T) {
	log := newMemoryLog()
	l := startLearner(t, log, Options{PublishEvery: 5 * time.Millisecond})
	put(t, l, shop())
	must(log.Append(t.Context(), decided(time.Now().UnixNano(), "shop", "e", nil, "a"), decision.Process))
	must(log.Append(t.Context(), rewarded(time.Now().UnixNano(), "shop", "e", "r", 1), decision.Process))
	log.setFail(errors.New("disk full"))
	eventually(t, "the status says why, or the model came first", func() bool {
		st, _ := l.Status("shop")
		return st.LastError != "" || st.Snapshot.Events == 1
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	noted := shop()
	noted.Note = "x"
	if err := l.PutLoop(ctx, must(compileFile("shop", noted.bytes()))); err == nil {
		t.Error("a loop was put without a log")
	}
	log.setFail(nil)
	eventually(t, "the event is in the model", func() bool { s, _ := l.Current("shop"); return s.Model.Events() == 1 })
}

// Windows end, and what is silent begins to count, without any record coming.
func TestQuietLoopGoesOn(t *testing.T) {
	log := openLog(t, t.TempDir())
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 5 * time.Millisecond})
	f := shop()
	f.Window = 150 * time.Millisecond
	put(t, l, f)
	d := decider(l, log)
	for i := range 10 {
		_, err := d.Rank(t.Context(), &decision.Request{Loop: "shop", EventID: fmt.Sprint(i), Deferred: i%2 == 0, Context: features.Set{}})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all windows are closed", func() bool {
		st, _ := l.Status("shop")
		return st.OpenEvents == 0 && st.Events["default"] == 5 && st.Events["not_activated"] == 5 && st.Snapshot.Events == 5
	})
	end := log.End()
	time.Sleep(100 * time.Millisecond)
	if log.End() != end {
		t.Errorf("%d records were appended with nothing to say", log.End()-end)
	}
}
