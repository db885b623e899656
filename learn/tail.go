package learn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// tail is the learner's one goroutine: it reads the log, folds it, cuts, publishes and writes checkpoints.
type tail struct {
	*Learner
	fold        *fold
	cursor      Cursor
	loops       map[string]*publisher // of the loops in force
	order       []string              // their names, sorted
	checkpoints checkpointer
	skips       *skips
	looked      time.Time // when publishDue last looked at the loops
	refreshed   time.Time // when the statuses were last made
}

// retry is the pause after the log could not be read.
const retry = time.Second

func newTail(l *Learner, f *fold) *tail {
	return &tail{
		Learner: l, fold: f, cursor: l.log.Tail(f.next), loops: make(map[string]*publisher),
		checkpoints: checkpointer{dir: l.o.Dir, every: l.o.CheckpointEvery, written: f.next},
		skips:       newSkips(l.o.Logger, l.o.Now),
	}
}

// start folds the log to its end and publishes every loop, or says in its status why not.
func (t *tail) start(ctx context.Context) error {
	for _, name := range sortedLoops(t.fold) {
		t.inForce(t.fold.loops[name], 0)
	}
	if err := t.drain(ctx); err != nil {
		return err
	}
	for _, name := range t.order {
		p := t.loops[name]
		if err := t.cut(ctx, p); err != nil {
			if ctx.Err() != nil {
				return err
			}
			t.fail(p, err) // run tries again.
		}
		for p.pending != 0 {
			if err := t.step(ctx); err != nil {
				return err
			}
		}
	}
	t.refresh(0)
	return ctx.Err()
}

// drain folds to the end of the log.
func (t *tail) drain(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		pos, payload, err := t.cursor.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = t.apply(ctx, pos, payload)
		}
		if err != nil {
			return fmt.Errorf("read the event log: %w", err)
		}
	}
}

// run follows the log until ctx is done.
func (t *tail) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.step(ctx); err != nil && ctx.Err() == nil {
			t.o.Logger.Error("learner: the event log cannot be read", "error", err)
			sleep(ctx, retry)
			t.cursor.Close()
			t.cursor = t.log.Tail(t.fold.next)
		}
		t.publishDue(ctx)
		t.checkpointDue()
	}
	t.refresh(0)
	t.close()
	return t.lastCheckpoint()
}

func (t *tail) close() {
	if err := t.cursor.Close(); err != nil {
		t.o.Logger.Warn("learner: close the log's cursor", "error", err)
	}
}

// step folds the next record, or waits until there is one or something else to do.
func (t *tail) step(ctx context.Context) error {
	end := t.log.End()
	pos, payload, err := t.cursor.TryNext()
	if errors.Is(err, io.EOF) {
		// The log may leave positions out: at its end, nothing is left to fold whatever the numbers say.
		t.applied.Store(max(t.applied.Load(), uint64(end)))
		t.atEnd.Store(time.Now().UnixNano())
		t.refresh(refreshEvery)
		waiting, cancel := context.WithTimeout(ctx, t.pause())
		pos, payload, err = t.cursor.Next(waiting)
		cancel()
		if err != nil && waiting.Err() != nil {
			return nil // Nothing came.
		}
	}
	if err != nil {
		return err
	}
	return t.apply(ctx, pos, payload)
}

// apply folds one record and does what follows from it.
func (t *tail) apply(ctx context.Context, pos eventlog.Position, payload []byte) error {
	fx, err := t.fold.apply(pos, payload)
	if err != nil {
		return err
	}
	t.applied.Store(uint64(t.fold.next))
	if fx.poison != "" {
		t.skips.tell(pos, fx.poison, fx.err)
	}
	if fx.loop == nil {
		return nil
	}
	if fx.changed {
		t.inForce(fx.loop, pos)
	}
	p := t.loops[fx.loop.definition.Loop.Name]
	if p == nil {
		return nil
	}
	p.stale = true
	if fx.cut != 0 && fx.cut == p.pending {
		t.publish(ctx, p, pos)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
