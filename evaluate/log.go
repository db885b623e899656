package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/ope"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// logFolder is the event log's folder in a data directory.
const logFolder = "log"

// Options say what to evaluate. Data, Loop and Candidates are needed.
type Options struct {
	Data string // the service's data directory
	// Live is the open log of a running service, to be followed, in the place of Data. It needs a Definition, and stays open.
	Live *eventlog.Log
	// Each is called with each record before it is applied, nil with one that cannot be decoded; an error ends the call of
	// Next or Wait and leaves the record out, so that the log is good for nothing more. nil calls nobody.
	Each       func(ctx context.Context, pos eventlog.Position, r *logv1.Record) error
	Loop       string // whose decisions
	Candidates []Candidate
	// Definition says what events are worth and learns q̂. nil means the loop's newest file in the log, which a log without
	// its beginning may have lost.
	Definition *learn.Definition
	// Since and Until bound the decisions that are evaluated, the second exclusive; zero means no bound. Models learn from
	// all.
	Since, Until time.Time
	// Provisional adds, at the end, the events whose windows are open and that the model counts already (their age is
	// above the loop's patience), with what they are worth so far: too little where rewards are slow.
	Provisional bool
	// Between is called before each record is read, with the positions that Progress returns, to yield or to show how far it
	// is; it may be nil.
	Between func(done, total uint64)
}

// Row is one slot of one decision that was evaluated. The slots of a decision come one after the other; the probabilities of
// a later one are given that the earlier ones were filled as they were.
type Row struct {
	Decision eventlog.Position // of its record: the same for its slots
	Time     time.Time         // of the decision
	Slot     int
	Snapshot uint64 // number of the one that decided
	// Metrics are what each metric of the reward came to, in the order of Definition().Reward.Metrics: 0 where nothing was
	// reported. Empty where the reward has no metrics.
	Metrics []float64
	Samples []ope.Sample // one per candidate, in their order
}

// Log reads the decisions of one loop as samples. It is for one goroutine.
type Log struct {
	options    Options
	definition *learn.Definition
	candidates []Candidate
	log        *eventlog.Log
	reader     *eventlog.Reader
	judge      judge
	counts     Counts
	calibrate  calibrating
	open       fifo[*judged] // whose window has not ended, in the order of the log
	ready      fifo[Row]
	at         eventlog.Position
	ended      bool
}

// Open reads where the loop's newest file is, and returns the loop's decisions from the first on. Close it.
func Open(ctx context.Context, o Options) (*Log, error) {
	l := &Log{options: o}
	if o.Live != nil {
		l.log = o.Live
		return l, l.follow()
	}
	var err error
	if l.log, _, err = eventlog.OpenReadOnly(filepath.Join(o.Data, logFolder)); err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	return l, nil
}

func (l *Log) start(ctx context.Context) error {
	found, err := surveyOf(ctx, l.log, l.options.Loop)
	if err != nil {
		return err
	}
	if l.definition = l.options.Definition; l.definition == nil {
		l.definition = found.newest
	}
	if l.definition == nil {
		return fmt.Errorf("the log has no loop file of %q any more: say which one to judge rewards by", l.options.Loop)
	}
	return l.begin(int(min(found.lag+1, snapshotsKept)))
}

// follow starts at the beginning of a log that goes on.
func (l *Log) follow() error {
	if l.definition = l.options.Definition; l.definition == nil {
		return errors.New("a log that goes on is evaluated by a loop file that is given")
	}
	return l.begin(snapshotsKept)
}

// begin makes what reads the log. keep is how many snapshots of each model may be needed.
func (l *Log) begin(keep int) (err error) {
	if l.candidates, err = expanded(l.options.Candidates, l.definition.Loop); err != nil {
		return err
	}
	l.counts = newCounts(l.candidates)
	l.judge = l.newJudge(keep)
	l.reader = l.log.NewReader(0)
	return nil
}

