package eventlog

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Events is the log as the rest of the program uses it: records with a meaning, found again by event.
type Events struct {
	log   *Log
	index eventIndex
	seed  maphash.Seed
	key   func(loop, eventID string) uint64
	chain chain
}

var _ decision.Recorder = (*Events)(nil)

// Entry is one record and where it stands.
type Entry struct {
	Position Position
	Record   *logv1.Record
}

// NewEvents reads the whole log to index its events. It comes before the first Append; from then on every record goes
// through Events. A log opened for reading only has Find and History.
func NewEvents(ctx context.Context, l *Log) (*Events, error) {
	e := &Events{log: l, seed: maphash.MakeSeed()}
	e.key = func(loop, eventID string) uint64 { return eventKey(e.seed, loop, eventID) }
	if err := e.rebuild(ctx); err != nil {
		return nil, fmt.Errorf("index the events: %w", err)
	}
	if !l.readOnly {
		observe := e.observe
		l.writer.observe.Store(&observe)
	}
	return e, nil
}

func (e *Events) rebuild(ctx context.Context) error {
	r := e.log.NewReader(0)
	defer r.Close()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		pos, b, err := r.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if loop, eventID, ok := eventIn(b); ok {
			e.index.add(e.key(string(loop), string(eventID)), pos)
		} else {
			e.chain.resume(pos, b)
		}
	}
}

// observe indexes a block's records before anyone is told that they are written.
func (e *Events) observe(first Position, keys []uint64) {
	for i, key := range keys {
		if key != 0 {
			e.index.add(key, first+Position(i))
		}
	}
}

// Log returns the log beneath.
func (e *Events) Log() *Log { return e.log }

// Record appends a decision; see decision.Recorder. One with impossible numbers is ErrInvalidRecord.
func (e *Events) Record(ctx context.Context, r *decision.Record, d decision.Durability) error {
	if err := CheckDecision(r); err != nil {
		return fmt.Errorf("%w: %w", decision.ErrNotRecorded, err)
	}
	_, err := e.append(ctx, FromDecision(r), d)
	if certainlyAbsent(err) {
		err = fmt.Errorf("%w: %w", decision.ErrNotRecorded, err)
	}
	return err
}

// certainlyAbsent reports whether an Append that failed with err left nothing in the log, now or later.
func certainlyAbsent(err error) bool {
	if errors.Is(err, ErrUnsynced) {
		return false
	}
	return slices.ContainsFunc([]error{ErrFull, ErrFailed, ErrTooLarge, ErrClosed}, func(e error) bool { return errors.Is(err, e) })
}

// Append appends a record and returns its position once it is as durable as d says; Log.Append says which errors there
// are. From then on Find and History know it.
func (e *Events) Append(ctx context.Context, r *logv1.Record, d decision.Durability) (Position, error) {
	if err := e.check(r); err != nil {
		return 0, err
	}
	if chained(r) {
		return e.appendChained(ctx, r, d)
	}
	return e.append(ctx, r, d)
}

func (e *Events) check(r *logv1.Record) error {
	switch b := r.GetBody().(type) {
	case nil:
		return fmt.Errorf("%w: it has no body", ErrInvalidRecord)
	case *logv1.Record_Decision:
		_, err := ToDecision(r)
		return err
	case *logv1.Record_Reward:
		if v := b.Reward.GetValue(); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: reward value %v", ErrInvalidRecord, v)
		}
	}
	return nil
}

func (e *Events) append(ctx context.Context, r *logv1.Record, d decision.Durability) (Position, error) {
	b, err := Marshal(r)
	if err != nil {
		return 0, err
	}
	key := uint64(0)
	if loop, eventID, ok := eventOf(r); ok {
		key = e.key(loop, eventID)
	}
	if plantedAck && key != 0 {
		time.AfterFunc(20*time.Millisecond, func() { _, _ = e.log.append(context.Background(), b, d, key) })
		return e.End(), nil
	}
	return e.log.append(ctx, b, d, key)
}

// Find returns the first decision of an event id, or nil when the log has none. With Fsync it returns once the decision
// is on the disk, and ErrUnsynced when its fdatasync failed.
func (e *Events) Find(ctx context.Context, loop, eventID string, d decision.Durability) (*decision.Record, error) {
	found, pos, err := e.find(ctx, loop, eventID)
	if err != nil || found == nil || d == decision.Process {
		return found, err
	}
	if err := e.log.awaitDisk(ctx, pos); err != nil {
		return nil, fmt.Errorf("the decision at position %d: %w", pos, err)
	}
	return found, nil
}

func (e *Events) find(ctx context.Context, loop, eventID string) (found *decision.Record, at Position, err error) {
	err = e.visit(ctx, loop, eventID, func(entry Entry) (bool, error) {
		if entry.Record.GetDecision() == nil {
			return true, nil
		}
		r, err := ToDecision(entry.Record)
		if err != nil {
			return false, fmt.Errorf("the decision at position %d: %w", entry.Position, err)
		}
		found, at = r, entry.Position
		return false, nil
	})
	return found, at, err
}

// History returns an event's decision, activations and rewards in the order of the log.
func (e *Events) History(ctx context.Context, loop, eventID string) ([]Entry, error) {
	var out []Entry
	err := e.visit(ctx, loop, eventID, func(entry Entry) (bool, error) {
		out = append(out, entry)
		return true, nil
	})
	return out, err
}

// visit calls f with the event's records in order until it returns false. Records that retention or damage took away
// are passed over.
func (e *Events) visit(ctx context.Context, loop, eventID string, f func(Entry) (bool, error)) error {
	for _, pos := range e.index.positions(e.key(loop, eventID)) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("find event %s: %w", eventID, err)
		}
		b, err := e.log.Read(pos)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("find event %s: %w", eventID, err)
		}
		r, err := Unmarshal(b)
		if err != nil {
			return fmt.Errorf("find event %s: position %d: %w", eventID, pos, err)
		}
		if gotLoop, gotID, _ := eventOf(r); gotLoop != loop || gotID != eventID {
			continue // Another event with the same key.
		}
		if more, err := f(Entry{Position: pos, Record: r}); err != nil || !more {
			return err
		}
	}
	return nil
}

// NewReader returns a reader of the log from a position on.
func (e *Events) NewReader(from Position) *Reader { return e.log.NewReader(from) }

// End returns the position after the last record that was written.
func (e *Events) End() Position { return e.log.End() }

// DropBefore removes the segments that hold only records before pos, and forgets their events.
func (e *Events) DropBefore(pos Position) error {
	if err := e.log.DropBefore(pos); err != nil {
		return err
	}
	e.index.dropBefore(e.log.Stats().First)
	return nil
}
