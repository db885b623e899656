package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/eventlog"
)

// Trail is the audit of a log that is being written.
type Trail struct {
	Journal
	Events *eventlog.Events
}

// Newest returns the newest entries that a filter wants, at most n, the newest first, and the chain's head as
// eventlog.ParseHead reads it.
func (t *Trail) Newest(ctx context.Context, f Filter, n int) (newest []Entry, head string, err error) {
	head = t.Events.ChainHead().String()
	for _, pos := range slices.Backward(t.Events.Administrative()) {
		if len(newest) == n || ctx.Err() != nil {
			break
		}
		b, err := t.Events.Log().Read(pos)
		if errors.Is(err, eventlog.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("read the audit: %w", err)
		}
		r, err := eventlog.Unmarshal(b)
		if err != nil {
			return nil, "", fmt.Errorf("read the audit: position %d: %w", pos, err)
		}
		if e, ok := EntryOf(pos, r); ok && f.Wants(&e) {
			newest = append(newest, e)
		}
	}
	return newest, head, ctx.Err()
}
