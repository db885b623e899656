package track

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// index knows recent decisions by user and attributed reports by track id. It is for one goroutine.
type index struct {
	seed maphash.Seed
	most int

	decisions  ring[decided]
	last       map[uint64]uint64 // number of the last decision by hash of the user
	reports    ring[reported]
	attributed map[uint64]eventlog.Position // by hash of the track id

	loops   []string // names by number
	numbers map[string]uint16
	evicted uint64 // decisions and reports that had to give way before their time
}

// decided is one decision, in 32 bytes.
type decided struct {
	position eventlog.Position
	at       int64 // unix nanoseconds
	user     uint64
	back     uint32 // how many decisions before this one the user's one before is; 0: there is none
	loop     uint16
}

// reported is one attributed report, in 24 bytes.
type reported struct {
	id       uint64
	position eventlog.Position
	at       int64
}

func newIndex(most int) *index {
	return &index{
		seed: maphash.MakeSeed(), most: max(most, chunkSize),
		last: make(map[uint64]uint64), attributed: make(map[uint64]eventlog.Position), numbers: make(map[string]uint16),
	}
}

// decision notes a decision. Those without a user are nobody's.
func (x *index) decision(pos eventlog.Position, d eventlog.UserDecision) {
	loop, ok := x.number(string(d.Loop))
	if len(d.User) == 0 || !ok {
		return
	}
	e := decided{position: pos, at: d.TimeUnixNanos, user: maphash.Bytes(x.seed, d.User), loop: loop}
	if before, ok := x.last[e.user]; ok && x.decisions.next-before <= math.MaxUint32 {
		e.back = uint32(x.decisions.next - before)
	}
	x.last[e.user] = x.decisions.push(e)
}

// number returns a loop's number, and false when there are too many loops.
func (x *index) number(loop string) (uint16, bool) {
	n, ok := x.numbers[loop]
	if !ok {
		if len(x.loops) > math.MaxUint16 {
			return 0, false
		}
		n = uint16(len(x.loops))
		x.loops, x.numbers[loop] = append(x.loops, loop), n
	}
	return n, true
}

// report notes an attributed report. The first of a track id counts.
func (x *index) report(pos eventlog.Position, at int64, trackID string) {
	id := maphash.String(x.seed, trackID)
	if _, known := x.attributed[id]; known {
		return
	}
	x.attributed[id] = pos
	x.reports.push(reported{id, pos, at})
}

// known returns where a track id's reward may stand: another id may have the same hash.
func (x *index) known(trackID string) (eventlog.Position, bool) {
	pos, ok := x.attributed[maphash.String(x.seed, trackID)]
	return pos, ok
}

// of returns copies of a user's decisions of some loops, the last in the log first, at most limit.
func (x *index) of(user string, in func(loop string) bool, limit int) []decided {
	var out []decided
	n, ok := x.last[maphash.String(x.seed, user)]
	for ok && len(out) < limit {
		e := x.decisions.get(n)
		if e == nil {
			break
		}
		if in(x.loops[e.loop]) {
			out = append(out, *e)
		}
		n, ok = n-uint64(e.back), e.back > 0
	}
	return out
}

// forget lets go of what is older than a time, and of the oldest where there is no room.
func (x *index) forget(before time.Time) {
	limit := before.UnixNano()
	for c := x.decisions.oldest(); c != nil && (c[chunkSize-1].at < limit || x.decisions.len() > x.most); c = x.decisions.oldest() {
		for i := range c {
			if x.last[c[i].user] == x.decisions.first+uint64(i) {
				delete(x.last, c[i].user)
			}
		}
		x.evict(c[chunkSize-1].at >= limit)
		x.decisions.drop()
	}
	for c := x.reports.oldest(); c != nil && (c[chunkSize-1].at < limit || x.reports.len() > x.most); c = x.reports.oldest() {
		for i := range c {
			delete(x.attributed, c[i].id)
		}
		x.evict(c[chunkSize-1].at >= limit)
		x.reports.drop()
	}
}

// evict counts what had to give way early.
func (x *index) evict(early bool) {
	if early {
		x.evicted += chunkSize
	}
}
