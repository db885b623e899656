package learn

import (
	"context"
	"log/slog"
	"time"

	"github.com/nextbest/nextbest/decision"
)

// Options tune a Learner.
type Options struct {
	Dir             string        // of the checkpoints; "" keeps none
	PublishEvery    time.Duration // at most; 0 means 150 ms
	CheckpointEvery time.Duration // 0 means a minute
	Now             func() time.Time
	Logger          *slog.Logger
}

// Learner folds the log's tail, publishes snapshots and serves them. Its methods are safe for concurrent use.
type Learner struct{}

var _ decision.Snapshots = (*Learner)(nil)

// Start recovers from the newest good checkpoint and the log's tail, and returns once every loop has a snapshot.
func Start(ctx context.Context, log EventLog, compile Compile, o Options) (*Learner, error) {
	return nil, nil
}

// Current returns the loop's newest published snapshot.
func (l *Learner) Current(loop string) (*decision.Snapshot, bool) { return nil, false }

// Definition returns the loop's definition in force.
func (l *Learner) Definition(loop string) (*Definition, bool) { return nil, false }

// Loops returns the names of the loops in force, sorted.
func (l *Learner) Loops() []string { return nil }

// Status returns the state of a loop.
func (l *Learner) Status(loop string) (Status, bool) { return Status{}, false }

// PutLoop puts a definition in force: it appends the change where the file is another than the one in force, and
// returns once a snapshot under it is served.
func (l *Learner) PutLoop(ctx context.Context, d *Definition) error { return nil }

// RemoveLoop takes a loop out of service. What it has learned is kept.
func (l *Learner) RemoveLoop(ctx context.Context, name string) error { return nil }

// Close stops folding, writes a checkpoint and waits.
func (l *Learner) Close() error { return nil }
