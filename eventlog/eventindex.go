package eventlog

import (
	"slices"
	"sync"
)

// indexShards is how many maps share the events, so that ranks and rewards rarely wait for each other.
const indexShards = 64

// eventIndex knows the positions of each event's records: a hash map from the event's key to the last of them, and
// with each the one before. An event with its decision and one reward takes about 60 bytes; there are no pointers, so
// that the garbage collector does not walk it.
type eventIndex struct {
	shards [indexShards]indexShard
}

type indexShard struct {
	mu    sync.RWMutex
	heads map[uint64]uint32 // number of the event's last link, plus one
	links []link
}

type link struct {
	low, high uint32 // the position's halves, so that a link takes 12 bytes
	previous  uint32 // number of the event's link before, plus one; 0: none
}

func (l link) position() Position { return Position(l.high)<<32 | Position(l.low) }

func (x *eventIndex) shard(key uint64) *indexShard { return &x.shards[key%indexShards] }

// add notes that the record at pos belongs to the event. Positions of an event are added in rising order.
func (x *eventIndex) add(key uint64, pos Position) {
	s := x.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heads == nil {
		s.heads = make(map[uint64]uint32)
	}
	s.links = append(s.links, link{low: uint32(pos), high: uint32(pos >> 32), previous: s.heads[key]})
	s.heads[key] = uint32(len(s.links))
}

// positions returns the positions of an event's records, and of those of any other event with the same key, rising.
func (x *eventIndex) positions(key uint64) []Position {
	s := x.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Position
	for n := s.heads[key]; n > 0; n = s.links[n-1].previous {
		out = append(out, s.links[n-1].position())
	}
	slices.Reverse(out)
	return out
}

// dropBefore forgets the records before pos.
func (x *eventIndex) dropBefore(pos Position) {
	for i := range x.shards {
		x.shards[i].dropBefore(pos)
	}
}

// dropBefore builds the shard again from the links that stay.
func (s *indexShard) dropBefore(pos Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.links
	s.links = nil
	moved := make([]uint32, len(old)) // new number of each old link, plus one
	for i, l := range old {
		if l.position() < pos {
			continue
		}
		if l.previous > 0 {
			l.previous = moved[l.previous-1]
		}
		s.links = append(s.links, l)
		moved[i] = uint32(len(s.links))
	}
	heads := make(map[uint64]uint32)
	for key, n := range s.heads {
		if m := moved[n-1]; m > 0 {
			heads[key] = m
		}
	}
	s.heads = heads
}

// len returns how many records are indexed.
func (x *eventIndex) len() int {
	n := 0
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		n += len(s.links)
		s.mu.RUnlock()
	}
	return n
}
