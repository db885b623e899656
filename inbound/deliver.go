package inbound

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
)

// Result is what became of one delivery.
type Result struct {
	Received int             // events
	Counts   map[Outcome]int // events by outcome; each has one
	Problems []Problem       // of refused and failed events, in the order of the delivery
	Err      error           // of the first failed event: the whole delivery should come again
}

// Problem says why one event was not taken.
type Problem struct {
	Index  int    `json:"index"` // in the delivery, from 0
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
}

// workers is how many events of one delivery are reported at once: enough to share the log's group commits (a delivery holds up
// to some thousand events), and few beside the calls that the server takes at once.
const workers = 8

// Deliver reports the events of one delivery. Events of the same decision are reported in their order; others side by side.
func Deliver(ctx context.Context, items []Item, sink Sink) Result {
	outcomes := make([]Outcome, len(items))
	errs := make([]error, len(items))
	var lanes [workers][]int
	seed := maphash.MakeSeed()
	for i := range items {
		lane := maphash.Comparable(seed, [3]string{items[i].Event.Loop, items[i].Event.EventID, items[i].Event.UserID}) % workers
		lanes[lane] = append(lanes[lane], i)
	}
	var running sync.WaitGroup
	for _, lane := range lanes {
		if len(lane) == 0 {
			continue
		}
		running.Go(func() {
			for _, i := range lane {
				outcomes[i], errs[i] = report(ctx, &items[i], sink)
			}
		})
	}
	running.Wait()
	return summary(items, outcomes, errs)
}

// report returns the outcome of one event. A fault in what takes it must not end the process, which recovers panics of
// requests alone, and not of what runs beside them.
func report(ctx context.Context, it *Item, sink Sink) (outcome Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			outcome, err = Failed, fmt.Errorf("panic: %v", r)
		}
	}()
	switch {
	case it.Err != nil:
		return Refused, it.Err
	case it.Ignored:
		return Ignored, nil
	}
	outcome, err = sink.Report(ctx, it.Event)
	var refused *RefusedError
	switch {
	case err == nil:
		return outcome, nil
	case errors.As(err, &refused):
		return Refused, err
	}
	return Failed, err
}

func summary(items []Item, outcomes []Outcome, errs []error) Result {
	r := Result{Received: len(items), Counts: map[Outcome]int{}}
	for i, o := range outcomes {
		r.Counts[o]++
		if errs[i] == nil {
			continue
		}
		r.Problems = append(r.Problems, Problem{Index: i, ID: items[i].Event.ID, Reason: errs[i].Error()})
		if o == Failed && r.Err == nil {
			r.Err = errs[i]
		}
	}
	return r
}
