package contact

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/contact/contacttest"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/guardrail"
)

// kept is a Source as the suite wants it.
type kept struct{ *Source }

func (k kept) SetSuppressed(ctx context.Context, user string, channels []string) error {
	return k.Contacts.SetSuppressed(ctx, user, channels)
}

func TestMemory(t *testing.T) {
	contacttest.Run(t, func(*testing.T) []contacttest.Keeper {
		return []contacttest.Keeper{kept{&Source{Contacts: NewMemory()}}}
	})
}

func TestOldContactsAreForgotten(t *testing.T) {
	m := NewMemory()
	at := time.UnixMilli(1_800_000_000_000)
	for i := range maxContacts + 50 {
		m.Restore("ann", guardrail.Contact{At: at.Add(time.Duration(i) * time.Second), Event: fmt.Sprint("e", i), Loop: "shop"})
	}
	known := m.Hold("ann", decision.Hold{Loop: "shop", Event: "x", UnixMillis: at.Add(time.Hour).UnixMilli()})
	if n := len(known.Recent); n != maxContacts || !known.Truncated {
		t.Errorf("%d contacts of one user are kept, said to be all %t; want the newest %d", n, !known.Truncated, maxContacts)
	}
	m.Forget(at.Add(Kept + 24*time.Hour))
	for i := range m.shards {
		if n := len(m.shards[i].users); n != 0 {
			t.Errorf("%d users are known of whom nothing is", n)
		}
	}
}

func TestBudgetsAreNotPassedTogether(t *testing.T) {
	b := NewBudgets()
	var served, all sync.WaitGroup
	passed := make(chan struct{}, 1000)
	served.Add(1)
	for range 1000 {
		all.Go(func() {
			served.Wait()
			spent := b.Hold("shop", "2026-11-26", []string{"spend"}, []float64{2})
			if spent[0]+2 > 100 {
				b.Settle("shop", "2026-11-26", []string{"spend"}, []float64{2}, []float64{0})
				return
			}
			passed <- struct{}{}
			b.Settle("shop", "2026-11-26", []string{"spend"}, []float64{2}, []float64{2})
		})
	}
	served.Done()
	all.Wait()
	if n, spent := len(passed), b.Spent("shop", "2026-11-26", "spend"); n > 50 || spent != float64(2*n) {
		t.Errorf("%d were served and %v was spent of 100", n, spent)
	}
	for d := range 10 {
		b.Hold("shop", fmt.Sprintf("2026-12-%02d", d+1), []string{"spend"}, []float64{1})
	}
	if b.Spent("shop", "2026-12-10", "spend") != 1 {
		t.Error("what is held does not count")
	}
	if len(b.days) > keptDays {
		t.Errorf("%d days are kept, want %d", len(b.days), keptDays)
	}
}
