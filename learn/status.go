package learn

import (
	"fmt"
	"maps"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// SnapshotInfo says what a published snapshot is.
type SnapshotInfo struct {
	ID          string
	Number      uint64
	Published   time.Time
	LogPosition eventlog.Position // of its cut: the model is the fold of everything before
	ModelSHA256 string            // in hexadecimal
	LoopSHA256  string            // in hexadecimal
	Events      uint64            // that the model has learned from
}

// Status is the state of one loop. Counts are since the log began, or since where it begins now.
type Status struct {
	Loop        string
	Snapshot    SnapshotInfo
	Decisions   uint64
	Activations uint64
	Rewards     map[string]uint64 // in the log, by Outcome
	Events      map[string]uint64 // that have ended, by Ending
	Fallbacks   map[string]uint64 // decisions that were not the policy's own choice, by reason
	Excluded    map[string]uint64 // actions that could not be chosen, by reason
	Warned      map[string]uint64 // actions that were served although a guardrail warns of them, by reason
	Defaulted   map[string]uint64 // user features for which the default stood in, by name
	Poison      map[string]uint64 // records of the loop that could not be folded, by reason
	OpenEvents  uint64            // whose window is open
	Held        uint64            // rewards and activations whose event is not known yet
	Capped      uint64            // final rewards that count as less than they were, being far beyond all before
	Patience    time.Duration     // age at which an event without a reward begins to count
	LagRecords  uint64            // not folded yet
	LagSeconds  float64           // age of the oldest of them, at most
	LastError   string            // why the newest model was not published; "" when it was
	Refused     uint64            // models that were not published since the process started
}

// Status returns the state of a loop in force. Counts lag by some milliseconds.
func (l *Learner) Status(loop string) (Status, bool) {
	s := l.find(loop)
	if s == nil {
		return Status{}, false
	}
	st := *s.status.Load()
	if end, next := uint64(l.log.End()), l.applied.Load(); end > next {
		st.LagRecords = end - next
		// What is not folded came after the tail was last at the end.
		st.LagSeconds = max(0, time.Since(timeOf(l.atEnd.Load())).Seconds())
	}
	return st, true
}

// refresh makes the statuses that are stale, unless they were made less than every ago.
func (t *tail) refresh(every time.Duration) {
	now := time.Now()
	if now.Sub(t.refreshed) < every {
		return
	}
	for _, p := range t.loops {
		if p.stale {
			t.refreshed = now
			p.stale = false
			p.status.Store(t.status(p))
		}
	}
}

// status copies the state of the loop's fold.
func (t *tail) status(p *publisher) *Status {
	l := p.fold
	return &Status{
		Loop: p.name, Snapshot: p.info, Decisions: l.counts.decisions, Activations: l.counts.activations,
		Rewards: named[Outcome](l.counts.rewards[:]), Events: named[Ending](l.counts.endings[:]),
		Fallbacks: maps.Clone(l.counts.fallbacks), Excluded: maps.Clone(l.counts.excluded), Warned: maps.Clone(l.counts.warned),
		Defaulted: maps.Clone(l.counts.defaulted), Poison: maps.Clone(l.counts.poison),
		OpenEvents: uint64(len(l.open)), Held: uint64(l.waiting.size), Capped: l.capped(),
		Patience: time.Duration(l.delays.patience(l.window())), LastError: p.failure, Refused: p.refused,
	}
}

// named gives counts their names; those that are zero are there too, so that a reader sees what there is to count.
func named[K interface {
	~uint8
	fmt.Stringer
}](counts []uint64) map[string]uint64 {
	m := make(map[string]uint64, len(counts))
	for i, n := range counts {
		m[K(i).String()] = n
	}
	return m
}
