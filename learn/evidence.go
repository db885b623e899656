package learn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/model"
)

// EvidenceStore keeps what users' sends have shown where decisions read it, beside the users' features. A features.Store is one.
type EvidenceStore interface {
	// Put sets the named features of a user and leaves the others. After an error it is not known whether it happened.
	Put(ctx context.Context, user string, values map[string]string) error
}

const (
	evidenceBatch   = 1024
	evidenceWorkers = 32
	evidenceRetry   = time.Second
)

// evidence tells the store what users' sends have shown. The fold is the truth, the store a copy: what it could not be told it is told
// later, and everything again at the start. What waits is one text for each user and loop at most. A nil one tells nobody.
type evidence struct {
	store EvidenceStore
	fail  func(error)
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[evidenceKey]string
}

type evidenceKey struct{ user, field string }

func newEvidence(store EvidenceStore, fail func(error)) *evidence {
	if store == nil {
		return nil
	}
	return &evidence{store: store, fail: fail, wake: make(chan struct{}, 1), waiting: make(map[evidenceKey]string)}
}

// take notes whose evidence has changed in a loop.
func (e *evidence) take(l *loopFold) {
	m, ok := l.estimator.(*model.SendTimeLoop)
	if !ok || e == nil {
		return
	}
	field := decision.EvidenceField(l.definition.Loop.Name)
	e.mu.Lock()
	m.TakeChanged(func(user string, numbers []float64) {
		e.waiting[evidenceKey{user, field}] = decision.EvidenceText(numbers)
	})
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// run tells the store until ctx is done.
func (e *evidence) run(ctx context.Context) {
	for {
		batch := e.some()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-e.wake:
			}
			continue
		}
		if err := e.tell(ctx, batch); err != nil {
			if ctx.Err() != nil {
				return
			}
			e.fail(err)
			sleep(ctx, evidenceRetry)
		}
	}
}

// some takes some of what waits, in no order.
func (e *evidence) some() map[evidenceKey]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	batch := make(map[evidenceKey]string, min(len(e.waiting), evidenceBatch))
	for k, text := range e.waiting {
		if len(batch) == evidenceBatch {
			break
		}
		batch[k] = text
		delete(e.waiting, k)
	}
	return batch
}

// tell puts a batch, and what could not be put back among what waits, unless something newer does.
func (e *evidence) tell(ctx context.Context, batch map[evidenceKey]string) error {
	var g errgroup.Group
	g.SetLimit(evidenceWorkers)
	for k, text := range batch {
		g.Go(func() error {
			limited, cancel := context.WithTimeout(ctx, evidenceRetry)
			defer cancel()
			err := e.store.Put(limited, k.user, map[string]string{k.field: text})
			if err == nil {
				return nil
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if _, newer := e.waiting[k]; !newer {
				e.waiting[k] = text
			}
			return fmt.Errorf("tell the feature store what sends have shown: %w", err)
		})
	}
	return g.Wait()
}