// Candidates returns the names of the candidates, in the order of a row's samples: "action:*" as the actions it stands for.
func (l *Log) Candidates() []string {
	names := make([]string, len(l.candidates))
	for i := range l.candidates {
		names[i] = l.candidates[i].Name
	}
	return names
}

// Columns returns the fields that every sample has.
func (l *Log) Columns() ope.Columns {
	return ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasUnsupported | ope.HasPosition |
		ope.HasKept | ope.HasUnit | ope.HasExpectedSquare
}

// Actions returns the ids of the actions by number (ope.Sample.Action), in the order in which they were first served. There
// are 65,536 at most; those beyond share the number after the last.
func (l *Log) Actions() []string { return l.judge.numbers.ids }

// Definition returns the loop file that says what events are worth.
func (l *Log) Definition() *learn.Definition { return l.definition }

// RewardRange returns the least and the most that an event can be worth, NaN and NaN where the loop does not bound it.
func (l *Log) RewardRange() (least, most float64) { return rewardRange(&l.definition.Reward) }

// RangeOf is the range that a loop says its rewards are in, the zero value where it does not bound them.
func RangeOf(r *learn.RewardSpec) ope.Range {
	least, most := rewardRange(r)
	if math.IsNaN(least) || math.IsNaN(most) {
		return ope.Range{}
	}
	return ope.Range{Least: least, Most: most}
}

func rewardRange(r *learn.RewardSpec) (least, most float64) {
	if math.IsInf(r.Min, 0) || math.IsInf(r.Max, 0) || len(r.Metrics) > 0 || r.Aggregation == learn.Sum {
		return math.NaN(), math.NaN()
	}
	return min(r.Min, r.Default), max(r.Max, r.Default)
}

// Progress returns how far the log has been read, in positions.
func (l *Log) Progress() (done, total uint64) { return uint64(l.at), max(uint64(l.log.End()), 1) - 1 }

// Counts returns what was read so far and what became of it. What is open is known at the end.
func (l *Log) Counts() Counts {
	c := l.counts
	c.Fallbacks, c.Skipped, c.SkippedRecords = maps.Clone(c.Fallbacks), maps.Clone(c.Skipped), maps.Clone(c.SkippedRecords)
	c.Candidates = slices.Clone(c.Candidates)
	for k, r := range l.judge.rules {
		if f, ok := r.(*fileRule); ok {
			c.Candidates[k].Unmet = f.unmet()
		}
	}
	c.Damaged = l.log.Stats().Damaged
	c.Open = uint64(l.open.len())
	for _, by := range l.judge.learners {
		c.Refused += by.refused
	}
	return c
}

// Calibration returns how the logged probabilities compare with what was served, so far.
func (l *Log) Calibration() Calibration { return l.calibrate.result() }

// Close lets go of the log.
func (l *Log) Close() error {
	err := l.reader.Close()
	if l.options.Live == nil {
		err = errors.Join(err, l.log.Close())
	}
	return err
}

// Wait reads the next record of a live log; at its end it waits for one until ctx is done.
func (l *Log) Wait(ctx context.Context) error {
	pos, payload, err := l.reader.Next(ctx)
	if err == nil {
		err = l.take(ctx, pos, payload)
	}
	if err != nil {
		return fmt.Errorf("follow loop %q: %w", l.options.Loop, err)
	}
	return nil
}

// Next returns the next row, in the order of decisions, or io.EOF at the end. The row is the caller's. The end of a live log
// is where it ends now: later calls return what has come since. Rows come when their window has ended by the time of
// the log, which moves with its records.
func (l *Log) Next(ctx context.Context) (Row, error) {
	for l.ready.len() == 0 {
		if l.ended {
			return Row{}, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return Row{}, fmt.Errorf("evaluate loop %q: %w", l.options.Loop, err)
		}
		if l.options.Between != nil {
			l.options.Between(l.Progress())
		}
		err := l.step(ctx)
		if errors.Is(err, io.EOF) {
			return Row{}, io.EOF
		}
		if err != nil {
			return Row{}, fmt.Errorf("evaluate loop %q: read the event log: %w", l.options.Loop, err)
		}
	}
	return l.ready.pop(), nil
}

