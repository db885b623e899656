package contact

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	reader := l.NewReader(0)
	defer reader.Close()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		pos, b, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !eventlog.ReachesSomebody(b) {
			continue
		}
		record, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		r, err := eventlog.ToDecision(record)
		if err != nil || !r.Time.After(after) {
			continue // What cannot be read reached nobody that anyone could tell.
		}
		if err := f(restoredOf(r)); err != nil {
			return err
		}
	}
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
