package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/contact"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/kill"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/review"
)

// guards are what keeps decisions from reaching people that they must not reach, and who changed it.
type guards struct {
	contacts     decision.ContactSource
	budgets      *contact.Budgets
	kills        *kill.Switch
	suppressions *contact.Suppressions
	trail        *audit.Trail
	reviews      *review.Queue
	catalogue    *catalogue.Catalogue
	admission    *admission
	recorder     decision.Recorder

	memory *contact.Memory // nil where Redis keeps contacts
	stop   context.CancelFunc
	wait   sync.WaitGroup
}

// mostReviews bounds the decisions that wait for a verdict.
const mostReviews = 10_000

// forgetEvery is how often contacts are gone through for those that no cap counts any more.
const forgetEvery = time.Hour

// openGuards makes the guards again from the log, and keeps them up to date.
func openGuards(ctx context.Context, o serveOptions, events *eventlog.Events, store features.Store, logger *slog.Logger) (*guards, error) {
	g := &guards{
		budgets: contact.NewBudgets(),
		trail:   &audit.Trail{Journal: audit.Journal{Log: events, Now: time.Now}, Events: events},
		reviews: &review.Queue{Share: o.reviewShare, Most: mostReviews},
	}
	g.recorder = &reviewed{Recorder: events, queue: g.reviews}
	var keeper contact.Keeper
	var shared kill.Shared
	if redis, ok := store.(*redisstore.Store); ok {
		g.contacts, keeper, shared = redis, redis, redis
	} else {
		g.memory = contact.NewMemory()
		g.contacts, keeper = &contact.Source{Features: store, Contacts: g.memory}, g.memory
	}
	g.kills = kill.New(kill.Options{Journal: g.trail, Shared: shared, Now: time.Now, Logger: logger})
	g.admission = &admission{now: time.Now}
	var copies catalogue.Store
	if redis, ok := store.(*redisstore.Store); ok {
		copies = redis.Catalogue()
	}
	g.catalogue = catalogue.New(catalogue.Options{Rules: g.admission, Journal: g.trail, Store: copies, Now: time.Now, Logger: logger})
	g.suppressions = contact.NewSuppressions(g.trail, keeper, logger)
	if err := g.restore(ctx, events); err != nil {
		return nil, fmt.Errorf("read guardrails' state from the log: %w", err)
	}
	ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	g.wait.Go(func() { g.kills.Follow(ctx, filepath.Join(o.loops, kill.FileName)) })
	g.wait.Go(func() { g.suppressions.Run(ctx) })
	if redis, ok := store.(*redisstore.Store); ok {
		replica, err := replicaID(o.data)
		if err != nil {
			g.stop()
			return nil, err
		}
		g.wait.Go(func() { g.budgets.Follow(ctx, redis, replica, logger) })
	}
	g.wait.Go(func() { g.forget(ctx) })
	return g, nil
}

// replicaFile holds what other replicas know this data directory by.
const replicaFile = "replica"

// replicaID returns the data directory's name among replicas, which it keeps.
func replicaID(data string) (string, error) {
	path := filepath.Join(data, replicaFile)
	if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
		return string(b), nil
	}
	id := newID(time.Now())
	if err := os.WriteFile(path, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("keep the replica's name: %w", err)
	}
	return id, nil
}

