package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// loopFiles keeps the loops in force in step with a directory of loop files.
type loopFiles struct {
	learner *learn.Learner
	actions *catalogue.Catalogue // nil: no loop has its actions there
	logger  *slog.Logger
	stop    context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	errors map[string]string            // why a loop's file is not in force
	listed map[string]*learn.Definition // as the directory has them, of the loops with actions of the catalogue
}

// followLoops puts the directory's loops in force, and from then on what changes there. A broken file leaves its loop
// as it last was; a loop that never was in force must have a good one.
func followLoops(ctx context.Context, dir string, learner *learn.Learner, actions *catalogue.Catalogue, logger *slog.Logger) (*loopFiles, error) {
	definitions, broken := loop.Load(dir)
	f := &loopFiles{
		learner: learner, actions: actions, logger: logger, done: make(chan struct{}), errors: map[string]string{}, listed: map[string]*learn.Definition{},
	}
	for _, d := range definitions {
		if err := f.put(ctx, d); err != nil && !errors.Is(err, learn.ErrRefused) {
			return nil, err
		}
	}
	if broken != nil {
		logger.Error("loop files are broken: their loops go on as they last were", "error", broken)
	} else if err := f.retire(ctx, definitions); err != nil {
		return nil, err
	}
	if len(learner.Loops()) == 0 {
		return nil, errors.Join(fmt.Errorf("no loop to serve in %q: put a loop file there (nextbest check --help)", dir), broken)
	}
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(f.done)
		loop.Watch(ctx, dir, definitions, func(c loop.Change) { f.apply(ctx, c) }, loop.WatchOptions{Logger: logger})
	}()
	return f, nil
}

// retire takes loops out of service whose file went away while the service was down.
func (f *loopFiles) retire(ctx context.Context, definitions []*learn.Definition) error {
	for _, name := range f.learner.Loops() {
		if slices.ContainsFunc(definitions, func(d *learn.Definition) bool { return d.Loop.Name == name }) {
			continue
		}
		f.logger.Info("loop has no file any more", "loop", name)
		if err := f.learner.RemoveLoop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// apply takes one change of the directory.
func (f *loopFiles) apply(ctx context.Context, c loop.Change) {
	err := c.Err
	switch {
	case err != nil:
	case c.Removed:
		// A loop whose file never was right is none of the learner's: without the file, nothing is wrong any more.
		if err = f.learner.RemoveLoop(ctx, c.Name); errors.Is(err, decision.ErrUnknownLoop) {
			err = nil
		}
	case c.Definition == nil: // the directory can be read again
	default:
		err = f.put(ctx, c.Definition)
	}
	if c.Removed {
		f.list(c.Name, nil)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.logger.Error("loop file is not in force; the last good one goes on serving", "loop", c.Name, "path", c.Path, "error", err)
		f.errors[c.Name] = err.Error()
		return
	}
	delete(f.errors, c.Name)
	if c.Definition == nil && !c.Removed {
		f.logger.Info("loop files can be read again", "path", c.Path)
		return
	}
	f.logger.Info("loop file is in force", "loop", c.Name, "path", c.Path, "removed", c.Removed)
}

// put puts a file in force, with the live actions of the catalogue where it has its actions there.
func (f *loopFiles) put(ctx context.Context, d *learn.Definition) error {
	made, _, err := withLive(d, f.actions)
	if err != nil {
		return err
	}
	if d.Catalogue != nil {
		f.list(d.Loop.Name, d)
	} else {
		f.list(d.Loop.Name, nil)
	}
	return f.learner.PutLoop(ctx, made)
}

// list notes a loop with actions of the catalogue; nil: it has none, or is gone.
func (f *loopFiles) list(name string, d *learn.Definition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d == nil {
		delete(f.listed, name)
		return
	}
	f.listed[name] = d
}

// ofCatalogue returns the loops with actions of the catalogue, ordered.
func (f *loopFiles) ofCatalogue() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.listed))
}

// refresh puts the live actions of the catalogue in force, and returns when they will change by themselves; zero: never.
func (f *loopFiles) refresh(ctx context.Context) (next time.Time) {
	for _, name := range f.ofCatalogue() {
		f.mu.Lock()
		d := f.listed[name]
		f.mu.Unlock()
		if d == nil {
			continue
		}
		made, then, err := withLive(d, f.actions)
		if !then.IsZero() && (next.IsZero() || then.Before(next)) {
			next = then
		}
		if err == nil {
			err = f.learner.PutLoop(ctx, made)
		}
		if err != nil && ctx.Err() == nil {
			f.logger.Error("the live actions of the catalogue are not in force; those before go on being served", "loop", name, "error", err)
		}
	}
	return next
}

// ReloadErrors implements server.Reloads.
func (f *loopFiles) ReloadErrors() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.errors)
}

// Close stops following the directory.
func (f *loopFiles) Close() error {
	f.stop()
	<-f.done
	return nil
}
