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

// read is what one caller asks about one user's keys.
type read struct {
	ctx  context.Context
	key  string
	cmd  redis.Cmder
	also redis.Cmder   // nil: nothing
	done chan struct{} // closed when the commands have their answers
}

// send queues the read's commands on a pipeline.
func (r *read) send(ctx context.Context, pipe redis.Pipeliner) {
	_ = pipe.Process(ctx, r.cmd) // only queues it
	if r.also != nil {
		_ = pipe.Process(ctx, r.also)
	}
}

// alone sends the read on its own, in one round trip.
func (r *read) alone(ctx context.Context, client redis.UniversalClient) {
	if r.also == nil {
		_ = client.Process(ctx, r.cmd) // each command has its own error
		return
	}
	pipe := client.Pipeline()
	r.send(ctx, pipe)
	_, _ = pipe.Exec(ctx)
}

// do runs a read and returns by ctx's deadline, with the answers in its commands, or with an error when there are none.
func (l *lane) do(r *read) error {
	ctx := r.ctx
	if l.breaker.open.Load() {
		return errOpen
	}
	l.mu.Lock()
	leave := l.depart()
	if leave && len(l.queue) == 0 {
		l.mu.Unlock()
		r.alone(ctx, l.store.client)
		l.store.stats.direct.Add(1)
		l.report(r)
		l.land()
		return nil
	}
	if !leave && len(l.queue) >= l.store.options.QueueLimit {
		l.mu.Unlock()
		return errQueueFull
	}
	r.done = make(chan struct{})
	l.queue = append(l.queue, r)
	l.mu.Unlock()
	if leave {
		l.land()
	}
	select {
	case <-r.done:
		return nil
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
			r.send(ctx, pipe)
			sent = append(sent, r)
		}
	}
	if len(sent) > 0 {
		_, _ = pipe.Exec(ctx) // each command has its own error
		l.store.stats.pipelines.Add(1)
		l.store.stats.shared.Add(uint64(len(sent)))
		l.report(best(sent))
	}
	for _, r := range batch {
		close(r.done)
	}
}

// best returns a pipeline's most hopeful outcome: it failed as a whole only if nothing was answered.
func best(sent []*read) *read {
	for _, r := range sent {
		if _, unfit := classify(r.cmd.Err()); !unfit {
			return r
		}
	}
	return sent[0]
}

// report tells the breaker how a round trip ended. What failed is what is tried until it works again.
func (l *lane) report(r *read) { l.store.report(r.cmd.Err(), l.breaker, r.key) }
