package learn

import (
	"context"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
)

// Decide is decision.Decide.
type Decide func(s *decision.Snapshot, in *decision.Input) (decision.Outcome, error)

// Difference is one thing that came out otherwise than it was logged.
type Difference struct {
	Position eventlog.Position
	Loop     string
	EventID  string // "" for a model
	What     string
}

// ReplayReport says what a replay found.
type ReplayReport struct {
	Records     uint64
	Decisions   uint64 // made again
	Models      uint64 // made again
	Skipped     map[string]uint64
	Differences []Difference
}

// ReplayOptions tune a replay. The zero value will do.
type ReplayOptions struct {
	Decide   Decide
	Progress func(at eventlog.Position, records uint64)
}

// Replay folds the log from its beginning, makes every published model and every decision again, and reports what
// differs from what was logged.
func Replay(ctx context.Context, log Source, compile Compile, o ReplayOptions) (*ReplayReport, error) {
	return nil, nil
}
