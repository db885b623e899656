package learn

import "github.com/cespare/xxhash/v2"

// MaxClosed bounds the closed events that a loop remembers, so that what comes for them is known to be late. Events
// are forgotten one window after they closed, the oldest first beyond the bound; what comes later still is an orphan.
const MaxClosed = 1 << 18

// closedEvents remembers closed events by a hash of their id: 16 bytes each, and their entry in the map.
type closedEvents struct {
	known map[uint64]struct{}
	queue queue[closedEvent]
}

type closedEvent struct {
	hash uint64
	at   int64 // log time
}

func (c *closedEvents) has(id string) bool {
	_, ok := c.known[xxhash.Sum64String(id)]
	return ok
}

func (c *closedEvents) add(id string, now int64) {
	c.push(closedEvent{xxhash.Sum64String(id), now})
}

func (c *closedEvents) push(e closedEvent) {
	if _, ok := c.known[e.hash]; ok {
		return
	}
	c.known[e.hash] = struct{}{}
	c.queue.push(e)
}

// forget drops those that closed before the given time, and the oldest beyond the bound.
func (c *closedEvents) forget(before int64) {
	for c.queue.len() > 0 && (c.queue.front().at < before || c.queue.len() > MaxClosed) {
		delete(c.known, c.queue.front().hash)
		c.queue.pop()
	}
}
