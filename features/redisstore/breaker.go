package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// breaker lets calls fail at once while Redis does not answer, so that not each of them waits for its deadline.
//
// It opens after limit failures in a row. Then a goroutine of its own asks Redis at once and every so often, so that no
// caller's time is spent on it, and closes the breaker on the first answer.
type breaker struct {
	limit int32
	every time.Duration
	ctx   context.Context // of the store: its end ends the probes
	wait  *sync.WaitGroup

	open     atomic.Bool
	failures atomic.Int32
}

// succeeded reports an answer of Redis.
func (b *breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

// failed reports that there was none. probe is what to try until it works again.
func (b *breaker) failed(probe func(context.Context) error) {
	if b.failures.Add(1) < b.limit || !b.open.CompareAndSwap(false, true) {
		return
	}
	b.wait.Go(func() { b.recover(probe) })
}

func (b *breaker) recover(probe func(context.Context) error) {
	for b.ctx.Err() == nil {
		if err := probe(b.ctx); err == nil {
			b.failures.Store(0)
			b.open.Store(false)
			return
		}
		select {
		case <-time.After(b.every):
		case <-b.ctx.Done():
		}
	}
}
