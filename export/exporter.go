package export

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// exporter joins the log and writes decisions as they settle.
type exporter struct {
	o       *Options
	log     *eventlog.Log
	joiners map[string]*learn.Joiner
	pending pending
	trail   fetcher
	tables  *partitions
	summary *Summary
	rows    []Row
}

func newExporter(o *Options, log *eventlog.Log, definitions map[string]*learn.Definition, tables *partitions, s *Summary) *exporter {
	x := &exporter{
		o: o, log: log, joiners: map[string]*learn.Joiner{}, trail: fetcher{log.NewReader(1)}, tables: tables, summary: s,
	}
	for name, d := range definitions {
		x.joiners[name] = learn.NewJoiner(d, x.pending.settle)
	}
	return x
}

// end lets go of what is open.
func (x *exporter) end() {
	x.tables.abandon()
	x.trail.reader.Close() //nolint:errcheck // It was only read.
}

// run reads the log and leaves all rows with the tables.
func (x *exporter) run(ctx context.Context, known *survey) error {
	records := uint64(0)
	err := eachRecord(ctx, x.log, x.o.tell(1, x.log.End()), func(pos eventlog.Position, payload []byte) error {
		records++
		r, err := decode(payload)
		if err != nil {
			return nil // The survey has named it.
		}
		return x.apply(pos, r)
	})
	if err == nil && records != known.records {
		err = fmt.Errorf("the log had %d records and then %d: retention dropped some while it was read; run it again", known.records, records)
	}
	if err != nil {
		return err
	}
	x.summary.Records = records
	for _, name := range slices.Sorted(maps.Keys(x.joiners)) {
		x.joiners[name].Open(x.pending.settle)
	}
	return x.drain()
}

// apply joins one record and writes what it settles.
func (x *exporter) apply(pos eventlog.Position, r *logv1.Record) error {
	j := x.joiners[loopOf(r)]
	if j == nil {
		return nil
	}
	poison, err := j.Apply(pos, r)
	switch d := r.GetDecision(); {
	case poison == learn.PoisonRepeatedEvent:
		x.summary.Repeated = append(x.summary.Repeated, Repeated{pos, d.GetLoop(), d.GetEventId()})
	case poison != "":
		damage := damagedRecord(pos, fmt.Errorf("%s: %w", poison, err))
		if err := x.o.refuse([]Damage{damage}); err != nil {
			return err
		}
		x.summary.Damage = append(x.summary.Damage, damage)
	case d != nil && x.o.covers(time.Unix(0, r.GetTimeUnixNanos())):
		x.pending.add(pos)
	}
	return x.drain()
}

// drain writes the events at the head that are settled.
func (x *exporter) drain() error {
	for {
		s, ok := x.pending.next()
		if !ok {
			return nil
		}
		if err := x.emit(&s); err != nil {
			return err
		}
	}
}

// emit writes one event.
func (x *exporter) emit(s *learn.Settled) error {
	if x.o.ClosedOnly && s.State != learn.Closed {
		return nil
	}
	d, err := x.trail.decision(s.Decision)
	if err != nil {
		return err
	}
	if x.rows, err = rowsOf(x.rows[:0], d, s.Decision, s, x.o.UserKey); err != nil {
		return fmt.Errorf("position %d: %w", s.Decision, err)
	}
	x.summary.count(d.Loop, s.State, len(x.rows))
	return x.tables.write(keyOf(d.Loop, d.Time), x.rows)
}

// loopOf returns the name of the loop whose events a record is about, or whose time it moves.
func loopOf(r *logv1.Record) string {
	switch b := r.Body.(type) {
	case *logv1.Record_Decision:
		return b.Decision.GetLoop()
	case *logv1.Record_Activation:
		return b.Activation.GetLoop()
	case *logv1.Record_Reward:
		return b.Reward.GetLoop()
	case *logv1.Record_LoopChange:
		return b.LoopChange.GetLoop()
	case *logv1.Record_Cut:
		return b.Cut.GetLoop()
	case *logv1.Record_Publish:
		return b.Publish.GetLoop()
	}
	return ""
}
