package learn

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

const (
	appendTimeout = 5 * time.Second       // of a cut or a publish
	maxPause      = time.Second           // the tail looks at the clock at least so often
	minPause      = time.Millisecond      // and at most so often
	refreshEvery  = 20 * time.Millisecond // statuses are made at most so often
)

// publisher publishes one loop. It belongs to the tail's goroutine, what it serves belongs to everyone.
type publisher struct {
	*served
	name    string
	fold    *loopFold
	changed eventlog.Position // of the last loop change
	number  uint64            // the highest that was tried
	pending uint64            // number of the cut that is in the log and not reached; 0 for none
	last    time.Time         // of the last attempt
	cost    time.Duration     // of the last attempt: a loop spends at most a quarter of the time on publishing
	stale   bool              // the status is older than the fold
	failure string            // why the newest model was not published
	refused uint64
	info    SnapshotInfo
}

func sortedLoops(f *fold) []string { return slices.Sorted(maps.Keys(f.loops)) }

// inForce serves the loop under its present definition, or no more if it was removed. It is to be published at once.
func (t *tail) inForce(l *loopFold, pos eventlog.Position) {
	name := l.definition.Loop.Name
	p := t.loops[name]
	if l.removed {
		delete(t.loops, name)
	} else if p == nil {
		p = &publisher{served: new(served), name: name}
		t.loops[name] = p
	}
	t.order = slices.Sorted(maps.Keys(t.loops))
	t.changed.Store(max(t.changed.Load(), uint64(pos)))
	if l.removed {
		t.put(name, nil)
		return
	}
	p.fold, p.changed, p.last, p.stale = l, pos, time.Time{}, true
	p.definition.Store(l.definition)
	standing := l.standing
	p.standing.Store(&standing)
	p.status.Store(t.status(p))
	t.put(name, p.served)
}

// due reports whether the loop's model is another than the published one, or will be as soon as time moves.
func (p *publisher) due(now time.Time) bool {
	if p.pending != 0 {
		return false
	}
	if p.fold.changed {
		return true
	}
	at, ok := p.fold.due()
	return ok && at <= unix(now)
}

// ready returns when the loop may be published again.
func (p *publisher) ready(every time.Duration) time.Time { return p.last.Add(max(every, 4*p.cost)) }

// publishDue cuts every loop that is due and ready.
func (t *tail) publishDue(ctx context.Context) {
	now, wall := time.Now(), t.o.Now()
	if now.Sub(t.looked) < minPause {
		return
	}
	t.looked = now
	for _, name := range t.order {
		p := t.loops[name]
		if now.Before(p.ready(t.o.PublishEvery)) || !p.due(wall) {
			continue
		}
		if err := t.cut(ctx, p); err != nil && ctx.Err() == nil {
			t.fail(p, err)
		}
	}
}

// pause returns how long the tail may wait for a record.
func (t *tail) pause() time.Duration {
	now, wall := time.Now(), t.o.Now()
	pause := maxPause
	for _, p := range t.loops {
		if p.stale {
			pause = min(pause, refreshEvery)
		}
		if p.pending != 0 {
			continue
		}
		wait := time.Duration(0)
		if !p.fold.changed {
			at, ok := p.fold.due()
			if !ok {
				continue
			}
			wait = timeOf(at).Sub(wall)
		}
		pause = min(pause, max(wait, p.ready(t.o.PublishEvery).Sub(now)))
	}
	return max(pause, minPause)
}

// cut appends a cut. The snapshot is made when the fold reaches it.
func (t *tail) cut(ctx context.Context, p *publisher) error {
	p.last = time.Now()
	p.number = max(p.number, p.fold.cut) + 1
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	_, err := t.log.Append(ctx, &logv1.Record{
		TimeUnixNanos: unix(t.o.Now()),
		Body:          &logv1.Record_Cut{Cut: &logv1.Cut{Loop: p.name, Number: p.number}},
	}, decision.Process)
	if err != nil {
		return fmt.Errorf("append the cut of snapshot %d: %w", p.number, err)
	}
	p.pending = p.number
	return nil
}

// publish makes the snapshot of the cut at pos, which the fold has just reached, and serves it.
func (t *tail) publish(ctx context.Context, p *publisher, pos eventlog.Position) {
	p.pending = 0
	if !p.fold.changed {
		return
	}
	p.fold.changed = false
	began := time.Now()
	c, err := p.fold.materialise()
	if err != nil {
		p.refused++
		t.fail(p, fmt.Errorf("snapshot %d refused: %w", p.fold.cut, err))
	} else if err = t.announce(ctx, p, c, pos); err != nil {
		p.fold.changed = true // Try again, with another cut.
		t.fail(p, err)
	} else {
		t.serve(p, c, pos)
	}
	p.cost = time.Since(began)
	p.status.Store(t.status(p))
	p.since.Store(uint64(p.changed) + 1)
	t.notice.tell()
}

// announce appends the publish. Only then may decisions be made with the snapshot.
func (t *tail) announce(ctx context.Context, p *publisher, c candidate, pos eventlog.Position) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	now := t.o.Now()
	_, err := t.log.Append(ctx, &logv1.Record{
		TimeUnixNanos: unix(now),
		Body: &logv1.Record_Publish{Publish: &logv1.Publish{
			Loop: p.name, Number: c.snapshot.Number, SnapshotId: c.snapshot.ID, CutPosition: uint64(pos),
			ModelSha256: c.sha256[:], Events: c.snapshot.Model.Events(),
		}},
	}, decision.Process)
	if err != nil {
		return fmt.Errorf("append the publish of snapshot %s: %w", c.snapshot.ID, err)
	}
	p.info = SnapshotInfo{
		ID: c.snapshot.ID, Number: c.snapshot.Number, Published: now, LogPosition: pos,
		ModelSHA256: hex.EncodeToString(c.sha256[:]), LoopSHA256: p.fold.definition.SHA256,
		Events: c.snapshot.Model.Events(),
	}
	return nil
}

func (t *tail) serve(p *publisher, c candidate, pos eventlog.Position) {
	p.failure = ""
	p.snapshot.Store(c.snapshot)
	t.evidence.take(p.fold)
	t.o.Logger.Debug("learner: published", "loop", p.name, "snapshot", c.snapshot.ID, "log_position", uint64(pos))
}

// fail says why the newest model was not published. It is logged when it is another reason than before.
func (t *tail) fail(p *publisher, err error) {
	if p.failure != err.Error() {
		t.o.Logger.Error("learner: not published, the last good snapshot goes on", "loop", p.name, "error", err)
	}
	p.failure, p.stale = err.Error(), true
}
