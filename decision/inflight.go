package decision

import (
	"context"
	"hash/maphash"
	"sync"
)

type eventKey struct{ loop, event string }

// inFlight lets one call at a time decide an event id; the others wait and then find its record. Its shards are
// locked for a map operation only, and only by requests that bring their own event id. The zero value is ready.
type inFlight struct {
	once   sync.Once
	seed   maphash.Seed
	shards [64]struct {
		sync.Mutex
		busy map[eventKey]chan struct{}
	}
}

// enter waits until no other call holds key, or for ctx. The caller then holds it until leave.
func (f *inFlight) enter(ctx context.Context, key eventKey) (leave func(), err error) {
	f.once.Do(func() { f.seed = maphash.MakeSeed() })
	shard := &f.shards[maphash.Comparable(f.seed, key)%uint64(len(f.shards))]
	for {
		shard.Lock()
		other, taken := shard.busy[key]
		if !taken {
			if shard.busy == nil {
				shard.busy = map[eventKey]chan struct{}{}
			}
			shard.busy[key] = nil // Hardly anybody waits: who does makes the channel.
			shard.Unlock()
			return func() {
				shard.Lock()
				awaited := shard.busy[key]
				delete(shard.busy, key)
				shard.Unlock()
				if awaited != nil {
					close(awaited)
				}
			}, nil
		}
		if other == nil {
			other = make(chan struct{})
			shard.busy[key] = other
		}
		shard.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
