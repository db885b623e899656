package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxFlights is how many round trips of reads a lane has under way at most.
	maxFlights = 4
	// patience is how long after the last departure another flight leaves although one is still under way. One flight
	// at a time makes the fullest pipelines, and costs the least CPU; but nobody should wait long for a slow one.
	patience = 500 * time.Microsecond
	// maxBatch bounds a pipeline, so that the first of it need not wait long for the last.
	maxBatch = 256
)

var (
	errOpen      = errors.New("redis does not answer and is being probed")
	errQueueFull = errors.New("too many calls wait for redis")
)

// lane carries the reads of some of the users: of all of them, or in a cluster of a part of the slots, so that a hung
// master holds up its own users only.
//
// A caller that finds nothing under way sends its command itself, at no cost over plain go-redis. Those who come
// meanwhile queue, and whoever comes back starts a goroutine that sends all that wait as one pipeline, until none wait.
type lane struct {
	store   *Store
	breaker *breaker

	mu       sync.Mutex
	flights  int
	departed time.Time // the last of them
	queue    []*read
}

// read is one caller's HMGET.
type read struct {
	ctx  context.Context
	cmd  *redis.SliceCmd
	done chan struct{} // closed when cmd has its answer
}

// do runs an HMGET and returns by ctx's deadline, with the answer in cmd or an error.
func (l *lane) do(ctx context.Context, cmd *redis.SliceCmd) error {
	if l.breaker.open.Load() {
		return errOpen
	}
	l.mu.Lock()
	leave := l.depart()
	if leave && len(l.queue) == 0 {
		l.mu.Unlock()
		err := l.store.client.Process(ctx, cmd)
		l.store.stats.direct.Add(1)
		l.report(err, cmd)
		l.land()
		return err
	}
	if !leave && len(l.queue) >= l.store.options.QueueLimit {
		l.mu.Unlock()
		return errQueueFull
	}
	r := &read{ctx: ctx, cmd: cmd, done: make(chan struct{})}
	l.queue = append(l.queue, r)
	l.mu.Unlock()
	if leave {
		l.land()
	}
	select {
	case <-r.done:
		return cmd.Err()
	case <-ctx.Done(): // the flight goes on without us
		return ctx.Err()
	}
}

// depart reports whether it is time for another flight, and counts it. l.mu is held.
func (l *lane) depart() bool {
	now := time.Now()
	if l.flights > 0 && (l.flights == maxFlights || now.Sub(l.departed) < patience) {
		return false
	}
	l.flights++
	l.departed = now
	return true
}

// land ends a caller's own flight, or turns it into one for those who wait.
func (l *lane) land() {
	batch := l.take(nil)
	if len(batch) == 0 {
		return
	}
	l.store.wait.Go(func() {
		for ; len(batch) > 0; batch = l.take(batch) {
			l.fly(batch)
		}
	})
}

// take returns who waits, into the memory of the batch before. When nobody does, the flight is over.
func (l *lane) take(batch []*read) []*read {
	clear(batch)
	batch = batch[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), maxBatch)
	if n == 0 {
		l.flights--
		return nil
	}
	l.departed = time.Now()
	batch = append(batch, l.queue[:n]...)
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	return batch
}

// fly sends one pipeline. It runs for the store's timeout, not for that of any of its callers: each leaves by its own.
func (l *lane) fly(batch []*read) {
	ctx, cancel := context.WithTimeout(l.store.ctx, l.store.options.Timeout)
	defer cancel()
	pipe := l.store.client.Pipeline()
	sent := batch[:0:0]
	for _, r := range batch {
		if r.ctx.Err() == nil {
			_ = pipe.Process(ctx, r.cmd) // only queues it
			sent = append(sent, r)
		}
	}
	if len(sent) > 0 {
		_, _ = pipe.Exec(ctx) // each command has its own error
		l.store.stats.pipelines.Add(1)
		l.store.stats.shared.Add(uint64(len(sent)))
		hopeful := best(sent)
		l.report(hopeful.Err(), hopeful)
	}
	for _, r := range batch {
		close(r.done)
	}
}

// best returns a pipeline's most hopeful outcome: it failed as a whole only if nothing was answered.
func best(sent []*read) *redis.SliceCmd {
	for _, r := range sent {
		if _, unfit := classify(r.cmd.Err()); !unfit {
			return r.cmd
		}
	}
	return sent[0].cmd
}

// report tells the breaker how a round trip ended. What failed is what is tried until it works again.
func (l *lane) report(err error, cmd *redis.SliceCmd) {
	l.store.report(err, l.breaker, cmd.Args()[1].(string))
}
