package contact

import (
	"context"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/guardrail"
)

// Restored is a logged decision that reached somebody.
type Restored struct {
	User     string
	Contacts []guardrail.Contact
	Spent    []float64 // by budget of the loop's contact policy
	Loop     string
	At       time.Time
}

// Restore calls f with every logged decision that reached somebody after a time, in the order of the log: what is kept of
// contacts and budgets is made again from it.
func Restore(ctx context.Context, l *eventlog.Log, after time.Time, f func(Restored) error) error {
	return l.Each(ctx, func(pos eventlog.Position, b []byte) error {
		if !eventlog.ReachesSomebody(b) {
			return nil
		}
		record, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		r, err := eventlog.ToDecision(record)
		if err != nil || !r.Time.After(after) {
			return nil // What cannot be read reached nobody that anyone could tell.
		}
		return f(restoredOf(r))
	})
}

func restoredOf(r *decision.Record) Restored {
	out := Restored{User: r.UserID, Loop: r.Loop, At: r.Time, Contacts: decision.ContactsOf(r)}
	for i := range r.Choices {
		for b, amount := range r.Choices[i].Reached.Spent {
			if b >= len(out.Spent) {
				out.Spent = append(out.Spent, make([]float64, b+1-len(out.Spent))...)
			}
			out.Spent[b] += amount
		}
	}
	return out
}
