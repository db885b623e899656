package evaluate

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
)

// A decision that was under way while newer models were cut is judged by the model that it was made with, up to a bound.
func TestDecisionsUnderWay(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(41)
	w.play(s, "shop", 100)
	l := s.loops["shop"]
	for _, cuts := range []int{3, snapshotsKept - 1, snapshotsKept} {
		then := l.snapshot
		r := &decision.Record{Input: decision.Input{Time: s.now}, Loop: "shop", SnapshotID: then.ID}
		r.Input = decision.Input{EventID: then.ID, Actions: l.definition.Loop.Actions, FromCatalogue: true, Slots: []decision.SlotSpec{{}}}
		r.Outcome = must(decision.Decide(then, &r.Input))
		for range cuts {
			w.play(s, "shop", 1)
			s.cut("shop")
		}
		s.log(r)
	}
	w.end(s, "shop")
	s.wait(2 * time.Hour)
	s.cut("shop")
	log, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{LoopFile("same", compiled(shopFile))}})
	for _, r := range rows {
		if r.Samples[0].Target != r.Samples[0].Propensity {
			t.Fatalf("decision %d: %+v", r.Decision, r.Samples[0])
		}
	}
	if c := log.Counts(); c.NoSnapshot != 1 || c.Evaluated != c.Decisions-1 {
		t.Errorf("%+v", c)
	}
	found := must(surveyOf(t.Context(), log.log, "shop"))
	if found.lag != snapshotsKept {
		t.Errorf("lag %d, want %d", found.lag, snapshotsKept)
	}
}

// What the first pass picks out of bytes is what decoding them finds, and nothing makes it panic.
func FuzzSurvey(f *testing.F) {
	s := newScribe(f)
	s.put("shop", shopFile)
	newWorld(42).play(s, "shop", 3)
	for _, e := range entries(f, s.data) {
		f.Add(must(eventlog.Marshal(e.Record)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := survey{loop: "shop", others: map[string]struct{}{}}
		v.see(b)
		kind, body := bodyOf(b)
		r, err := eventlog.Unmarshal(b)
		if err != nil || r.GetDecision() == nil || kind != bodyDecision {
			return
		}
		again, err := eventlog.Marshal(r)
		if err != nil || string(again) != string(b) {
			return // Fields that come twice, or in another order than they are written.
		}
		if string(textIn(body, fieldLoop)) != r.GetDecision().GetLoop() || string(textIn(body, fieldSnapshot)) != r.GetDecision().GetSnapshotId() {
			t.Errorf("%q and %q of %v", textIn(body, fieldLoop), textIn(body, fieldSnapshot), r)
		}
	})
}

// Damage in the log's middle costs what it hits: it is counted, and the rest is evaluated.
func TestDamagedLog(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(43)
	w.play(s, "shop", 200)
	w.end(s, "shop")
	s.events.Log().Close()
	path := must(filepath.Glob(filepath.Join(s.data, logFolder, "*.log")))[0]
	b := must(os.ReadFile(path))
	for i := range 40 {
		b[len(b)/2+i] ^= 0x55
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online(), LoopFile("same", compiled(shopFile))}})
	if c := l.Counts(); c.Damaged == 0 || c.Decisions >= 200 || c.Decisions < 190 || len(rows) < 180 {
		t.Errorf("%d rows, %+v", len(rows), c)
	}
}
