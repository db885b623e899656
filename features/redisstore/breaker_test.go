package redisstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wait sync.WaitGroup
		b := &breaker{limit: 3, every: 200 * time.Millisecond, ctx: t.Context(), wait: &wait, log: slog.New(slog.DiscardHandler)}
		var probes atomic.Int32
		probe := func(context.Context) error {
			if probes.Add(1) < 4 {
				return errors.New("still down")
			}
			return nil
		}
		for range 10 { // never three in a row
			b.failed(probe)
			b.failed(probe)
			b.succeeded()
		}
		if b.open.Load() {
			t.Fatal("open after two failures in a row")
		}
		start := time.Now()
		for range 20 { // those that were under way fail as well, and start no second probe
			b.failed(probe)
		}
		synctest.Wait()
		if !b.open.Load() || probes.Load() != 1 {
			t.Fatalf("open %v after %d probes, want an open one that was probed at once", b.open.Load(), probes.Load())
		}
		wait.Wait()
		if took := time.Since(start); b.open.Load() || probes.Load() != 4 || took != 600*time.Millisecond {
			t.Errorf("open %v after %d probes and %v", b.open.Load(), probes.Load(), took)
		}
		b.failed(probe)
		if b.open.Load() {
			t.Error("the failures from before count after the recovery")
		}
	})
}

func TestBreakerStopsProbingWithItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		b := &breaker{limit: 1, every: time.Hour, ctx: ctx, wait: &wait, log: slog.New(slog.DiscardHandler)}
		b.failed(func(context.Context) error { return errors.New("down") })
		synctest.Wait()
		cancel()
		wait.Wait() // a probe that goes on is a deadlock here
	})
}
