package learn

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Source gives readers of the event log.
type Source interface {
	// Tail returns a cursor whose first record is that at from, or the first that the log still has after it.
	Tail(from eventlog.Position) Cursor
}

// Cursor reads the log in order. It is for one goroutine.
type Cursor interface {
	// Next returns the next record's payload, valid until the next call. It waits at the end of the log until there
	// is one or ctx is done.
	Next(ctx context.Context) (eventlog.Position, []byte, error)
	// TryNext is Next without waiting: io.EOF at the end of the log.
	TryNext() (eventlog.Position, []byte, error)
	// Close lets go of what the cursor holds.
	Close() error
}

// EventLog is the event log as the learner needs it.
type EventLog interface {
	Source
	// Append returns once the record is as durable as d says.
	Append(ctx context.Context, r *logv1.Record, d decision.Durability) (eventlog.Position, error)
	// End returns the position after the last record.
	End() eventlog.Position
}

// visitor is called with one record of the log. It keeps what it wants.
type visitor func(eventlog.Position, *logv1.Record)

// history visits the records before a position, from where the log begins. A changed definition folds them again.
type history func(before eventlog.Position, visit visitor) error

// readHistory is the history of a log.
func readHistory(ctx context.Context, log Source) history {
	return func(before eventlog.Position, visit visitor) error { return scan(ctx, log, before, visit) }
}

// scan visits the records before a position. What cannot be decoded is passed over.
func scan(ctx context.Context, log Source, before eventlog.Position, visit visitor) error {
	c := log.Tail(1)
	defer c.Close()
	for ctx.Err() == nil {
		pos, payload, err := c.TryNext()
		if errors.Is(err, io.EOF) || err == nil && pos >= before {
			return nil
		}
		if err != nil {
			return err
		}
		r := new(logv1.Record)
		if proto.Unmarshal(payload, r) == nil {
			visit(pos, r)
		}
	}
	return ctx.Err()
}

// NewEventLog returns the local event log as the learner needs it.
func NewEventLog(e *eventlog.Events) EventLog { return events{e} }

type events struct{ *eventlog.Events }

func (e events) Tail(from eventlog.Position) Cursor { return e.NewReader(from) }

// NewSource returns a local event log for reading, as replay needs it.
func NewSource(l *eventlog.Log) Source { return source{l} }

type source struct{ *eventlog.Log }

func (s source) Tail(from eventlog.Position) Cursor { return s.NewReader(from) }
