package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/nextbest/nextbest/challenger"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/inbound"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Decider chooses. The record is durable before it is returned, unless its fallback says that it is not logged.
type Decider interface {
	Rank(ctx context.Context, request *decision.Request) (*decision.Record, error)
	// Sent has caps count a logged decision on a send time at the moment when the user was really reached.
	Sent(r *decision.Record, at time.Time)
}

// Loops shows the loops in force. Nothing here blocks.
type Loops interface {
	decision.Snapshots
	Loops() []string // sorted
	Definition(loop string) (*learn.Definition, bool)
	Status(loop string) (learn.Status, bool)
}

// Events keeps what happened to events.
type Events interface {
	// Find returns the decision of an event id, or nil when the log has none; what it returns is as durable as d says.
	Find(ctx context.Context, loop, eventID string, d decision.Durability) (*decision.Record, error)
	// Append returns once the record is as durable as d says.
	Append(ctx context.Context, record *logv1.Record, d decision.Durability) (eventlog.Position, error)
	// History returns the decision, activations and rewards of one event in the order of the log.
	History(ctx context.Context, loop, eventID string) ([]eventlog.Entry, error)
}

// LogState shows how the event log is doing, without blocking.
type LogState interface {
	Stats() eventlog.Stats
}

// Reloads shows whether the loop files as they stand are the ones in force.
type Reloads interface {
	// ReloadErrors returns why a loop's file is not in force, by loop; loops without a problem are absent.
	// The problem of the whole directory, if it has one, is under the empty name.
	ReloadErrors() map[string]string
}

// Challengers shows the challengers of loops, and promotes and takes back.
type Challengers interface {
	// Status does not block; false says that there is no such loop.
	Status(loop string) (challenger.Status, bool)
	// Promote and TakeBack return once the change is in the log; served is false while its snapshot is still being made.
	Promote(ctx context.Context, loop, name string, r challenger.Request) (p *learn.Promotion, served bool, err error)
	TakeBack(ctx context.Context, loop, name string, r challenger.Request) (p *learn.Promotion, served bool, err error)
}

var (
	_ Challengers = (*challenger.Manager)(nil)

	_ Decider  = (*decision.Decider)(nil)
	_ Loops    = (*learn.Learner)(nil)
	_ Events   = (*eventlog.Events)(nil)
	_ LogState = (*eventlog.Log)(nil)
)

// Deps are the parts that the server answers from. Reloads may be nil, and Logger, Now and NewID have defaults.
type Deps struct {
	Decider     Decider
	Loops       Loops
	Events      Events
	Log         LogState
	Features    features.Store
	Evaluations Evaluations
	Reloads     Reloads
	// What operators do; all of them or none.
	Kills        Kills
	Suppressions Suppressions
	Audit        Audit
	Reviews      Reviews
	Catalogue    Catalogue
	// Challengers may be nil: then no loop has any.
	Challengers Challengers
	// Tracker may be nil: then reports need an event id.
	Tracker Tracker

	// Webhooks may be nil: then there are none.
	Webhooks *inbound.Sources

	Logger *slog.Logger
	Now    func() time.Time
	NewID  func() string // of rewards that come without one
}