// restore folds the log. What Redis keeps is not read again: it outlives this process.
func (g *guards) restore(ctx context.Context, events *eventlog.Events) error {
	l := events.Log()
	if err := g.offerReviews(ctx, l); err != nil {
		return err
	}
	var failed error
	err := audit.Each(ctx, l, func(e audit.Entry) bool {
		g.kills.Apply(e)
		g.reviews.Apply(e)
		if failed = g.catalogue.Apply(e); failed != nil {
			return false
		}
		if g.memory != nil {
			failed = g.suppressions.Apply(ctx, e)
		}
		return failed == nil
	})
	if err != nil || failed != nil || g.memory == nil {
		return errors.Join(err, failed)
	}
	err = contact.Restore(ctx, l, time.Now().Add(-contact.Kept), func(r contact.Restored) error {
		for _, c := range r.Contacts {
			g.memory.Restore(r.User, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.restoreSent(ctx, events)
}

// restoreSent has caps count sends again at the moments at which they really were.
func (g *guards) restoreSent(ctx context.Context, events *eventlog.Events) error {
	mover := &decision.Decider{Contacts: g.contacts}
	told := make(map[[2]string]bool)
	return events.Log().Each(ctx, func(pos eventlog.Position, b []byte) error {
		if !eventlog.TellsWhen(b) {
			return nil
		}
		record, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		a := record.GetActivation()
		key := [2]string{a.GetLoop(), a.GetEventId()}
		if told[key] {
			return nil
		}
		told[key] = true
		r, err := events.Find(ctx, a.GetLoop(), a.GetEventId(), decision.Process)
		if err != nil || r == nil {
			return err
		}
		mover.Sent(r, time.Unix(0, a.GetEventTimeUnixNanos()))
		return nil
	})
}

// offerReviews puts the decisions that are drawn back in the queue.
func (g *guards) offerReviews(ctx context.Context, l *eventlog.Log) error {
	if g.reviews.Share <= 0 {
		return nil
	}
	return l.Each(ctx, func(pos eventlog.Position, b []byte) error {
		loop, event, ok := eventlog.DecisionIn(b)
		if !ok || !g.reviews.Draws(loop, event) {
			return nil
		}
		record, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		if d, err := eventlog.ToDecision(record); err == nil {
			g.reviews.Offer(itemOf(d))
		}
		return nil
	})
}

// restoreBudgets puts back what the loops' budgets have spent in the last days, once the loops are known.
func (g *guards) restoreBudgets(ctx context.Context, l *eventlog.Log, learner *learn.Learner) error {
	return contact.Restore(ctx, l, time.Now().Add(-48*time.Hour), func(r contact.Restored) error {
		d, ok := learner.Definition(r.Loop)
		if !ok || d.Loop.Contact == nil {
			return nil
		}
		for i, amount := range r.Spent {
			if i < len(d.Loop.Contact.Budgets) {
				g.budgets.Restore(r.Loop, d.Loop.Day(r.At), d.Loop.Contact.Budgets[i].Name, amount)
			}
		}
		return nil
	})
}

// restorePaces counts the sends again that are planned for later.
func restorePaces(ctx context.Context, l *eventlog.Log, d *decision.Decider) error {
	now := time.Now()
	return l.Each(ctx, func(pos eventlog.Position, b []byte) error {
		if !eventlog.PacesSends(b) {
			return nil
		}
		record, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		r, err := eventlog.ToDecision(record)
		if err != nil {
			return nil // What cannot be read was sent to nobody that anyone could tell.
		}
		if at, sends := r.SendAt(); sends && !at.Before(now.Truncate(time.Minute)) {
			d.RestorePace(r)
		}
		return nil
	})
}

// forget lets contacts go that no cap counts any more.
func (g *guards) forget(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if g.memory != nil {
				g.memory.Forget(now)
			}
		}
	}
}

// Close stops what keeps the guards up to date.
func (g *guards) Close() error {
	g.stop()
	g.wait.Wait()
	return nil
}

// reviewed offers what was recorded for people to look at.
type reviewed struct {
	decision.Recorder
	queue *review.Queue
}

// Record implements decision.Recorder.
func (r *reviewed) Record(ctx context.Context, d *decision.Record, durability decision.Durability) error {
	if err := r.Recorder.Record(ctx, d, durability); err != nil {
		return err
	}
	r.queue.Offer(itemOf(d))
	return nil
}

// itemOf returns what there is to look at of a decision: the first action that was served.
func itemOf(d *decision.Record) review.Item {
	i := review.Item{Loop: d.Loop, Event: d.EventID, Decided: d.Time}
	for k := range d.Choices {
		if i.Action == "" {
			i.Action = d.ActionID(d.Choices[k].Served())
		}
	}
	return i
}
