package export

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// pending holds the decisions that are not written yet, in the order of the log: written is only ever the first, once
// it is settled. Loops with a short window wait for those with a long one, so that one reader can fetch all decisions
// in a single pass.
type pending struct {
	events []pendingEvent // by position
	head   int
}

type pendingEvent struct {
	position   eventlog.Position
	settled    bool
	settlement learn.Settled
}

func (p *pending) add(pos eventlog.Position) {
	p.events = append(p.events, pendingEvent{position: pos})
}

// settle notes what became of an event, if it is one that is waited for.
func (p *pending) settle(s learn.Settled) {
	i, ok := slices.BinarySearchFunc(p.events[p.head:], s.Decision, func(e pendingEvent, pos eventlog.Position) int {
		return int(e.position) - int(pos)
	})
	if ok {
		e := &p.events[p.head+i]
		e.settled, e.settlement = true, s
	}
}

// next takes the first event off, if it is settled.
func (p *pending) next() (learn.Settled, bool) {
	if p.head == len(p.events) || !p.events[p.head].settled {
		return learn.Settled{}, false
	}
	s := p.events[p.head].settlement
	p.events[p.head] = pendingEvent{}
	p.head++
	if p.head > 1024 && p.head > len(p.events)/2 {
		n := copy(p.events, p.events[p.head:])
		clear(p.events[n:])
		p.events, p.head = p.events[:n], 0
	}
	return s, true
}

// fetcher reads decisions at rising positions.
type fetcher struct {
	reader *eventlog.Reader
}

var errGone = errors.New("the record is gone: retention dropped it while the log was exported; run it again")

func (f fetcher) decision(at eventlog.Position) (*decision.Record, error) {
	for {
		pos, payload, err := f.reader.TryNext()
		if errors.Is(err, io.EOF) || err == nil && pos > at {
			err = errGone
		}
		if err != nil {
			return nil, fmt.Errorf("position %d: %w", at, err)
		}
		if pos < at {
			continue
		}
		r, err := eventlog.Unmarshal(payload)
		if err != nil {
			return nil, fmt.Errorf("position %d: %w", at, err)
		}
		return eventlog.ToDecision(r)
	}
}
