package challenger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// following is one pass over the log with the same candidates. It belongs to its worker's goroutine.
type following struct {
	*worker
	ctx     context.Context // of the worker
	base    *learn.Definition
	found   []file
	changes uint64 // of the files that found is of
	folder  error  // why the folder cannot be read
	contest *contest
	pace    pace

	caughtUp  bool              // the end of the log was reached once
	declaring map[string]string // SHA-256 by challenger, of records that were appended; "" for removed
	looked    time.Time
	quiet     time.Time // until then nothing is done by itself, after it failed
}

// record sees every record of the log before it is applied.
func (f *following) record(_ context.Context, pos eventlog.Position, r *logv1.Record) error {
	if err := f.pace.step(f.ctx); err != nil {
		return err
	}
	f.at.Store(uint64(pos))
	f.contest.record(pos, r)
	return nil
}

// look publishes the status and acts on it, now and then.
func (f *following) look(ctx context.Context) error {
	now := time.Now()
	if now.Sub(f.looked) < f.o.Look {
		return nil
	}
	f.looked = now
	s, ok := f.learner.Standing(f.loop)
	if !ok || s.Base.SHA256 != f.base.SHA256 || f.files.changes() != f.changes {
		return errors.Join(errStale, f.leave(ctx))
	}
	status := f.publish()
	if f.caughtUp && now.After(f.quiet) && s.Definition.SHA256 == f.contest.inForce {
		f.act(ctx, &s, status)
	}
	return nil
}

// leave says which challengers have gone: where none is left, nobody follows the log any more to say it.
func (f *following) leave(ctx context.Context) error {
	if !f.caughtUp {
		return nil
	}
	f.found, f.changes, f.folder = f.files.sorted(f.base)
	return f.declare(ctx)
}

// declare appends what the log does not say yet: which challengers there are.
func (f *following) declare(ctx context.Context) error {
	for i := range f.found {
		one := &f.found[i]
		if one.definition == nil || f.contest.declared[one.name].sha256 == one.definition.SHA256 ||
			f.declaring[one.name] == one.definition.SHA256 {
			continue
		}
		f.declaring[one.name] = one.definition.SHA256
		if err := f.append(ctx, &logv1.Challenge{
			Loop: f.loop, Challenger: one.name, File: one.definition.File, Path: one.path,
		}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.contest.declared)) {
		gone := !slices.ContainsFunc(f.found, func(one file) bool { return one.name == name })
		if _, said := f.declaring[name]; !gone || said {
			continue
		}
		f.declaring[name] = ""
		if err := f.append(ctx, &logv1.Challenge{Loop: f.loop, Challenger: name, Removed: true}); err != nil {
			return err
		}
	}
	return nil
}

func (f *following) append(ctx context.Context, c *logv1.Challenge) error {
	_, err := f.events.Append(ctx, &logv1.Record{
		TimeUnixNanos: f.o.Now().UnixNano(), Body: &logv1.Record_Challenge{Challenge: c},
	}, decision.Fsync)
	return err
}

// publish makes the status.
func (f *following) publish() *Status {
	c := f.contest
	s := &Status{SHA256: c.inForce, Automatic: c.spec.Automatic, Promotion: c.promotion}
	if standing, ok := f.learner.Standing(f.loop); ok && !f.caughtUp { // What the log said then is not what is in force.
		d := standing.Definition
		s.SHA256, s.Automatic, s.Promotion = d.SHA256, d.Promotion.Automatic, standing.Promotion
	}
	if f.caughtUp && c.displaced != "" {
		s.Watch = &Watch{c.watch, c.recall.known()}
	}
	if err := errors.Join(f.folder, c.trouble); err != nil {
		s.Error = err.Error()
	}
	for i := range f.found {
		s.Challengers = append(s.Challengers, f.challenger(&f.found[i], s.SHA256))
	}
	f.status.Store(s)
	return s
}

func (f *following) challenger(one *file, inForce string) Challenger {
	out := Challenger{Name: one.name, Path: one.path, State: Broken, Evidence: nothing(), definition: one.definition}
	if one.definition == nil {
		out.Error = one.err.Error()
		return out
	}
	c := f.contest
	e := c.entrants[slices.IndexFunc(c.entrants, func(e *entrant) bool { return e.name == one.name })]
	out.SHA256, out.Policy, out.Since = one.definition.SHA256, one.definition.Loop.Policy.String(), e.since
	switch {
	case out.SHA256 == inForce:
		out.State = InForce
		return out
	case !f.caughtUp || e.gain == nil:
		out.State = Waiting
	case c.takenBack[out.SHA256]:
		out.State = TakenBack
	default:
		out.State = Evaluating
	}
	out.Evidence = e.gain.known()
	return out
}
