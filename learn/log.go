package learn

import (
	"context"

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
}

// EventLog is the event log as the learner needs it.
type EventLog interface {
	Source
	// Append returns once the record is as durable as d says.
	Append(ctx context.Context, r *logv1.Record, d decision.Durability) (eventlog.Position, error)
	// End returns the position after the last record.
	End() eventlog.Position
}
