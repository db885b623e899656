package learn

import (
	"cmp"
	byEnd "container/heap"
)

// closings are the events of a loop of send times by when their windows end, which is not the order of their decisions: one that is planned
// for the next fortnight must not keep those of today from being learned from. An event that is moved is in it once more.
type closings []closing

type closing struct {
	at    int64 // when the window ended, when the event was put here
	event *event
}

// Len implements heap.Interface.
func (c closings) Len() int { return len(c) }

// Less implements heap.Interface: events whose windows end at once settle in the order of their decisions.
func (c closings) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].at, c[j].at), cmp.Compare(c[i].event.position, c[j].event.position)) < 0
}

// Swap implements heap.Interface.
func (c closings) Swap(i, j int) { c[i], c[j] = c[j], c[i] }

// Push implements heap.Interface.
func (c *closings) Push(x any) { *c = append(*c, x.(closing)) }

// Pop implements heap.Interface.
func (c *closings) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	(*c)[last] = closing{}
	*c = (*c)[:last]
	return x
}

// schedule notes when an event's window ends, in a loop of send times.
func (l *loopFold) schedule(e *event) {
	if l.definition.Loop.Send != nil {
		byEnd.Push(&l.closings, closing{e.closes(l.window()), e})
	}
}

// next returns the event whose window ends first, nil where there is none.
func (l *loopFold) next() *event {
	if l.definition.Loop.Send == nil {
		if l.queue.len() == 0 {
			return nil
		}
		return l.queue.front()
	}
	for len(l.closings) > 0 {
		first := l.closings[0]
		if !first.event.ended && first.event.closes(l.window()) == first.at {
			return first.event
		}
		byEnd.Pop(&l.closings) // It was moved, or has settled.
	}
	return nil
}

// openEvents returns the events whose windows have not ended, in the order of their decisions.
func (l *loopFold) openEvents() []*event {
	all := l.queue.all()
	open := make([]*event, 0, len(all))
	for _, e := range all {
		if !e.ended {
			open = append(open, e)
		}
	}
	return open
}

// leave takes an event out that has ended.
func (l *loopFold) leave(e *event) {
	e.ended = true
	for l.queue.len() > 0 && l.queue.front().ended {
		l.queue.pop()
		l.ripe = max(0, l.ripe-1)
	}
}
