package inbound

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
)

// sink takes what its function says, and notes the order by event.
type sink struct {
	mu   sync.Mutex
	seen map[string][]string
	take func(Event) (Outcome, error)
}

func (s *sink) Report(_ context.Context, e Event) (Outcome, error) {
	s.mu.Lock()
	s.seen[e.EventID] = append(s.seen[e.EventID], e.ID)
	s.mu.Unlock()
	return s.take(e)
}

// TestDeliver: each event has its outcome whatever the others have, and those of one decision keep their order.
func TestDeliver(t *testing.T) {
	var items []Item
	for i := range 1000 {
		it := Item{Event: Event{ID: strconv.Itoa(i), EventID: strconv.Itoa(i % 7)}}
		switch i % 10 {
		case 1:
			it.Err = &RefusedError{"bad"}
		case 2:
			it.Ignored = true
		}
		items = append(items, it)
	}
	s := &sink{seen: map[string][]string{}, take: func(e Event) (Outcome, error) {
		switch n, _ := strconv.Atoi(e.ID); n % 10 {
		case 3:
			return "", fmt.Errorf("wrapped: %w", &RefusedError{"no such metric"})
		case 4:
			return "", errors.New("the log is full")
		case 5:
			panic("a bug")
		}
		return Accepted, nil
	}}
	r := Deliver(t.Context(), items, s)
	want := map[Outcome]int{Accepted: 500, Ignored: 100, Refused: 200, Failed: 200}
	if r.Received != 1000 || !maps.Equal(r.Counts, want) || r.Err == nil || len(r.Problems) != 400 {
		t.Errorf("%d %v %v %d", r.Received, r.Counts, r.Err, len(r.Problems))
	}
	if r.Problems[0].Index != 1 || r.Problems[1].Index != 3 || r.Problems[1].ID != "3" {
		t.Errorf("%v", r.Problems[:2])
	}
	for id, order := range s.seen {
		for i := 1; i < len(order); i++ {
			before, _ := strconv.Atoi(order[i-1])
			if after, _ := strconv.Atoi(order[i]); after < before {
				t.Errorf("event %s: %d after %d", id, after, before)
			}
		}
	}
}
