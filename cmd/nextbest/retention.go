package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// retentionEvery is how often the log is looked over; segments fill in hours to days.
const retentionEvery = 10 * time.Minute

// retention drops the log's old segments: those whose records are all older than keep and than every reward window, and
// that the learner's checkpoints cover.
type retention struct {
	keep    time.Duration
	events  *eventlog.Events
	learner *learn.Learner
	now     func() time.Time
	logger  *slog.Logger
}

// start looks the log over now and then, until the function that it returns is called.
func (r *retention) start(every time.Duration) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(every); ; {
			if err := r.drop(ctx); err != nil && ctx.Err() == nil {
				r.logger.Error("drop old segments of the event log", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	}()
	return func() error { cancel(); <-done; return nil }
}

// drop drops what may be dropped now.
func (r *retention) drop(ctx context.Context) error {
	covered, err := r.learner.Covered()
	if err != nil || covered == 0 {
		return err
	}
	keep := r.keep
	for _, name := range r.learner.Loops() {
		if d, ok := r.learner.Definition(name); ok {
			keep = max(keep, d.Reward.Window)
		}
	}
	since, err := firstSince(ctx, r.events, r.now().Add(-keep))
	if err != nil {
		return err
	}
	return r.events.DropBefore(min(since, covered))
}

// firstSince finds the position of the first record at or after t, by halving: records stand in the order of time, to
// within the moment that a record takes to be appended.
func firstSince(ctx context.Context, events *eventlog.Events, t time.Time) (eventlog.Position, error) {
	low, high := eventlog.Position(1), events.End()
	for low < high && ctx.Err() == nil {
		middle := low + (high-low)/2
		pos, at, err := recordAt(events, middle)
		switch {
		case errors.Is(err, io.EOF) || err == nil && !at.Before(t):
			high = middle
		case err != nil:
			return 0, err
		default:
			low = pos + 1
		}
	}
	return low, ctx.Err()
}

// recordAt returns the place and time of the first record at or after a position.
func recordAt(events *eventlog.Events, from eventlog.Position) (eventlog.Position, time.Time, error) {
	reader := events.NewReader(from)
	defer reader.Close() //nolint:errcheck // It was only read.
	pos, payload, err := reader.TryNext()
	if err != nil {
		return 0, time.Time{}, err
	}
	r, err := eventlog.Unmarshal(payload)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("position %d: %w", pos, err)
	}
	return pos, time.Unix(0, r.GetTimeUnixNanos()), nil
}