// step takes the log's next record. At the end of a live log it returns io.EOF.
func (l *Log) step(ctx context.Context) error {
	pos, payload, err := l.reader.TryNext()
	if errors.Is(err, io.EOF) && l.options.Live == nil {
		l.finish()
		return nil
	}
	if err != nil {
		return err
	}
	return l.take(ctx, pos, payload)
}

// take applies one record.
func (l *Log) take(ctx context.Context, pos eventlog.Position, payload []byte) error {
	l.at = pos
	l.counts.Records++
	if l.counts.BeginsAt == 0 {
		l.counts.BeginsAt = uint64(pos)
	}
	r, err := eventlog.Unmarshal(payload)
	if l.options.Each != nil {
		if err := l.options.Each(ctx, pos, r); err != nil {
			return err
		}
	}
	if err != nil {
		l.counts.SkippedRecords[learn.PoisonUndecodable]++
		return nil
	}
	l.apply(pos, r)
	return nil
}

// apply folds a record into every model, then judges it if it is a decision.
func (l *Log) apply(pos eventlog.Position, r *logv1.Record) {
	poison := ""
	for i, by := range l.judge.learners {
		if p := by.apply(pos, r); i == 0 {
			poison = p
		}
	}
	if c := r.GetCut(); c != nil && c.GetLoop() == l.options.Loop {
		for _, by := range l.judge.learners {
			by.cut(c.GetNumber())
		}
	}
	if d := r.GetDecision(); d == nil || d.GetLoop() != l.options.Loop {
		if poison != "" {
			l.counts.SkippedRecords[poison]++
		}
		return
	}
	l.counts.Decisions++
	if poison != "" {
		l.counts.Skipped[poison]++
		return
	}
	if d, err := learn.Decision(r); err == nil {
		l.decide(pos, d)
	}
}

// decide judges a decision, if it is one to be judged.
func (l *Log) decide(pos eventlog.Position, d *decision.Record) {
	if d.Fallback != "" {
		l.counts.Fallbacks[d.Fallback]++
		return
	}
	for i := range d.Choices {
		l.judge.set(d, i)
		l.calibrate.add(&l.judge.choice)
	}
	switch {
	case l.outside(d.Time):
		l.counts.Outside++
	case !l.judge.see(d):
		l.counts.NoSnapshot++
	default:
		l.open.push(l.judge.decision(pos, d))
	}
}

func (l *Log) outside(t time.Time) bool {
	o := &l.options
	return !o.Since.IsZero() && t.Before(o.Since) || !o.Until.IsZero() && !t.Before(o.Until)
}

// settled makes rows of an event whose window has ended. Events come in the order of their decisions; those that were
// not judged come as well.
func (l *Log) settled(s learn.Settled) {
	if l.open.len() == 0 || l.open.front().position != s.Decision {
		return
	}
	d := l.open.pop()
	if s.State != learn.Closed {
		l.counts.NotActivated++
		return
	}
	l.emit(d, s.Slots)
}

func (l *Log) emit(d *judged, slots []learn.SlotWorth) {
	l.counts.Evaluated++
	for i := range d.slots {
		r := d.row(i, slots[i].Reward)
		r.Metrics = slots[i].Metrics
		l.ready.push(r)
	}
}

// finish ends the log: what is open stays so, or counts with what it is worth so far.
func (l *Log) finish() {
	l.ended = true
	if !l.options.Provisional {
		return
	}
	var still fifo[*judged]
	l.judge.learners[0].follower.OpenEvents(func(s learn.Settled) {
		if l.open.len() == 0 || l.open.front().position != s.Decision {
			return
		}
		if d := l.open.pop(); s.Ripe {
			l.emit(d, s.Slots)
		} else {
			still.push(d)
		}
	})
	l.open = still
}
