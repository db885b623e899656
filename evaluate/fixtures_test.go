package evaluate

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// scribe writes a real log with the real kernel and the real fold, but cuts when it is told to: the same calls give the
// same log, which the service with its clock does not.
type scribe struct {
	t         testing.TB
	data      string
	events    *eventlog.Events
	decider   *decision.Decider
	now       time.Time
	loops     map[string]*scribedLoop
	decisions int
}

type scribedLoop struct {
	definition *learn.Definition
	records    []eventlog.Entry // of all loops: what a change of the file folds again
	follower   *learn.Follower
	snapshot   *decision.Snapshot
	cuts       uint64
}

func newScribe(t testing.TB) *scribe {
	t.Helper()
	s := &scribe{t: t, data: t.TempDir(), now: time.Unix(1_800_000_000, 0), loops: map[string]*scribedLoop{}}
	log, _, err := eventlog.Open(filepath.Join(s.data, logFolder), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	s.events = must(eventlog.NewEvents(t.Context(), log))
	s.decider = &decision.Decider{
		Snapshots: s, Features: visits{}, Recorder: s.events, Now: func() time.Time { return s.now },
		NewID:         func(time.Time) string { s.decisions++; return fmt.Sprintf("e%d", s.decisions) },
		FeatureBudget: time.Second,
	}
	return s
}

// visits is a feature store that knows of every user how many digits the id has, and of every tenth nothing.
type visits struct{}

func (visits) Fetch(_ context.Context, user string, names []string) ([]features.Raw, error) {
	raw := make([]features.Raw, len(names))
	for i := range raw {
		if !strings.HasSuffix(user, "0") {
			raw[i] = features.Raw{Text: fmt.Sprint(len(user)), Present: true}
		}
	}
	return raw, nil
}

// Current implements decision.Snapshots.
func (s *scribe) Current(name string) (*decision.Snapshot, bool) {
	l := s.loops[name]
	if l == nil || l.snapshot == nil {
		return nil, false
	}
	return l.snapshot, true
}

// append puts a record into the log and into the folds.
func (s *scribe) append(r *logv1.Record) {
	s.t.Helper()
	r.TimeUnixNanos = s.now.UnixNano()
	s.fold(must(s.events.Append(s.t.Context(), r, decision.Process)), r)
}

func (s *scribe) fold(pos eventlog.Position, r *logv1.Record) {
	for _, l := range s.loops {
		l.records = append(l.records, eventlog.Entry{Position: pos, Record: r})
		if l.follower != nil {
			l.follower.Apply(pos, r)
		}
	}
}

// put puts a loop file in force and publishes it.
func (s *scribe) put(name, file string) {
	s.t.Helper()
	d := must(loop.Compile(name+".yaml", []byte(file)))
	l := s.loops[name]
	if l == nil {
		l = &scribedLoop{}
		s.loops[name] = l
	}
	s.append(&logv1.Record{Body: &logv1.Record_LoopChange{LoopChange: &logv1.LoopChange{Loop: name, File: []byte(file), Path: name + ".yaml"}}})
	l.definition = d
	l.follower = learn.NewFollower(learn.Following{Loop: name, Definition: d, Catalogue: d, Compile: loop.Compile})
	for _, e := range l.records {
		l.follower.Apply(e.Position, e.Record)
	}
	s.cut(name)
}

// cut publishes what the loop has learned so far.
func (s *scribe) cut(name string) {
	s.t.Helper()
	l := s.loops[name]
	l.cuts++
	s.append(&logv1.Record{Body: &logv1.Record_Cut{Cut: &logv1.Cut{Loop: name, Number: l.cuts}}})
	at := uint64(s.events.End() - 1)
	l.snapshot = must(l.follower.Snapshot())
	l.snapshot.ID = fmt.Sprintf("%d-test", l.cuts)
	s.append(&logv1.Record{Body: &logv1.Record_Publish{Publish: &logv1.Publish{
		Loop: name, Number: l.cuts, SnapshotId: l.snapshot.ID, CutPosition: at,
	}}})
}

// rank decides and logs.
func (s *scribe) rank(req decision.Request) *decision.Record {
	s.t.Helper()
	r := must(s.decider.Rank(s.t.Context(), &req))
	s.fold(s.events.End()-1, eventlog.FromDecision(r))
	return r
}

// log logs a decision as it is.
func (s *scribe) log(r *decision.Record) {
	s.t.Helper()
	if err := s.events.Record(s.t.Context(), r, decision.Process); err != nil {
		s.t.Fatal(err)
	}
	s.fold(s.events.End()-1, eventlog.FromDecision(r))
}

func (s *scribe) reward(r *decision.Record, slot string, value float64) {
	s.t.Helper()
	s.append(&logv1.Record{Body: &logv1.Record_Reward{Reward: &logv1.Reward{
		Loop: r.Loop, EventId: r.EventID, RewardId: "r" + slot, SlotId: slot, Value: value,
	}}})
}

// wait lets time pass. Windows end at the next record.
func (s *scribe) wait(d time.Duration) { s.now = s.now.Add(d) }

func served(r *decision.Record) string { return r.Actions[r.Choices[0].Served()].ID }

// read evaluates the whole log.
func read(t *testing.T, o Options) (*Log, []Row) {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var rows []Row
	for {
		row, err := l.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range row.Samples {
			if err := row.Samples[i].Check(l.Columns()); err != nil {
				t.Fatalf("row of %d, candidate %d: %v", row.Decision, i, err)
			}
		}
		rows = append(rows, row)
	}
	c := l.Counts()
	sum := c.Evaluated + c.Open + c.NotActivated + c.Outside + c.NoSnapshot
	for _, n := range c.Fallbacks {
		sum += n
	}
	for _, n := range c.Skipped {
		sum += n
	}
	if sum != c.Decisions {
		t.Fatalf("the parts are %d decisions: %+v", sum, c)
	}
	return l, rows
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// readOnly opens the log for reading. Close it.
func readOnly(t testing.TB, data string) *eventlog.Log {
	t.Helper()
	log, _, err := eventlog.OpenReadOnly(filepath.Join(data, logFolder))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// entries returns the log's records.
func entries(t testing.TB, data string) (out []eventlog.Entry) {
	t.Helper()
	log := readOnly(t, data)
	defer log.Close()
	r := log.NewReader(0)
	defer r.Close()
	for {
		pos, b, err := r.TryNext()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, eventlog.Entry{Position: pos, Record: must(eventlog.Unmarshal(b))})
	}
}

// decisions returns the log's decisions by position.
func decisions(t testing.TB, data string) map[eventlog.Position]*decision.Record {
	t.Helper()
	found := map[eventlog.Position]*decision.Record{}
	for _, e := range entries(t, data) {
		if e.Record.GetDecision() != nil {
			found[e.Position] = must(eventlog.ToDecision(e.Record))
		}
	}
	return found
}
