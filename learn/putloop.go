package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// ErrClosed is returned by a Learner that was closed.
var ErrClosed = errors.New("the learner is closed")

// ErrRefused is a loop change that is in force while its snapshot is not: the last good one, if there is one, is
// served on.
var ErrRefused = errors.New("no snapshot under the new loop file could be published")

// PutLoop puts a definition of the directory of loop files in force: it appends the change where the file is another than
// the one that was put last, and returns once a snapshot under it is served. What was learned is kept. A challenger that was
// promoted in the place of the same file stays; another file ends its promotion.
func (l *Learner) PutLoop(ctx context.Context, d *Definition) error {
	name := d.Loop.Name
	pos, err := l.putFile(ctx, d)
	if err == nil && pos != 0 {
		err = l.awaitServed(ctx, name, pos)
	}
	if err != nil {
		return fmt.Errorf("put loop %q: %w", name, err)
	}
	return nil
}

// putFile appends the change and returns its position, 0 where there is nothing to change.
func (l *Learner) putFile(ctx context.Context, d *Definition) (eventlog.Position, error) {
	name := d.Loop.Name
	if err := l.lock(ctx); err != nil {
		return 0, err
	}
	defer l.unlock()
	s := l.find(name)
	if s != nil && s.snapshot.Load() != nil && bytes.Equal(s.standing.Load().Base.File, d.File) {
		return 0, nil
	}
	if _, err := l.compile(d.Path, d.File); err != nil {
		return 0, err
	}
	if s != nil && s.standing.Load().Promotion != nil {
		l.o.Logger.Warn("learner: the loop's file has changed, which ends the promotion", "loop", name,
			"challenger", s.standing.Load().Promotion.Challenger)
	}
	return l.append(ctx, l.o.Now(), &logv1.LoopChange{Loop: name, File: d.File, Path: d.Path})
}

// RemoveLoop takes a loop out of service. What it has learned is kept, and comes back with its file.
func (l *Learner) RemoveLoop(ctx context.Context, name string) error {
	if err := l.remove(ctx, name); err != nil {
		return fmt.Errorf("remove loop %q: %w", name, err)
	}
	return nil
}

func (l *Learner) remove(ctx context.Context, name string) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if l.find(name) == nil {
		return decision.ErrUnknownLoop
	}
	if _, err := l.append(ctx, l.o.Now(), &logv1.LoopChange{Loop: name, Removed: true}); err != nil {
		return err
	}
	return l.awaitSeen(ctx)
}

// lock waits for the right to change which file is in force, and until every earlier change is seen: what is compared
// then is what the change is made to.
func (l *Learner) lock(ctx context.Context) error {
	select {
	case l.changes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return ErrClosed
	}
	err := l.awaitSeen(ctx)
	if err != nil {
		l.unlock()
	}
	return err
}

func (l *Learner) unlock() { <-l.changes }

// append appends a change. The caller holds the right to. A caller that does not wait any longer does not leave it open
// whether there is a change.
func (l *Learner) append(ctx context.Context, at time.Time, c *logv1.LoopChange) (eventlog.Position, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	pos, err := l.log.Append(ctx, &logv1.Record{
		TimeUnixNanos: unix(at), Body: &logv1.Record_LoopChange{LoopChange: c},
	}, decision.Fsync)
	if err == nil {
		l.change = pos
	}
	return pos, err
}

// awaitSeen returns when callers see the last change that was appended.
func (l *Learner) awaitSeen(ctx context.Context) error {
	return l.wait(ctx, func() bool { return l.changed.Load() >= uint64(l.change) })
}

// awaitServed returns when a snapshot under the change at pos is served, or refused.
func (l *Learner) awaitServed(ctx context.Context, name string, pos eventlog.Position) error {
	err := l.wait(ctx, func() bool {
		s := l.find(name)
		return s != nil && s.since.Load() > uint64(pos)
	})
	if err != nil {
		return err
	}
	if s := l.find(name); s != nil && s.status.Load().LastError != "" {
		return fmt.Errorf("%w: %s", ErrRefused, s.status.Load().LastError)
	}
	return nil
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
