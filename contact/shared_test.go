package contact_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/contact"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/internal/redistest"
)

// Replicas know what the others have spent, a restart tells nothing twice, and a Redis that is away takes nothing back.
func TestBudgetsOfReplicas(t *testing.T) {
	server := redistest.Start(t)
	const loop, date, name = "shop", "2026-11-26", "spend"
	start := func(replica string, restored float64) (*contact.Budgets, func()) {
		s, err := redisstore.New(redisstore.Options{URL: server.Addr})
		if err != nil {
			t.Fatal(err)
		}
		b := contact.NewBudgets()
		b.Restore(loop, date, name, restored)
		ctx, cancel := context.WithCancel(context.Background())
		var done sync.WaitGroup
		done.Go(func() { b.Follow(ctx, s, replica, slog.New(slog.DiscardHandler)) })
		stop := func() { cancel(); done.Wait(); _ = s.Close() }
		return b, stop
	}
	eventually := func(b *contact.Budgets, want float64) {
		t.Helper()
		var got float64
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if got = b.Spent(loop, date, name); got == want {
				return
			}
		}
		t.Fatalf("%v is spent, want %v", got, want)
	}
	spend := func(b *contact.Budgets, amount float64) {
		b.Hold(loop, date, []string{name}, []float64{amount})
		b.Settle(loop, date, []string{name}, []float64{amount}, []float64{amount})
	}
	a, stopA := start("a", 0)
	b, stopB := start("b", 0)
	defer stopB()
	spend(a, 3)
	spend(b, 4)
	eventually(a, 7)
	eventually(b, 7)
	stopA()
	a, stopA = start("a", 3) // from its log
	defer stopA()
	eventually(a, 7)
	spend(a, 1)
	eventually(b, 8)
	server.Kill()
	spend(b, 1)
	time.Sleep(500 * time.Millisecond)
	if got := b.Spent(loop, date, name); got != 9 {
		t.Errorf("with Redis away %v is spent, want 9", got)
	}
}
