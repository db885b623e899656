// Package review draws served decisions for people to look at: sampling takes the place of looking at every message.
//
// The draw is a hash of salt and event id, so that nobody can choose what is looked at, and the same log gives the same
// sample. What waits is kept in memory, bounded; verdicts are audit entries of kind review.verdict.
package review

import (
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/audit"
)

// Verdict is the kind of the audit entries that verdicts are.
const Verdict = "review.verdict"

// Item is a served decision that waits for a verdict.
type Item struct {
	Loop, Event, Action string
	Decided             time.Time
}

// Queue holds what waits. It is safe for concurrent use; the zero Queue draws nothing.
type Queue struct {
	Share float64 // of served decisions, from 0 to 1
	Most  int     // that wait; beyond it the oldest are forgotten

	mu      sync.Mutex
	waiting []Item
}

// Draws reports whether a decision is drawn.
func (q *Queue) Draws(loop, event string) bool {
	if q.Share <= 0 {
		return false
	}
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString("review\x00" + loop + "\x00" + event)
	return float64(d.Sum64()>>11)/(1<<53) < q.Share
}

// Offer puts a decision in the queue, if it is drawn and something was served.
func (q *Queue) Offer(i Item) {
	if i.Action == "" || !q.Draws(i.Loop, i.Event) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, i)
	if extra := len(q.waiting) - q.Most; extra > 0 {
		q.waiting = slices.Delete(q.waiting, 0, extra)
	}
}

// Apply takes out what has its verdict. Entries of other kinds are passed over.
func (q *Queue) Apply(e audit.Entry) {
	if e.Kind != Verdict {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(i Item) bool { return i.Loop == e.Loop && i.Event == e.Subject })
}

// Waiting returns at most n of what waits, the oldest first, and how many there are.
func (q *Queue) Waiting(loop string, n int) (items []Item, all int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.waiting {
		if loop != "" && i.Loop != loop {
			continue
		}
		if all++; len(items) < n {
			items = append(items, i)
		}
	}
	return items, all
}
