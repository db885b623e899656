package challenger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/learn"
)

// worker follows the challengers of one loop. Its goroutine is the only one that writes status.
type worker struct {
	*Manager
	loop   string
	files  files
	status atomic.Pointer[Status]
	at     atomic.Uint64 // position of the last record that was read; while nothing is followed, that of the end
	logger *slog.Logger

	promoted, takenBack atomic.Uint64
}

// errStale ends the following of candidates that are no longer the right ones.
var errStale = errors.New("there are other candidates now")

const (
	breath     = 20 * time.Millisecond  // at the end of the log, before the next record is waited for
	idle       = 250 * time.Millisecond // at the end of the log, between looks at whether something else has changed
	retryAfter = 5 * time.Second        // after what should not fail
)

func newWorker(m *Manager, loop string) *worker {
	w := &worker{Manager: m, loop: loop, logger: m.o.Logger.With("loop", loop)}
	w.files.byName = map[string]file{}
	w.status.Store(&Status{})
	return w
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := guarded(func() error { return w.once(ctx) }); err != nil && !errors.Is(err, errStale) && ctx.Err() == nil {
			w.logger.Error("challengers: evaluation failed, and begins again", "error", err)
			failed := *w.status.Load()
			failed.Error = err.Error()
			w.status.Store(&failed)
			_ = rest(ctx, retryAfter)
		}
	}
}

// guarded makes an error of a panic: what a challenger's file makes a model do must not cost the service.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// once follows the candidates that there are now until there are others.
func (w *worker) once(ctx context.Context) error {
	s, ok := w.learner.Standing(w.loop)
	if !ok {
		w.status.Store(&Status{})
		return rest(ctx, w.o.Poll)
	}
	found, changes, err := w.files.sorted(s.Base)
	f := &following{worker: w, base: s.Base, found: found, changes: changes, folder: err, declaring: map[string]string{}}
	f.pace.share = w.o.Share
	entrants, candidates := entrantsOf(&s, found)
	f.contest = newContest(&s, entrants)
	f.publish()
	if len(entrants) == 1 && s.Displaced == nil { // Nobody but the loop's own file.
		w.at.Store(math.MaxUint64)
		return rest(ctx, idle)
	}
	return f.run(ctx, candidates)
}

// entrantsOf returns all policies whose samples may be needed until the files change: the loop's own, the one in force, the
// displaced one and the challengers, each once.
func entrantsOf(s *learn.Standing, found []file) (entrants []*entrant, candidates []evaluate.Candidate) {
	known := map[string]bool{}
	add := func(name string, d *learn.Definition) {
		if d == nil || name == "" && known[d.SHA256] {
			return
		}
		known[d.SHA256] = true
		entrants = append(entrants, &entrant{name: name, definition: d})
		candidates = append(candidates, evaluate.LoopFile(d.Path, d))
	}
	for _, f := range found {
		add(f.name, f.definition)
	}
	for _, d := range []*learn.Definition{s.Base, s.Definition, s.Displaced} {
		add("", d)
	}
	return entrants, candidates
}

// current returns the newest status with what changes by itself.
func (w *worker) current() Status {
	s := *w.status.Load()
	if end, at := uint64(w.events.End()), w.at.Load(); end > at+1 && at < math.MaxUint64 {
		s.LagRecords = end - at - 1
	}
	s.Promoted, s.TakenBack = w.promoted.Load(), w.takenBack.Load()
	return s
}

// run reads the log from its beginning and goes on as it grows.
func (f *following) run(ctx context.Context, candidates []evaluate.Candidate) error {
	log, err := evaluate.Open(ctx, evaluate.Options{
		Live: f.events.Log(), Loop: f.loop, Definition: f.base, Candidates: candidates, Each: f.record,
	})
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // It was only read.
	f.ctx = ctx
	f.pace.begin()
	for {
		end := uint64(f.events.End())
		row, err := log.Next(ctx)
		switch {
		case err == nil:
			f.contest.row(&row, func(entrant int) []string { return log.Counts().Candidates[entrant].Unmet })
			err = f.look(ctx)
		case errors.Is(err, io.EOF):
			f.caughtUp = true
			f.at.Store(max(f.at.Load(), end-1)) // Positions may leave numbers out.
			if err = f.declare(ctx); err == nil {
				err = f.await(ctx, log)
			}
		}
		if err != nil {
			return err
		}
	}
}

// await takes breath, so that a busy writer does not wake a reader for each record; waits for a record, and looks whether there
// is one or not.
func (f *following) await(ctx context.Context, log *evaluate.Log) error {
	waiting, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	err := f.pace.wait(func() error {
		if err := rest(ctx, breath); err != nil {
			return err
		}
		return log.Wait(waiting)
	})
	if err != nil && waiting.Err() == nil {
		return err
	}
	return errors.Join(ctx.Err(), f.look(ctx))
}
