package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// admission is what loop files say of actions of the catalogue: a catalogue.Rules.
type admission struct {
	definitions interface {
		Definition(loop string) (*learn.Definition, bool)
	}
	now func() time.Time
}

// Judge implements catalogue.Rules.
func (a *admission) Judge(name string, documents []json.RawMessage) ([]catalogue.Verdict, catalogue.Sampling, error) {
	d, ok := a.definitions.Definition(name)
	if !ok || d.Catalogue == nil {
		return nil, catalogue.Sampling{}, fmt.Errorf("loop %q: %w", name, decision.ErrUnknownLoop)
	}
	actions := make([][]byte, len(documents))
	for i := range documents {
		actions[i] = documents[i]
	}
	said, err := loop.Admit(d, actions, a.now())
	if err != nil {
		return nil, catalogue.Sampling{}, fmt.Errorf("judge actions by the file of loop %s: %w", name, err)
	}
	verdicts := make([]catalogue.Verdict, len(said))
	for i, s := range said {
		verdicts[i] = catalogue.Verdict{Problem: s.Problem, Reasons: s.Reasons}
	}
	return verdicts, catalogue.Sampling{Share: d.Catalogue.ReviewShare, Serves: d.Catalogue.ReviewServes}, nil
}

// withLive returns a definition with the live actions of the catalogue in it, where its actions are those.
func withLive(d *learn.Definition, c *catalogue.Catalogue) (*learn.Definition, time.Time, error) {
	if d.Catalogue == nil || c == nil {
		return d, time.Time{}, nil
	}
	lines, next := c.Live(d.Loop.Name)
	file, err := loop.WithCatalogue(d.File, lines)
	if err != nil {
		return nil, next, err
	}
	made, err := loop.Compile(d.Path, file)
	return made, next, err
}

// coalesce is how long a loop's live actions are at least the same: an import of thousands is one change, or a few.
const coalesce = time.Second

// liveActions keeps the loops of the catalogue in force with what is live.
type liveActions struct {
	files *loopFiles
	stop  context.CancelFunc
	wait  sync.WaitGroup
}

// followCatalogue puts what changes in the catalogue in force.
func followCatalogue(ctx context.Context, files *loopFiles, c *catalogue.Catalogue) *liveActions {
	l := &liveActions{files: files}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.wait.Go(func() { c.Follow(ctx, files.ofCatalogue) })
	l.wait.Go(func() { l.run(ctx, c) })
	return l
}

func (l *liveActions) run(ctx context.Context, c *catalogue.Catalogue) {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.Changed():
		case <-due.C:
		}
		next := l.files.refresh(ctx)
		if !next.IsZero() {
			due.Reset(max(time.Until(next), 0))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(coalesce):
		}
	}
}

// Close stops following the catalogue.
func (l *liveActions) Close() error {
	l.stop()
	l.wait.Wait()
	return nil
}
