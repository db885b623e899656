package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// ErrClosed is returned by a Learner that was closed.
var ErrClosed = errors.New("the learner is closed")

// ErrRefused is a loop change that is in force while its snapshot is not: the last good one, if there is one, is
// served on.
var ErrRefused = errors.New("no snapshot under the new loop file could be published")

// PutLoop puts a definition in force: it appends the change where the file is another than the one in force, and
// returns once a snapshot under it is served. What was learned is kept.
func (l *Learner) PutLoop(ctx context.Context, d *Definition) error {
	name := d.Loop.Name
	if s := l.find(name); s != nil && s.snapshot.Load() != nil && bytes.Equal(s.definition.Load().File, d.File) {
		return nil
	}
	if _, err := l.compile(d.Path, d.File); err != nil {
		return fmt.Errorf("put loop %q: %w", name, err)
	}
	pos, err := l.change(ctx, &logv1.LoopChange{Loop: name, File: d.File, Path: d.Path})
	if err != nil {
		return fmt.Errorf("put loop %q: %w", name, err)
	}
	err = l.wait(ctx, func() bool {
		s := l.find(name)
		return s != nil && s.since.Load() > uint64(pos)
	})
	if err != nil {
		return fmt.Errorf("put loop %q: %w", name, err)
	}
	if s := l.find(name); s != nil && s.status.Load().LastError != "" {
		return fmt.Errorf("put loop %q: %w: %s", name, ErrRefused, s.status.Load().LastError)
	}
	return nil
}

// RemoveLoop takes a loop out of service. What it has learned is kept, and comes back with its file.
func (l *Learner) RemoveLoop(ctx context.Context, name string) error {
	if l.find(name) == nil {
		return fmt.Errorf("remove loop %q: %w", name, decision.ErrUnknownLoop)
	}
	pos, err := l.change(ctx, &logv1.LoopChange{Loop: name, Removed: true})
	if err == nil {
		err = l.wait(ctx, func() bool { return l.applied.Load() > uint64(pos) })
	}
	if err != nil {
		return fmt.Errorf("remove loop %q: %w", name, err)
	}
	return nil
}

func (l *Learner) change(ctx context.Context, c *logv1.LoopChange) (eventlog.Position, error) {
	return l.log.Append(ctx, &logv1.Record{
		TimeUnixNanos: unix(l.o.Now()), Body: &logv1.Record_LoopChange{LoopChange: c},
	}, decision.Fsync)
}

// wait returns when the condition holds, which is looked at on every notice.
func (l *Learner) wait(ctx context.Context, holds func() bool) error {
	for {
		changed := l.notice.wait()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.done:
			return ErrClosed
		}
	}
}
