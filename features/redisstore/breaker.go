package redisstore

import (
	"context"
	"log/slog"
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
	log   *slog.Logger

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

// recover tells an outage in two lines, however long it takes and however many calls it fails.
func (b *breaker) recover(probe func(context.Context) error) {
	told, since := false, time.Now()
	for b.ctx.Err() == nil {
		err := probe(b.ctx)
		if err == nil {
			b.failures.Store(0)
			b.open.Store(false)
			if told {
				b.log.Info("Redis answers again", "after", time.Since(since))
			}
			return
		}
		if !told {
			b.log.Warn("Redis does not answer: calls fail at once until it does", "error", err)
			told = true
		}
		select {
		case <-time.After(b.every):
		case <-b.ctx.Done():
		}
	}
}
