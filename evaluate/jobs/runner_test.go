package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nextbest/nextbest/evaluate/report"
)

// held is a runner whose evaluations end when the test says so.
type held struct {
	*Runner
	ids     int
	running atomic.Int64
	most    atomic.Int64 // that ever ran at once
	end     chan error   // nil: with a document
}

func newHeld(o Options) *held {
	h := &held{end: make(chan error)}
	o.NewID = func(time.Time) string { h.ids++; return fmt.Sprint(h.ids) }
	o.Logger = slog.New(slog.DiscardHandler)
	h.Runner = New(o)
	h.evaluate = func(ctx context.Context, _ *plan, progress func(float64)) (*report.Document, error) {
		h.most.Store(max(h.most.Load(), h.running.Add(1)))
		defer h.running.Add(-1)
		progress(0.5)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("evaluate: %w", ctx.Err())
		case err := <-h.end:
			if errors.Is(err, errPanicked) {
				panic("as the test wants it")
			}
			return &report.Document{Alpha: 0.05}, err
		}
	}
	return h
}

func (h *held) start(t *testing.T, loop string) Evaluation {
	t.Helper()
	q := NewRequest(loop, Policy{Name: "uniform"})
	e, err := h.Start(&q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// states returns the states of a loop's evaluations, the oldest first.
func (h *held) states(loop string) string {
	var out []string
	all := h.List(loop)
	for i := range all {
		out = append(out, string(all[len(all)-1-i].State))
	}
	return strings.Join(out, " ")
}

func (h *held) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := h.states("shop"); got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
}

func TestOneAtATimeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{})
		defer h.Close()
		for range 3 {
			h.start(t, "shop")
		}
		h.expect(t, "running queued queued")
		time.Sleep(time.Minute)
		h.end <- nil
		h.expect(t, "done running queued")
		h.end <- errors.New("the disk is gone")
		h.expect(t, "done failed running")
		h.end <- errPanicked
		h.expect(t, "done failed failed")
		h.start(t, "shop")
		h.expect(t, "done failed failed running")

		first, err := h.Get("shop", "1")
		if err != nil || first.Result == nil || first.Progress != 1 || first.Finished.Sub(first.Started) != time.Minute {
			t.Errorf("%+v, %v", first, err)
		}
		if second, _ := h.Get("shop", "2"); second.Problem != "the disk is gone" || second.Result != nil || second.Progress != 0.5 {
			t.Errorf("%+v", second)
		}
		if list := h.List("shop"); list[0].ID != "4" || list[3].Result != nil {
			t.Errorf("%+v", list)
		}
		if h.most.Load() != 1 {
			t.Errorf("%d ran at once", h.most.Load())
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{})
		defer h.Close()
		for range 9 { // One runs, whether or not it has begun to, and eight wait.
			h.start(t, "shop")
		}
		q := NewRequest("shop", Policy{Name: "uniform"})
		if _, err := h.Start(&q); !errors.Is(err, ErrFull) {
			t.Errorf("the tenth: %v", err)
		}
		synctest.Wait()
		if _, err := h.Start(&q); !errors.Is(err, ErrFull) {
			t.Errorf("the tenth, once the first runs: %v", err)
		}
		if e, err := h.Cancel("shop", "5"); err != nil || e.State != Cancelled {
			t.Errorf("%+v, %v", e, err)
		}
		h.start(t, "shop")
		h.expect(t, "running queued queued queued cancelled queued queued queued queued queued")
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{})
		defer h.Close()
		h.start(t, "shop")
		h.start(t, "shop")
		h.expect(t, "running queued")
		if e, err := h.Cancel("shop", "1"); err != nil || e.State != Cancelled || e.Finished.IsZero() {
			t.Errorf("%+v, %v", e, err)
		}
		h.expect(t, "cancelled running")
		h.end <- nil
		h.expect(t, "cancelled done")
		if e, err := h.Cancel("shop", "2"); err != nil || e.State != Done || e.Result == nil {
			t.Errorf("one that has ended: %+v, %v", e, err)
		}
		for _, of := range [][2]string{{"shop", "3"}, {"other", "2"}} {
			if _, err := h.Cancel(of[0], of[1]); !errors.Is(err, ErrNotFound) {
				t.Errorf("cancel %v: %v", of, err)
			}
			if _, err := h.Get(of[0], of[1]); !errors.Is(err, ErrNotFound) {
				t.Errorf("get %v: %v", of, err)
			}
		}
	})
}

func TestLimitOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{})
		defer h.Close()
		h.start(t, "shop")
		time.Sleep(time.Hour - 1)
		h.expect(t, "running")
		time.Sleep(time.Nanosecond)
		h.expect(t, "failed")
		if e, _ := h.Get("shop", "1"); !strings.HasPrefix(e.Problem, "took longer than 1h0m0s") {
			t.Errorf("%+v", e)
		}
	})
}

func TestCloseCancelsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{})
		h.start(t, "shop")
		h.start(t, "shop")
		synctest.Wait()
		if err := h.Close(); err != nil || h.running.Load() != 0 {
			t.Errorf("%v, %d still run", err, h.running.Load())
		}
		h.expect(t, "cancelled cancelled")
		q := NewRequest("shop", Policy{Name: "uniform"})
		if _, err := h.Start(&q); !errors.Is(err, ErrClosed) {
			t.Errorf("started after the end: %v", err)
		}
	})
}

// The oldest that have ended are dropped, those that have not never.
func TestKeepsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{Keep: 2})
		defer h.Close()
		h.start(t, "other")
		for range 4 {
			h.start(t, "shop")
		}
		for _, id := range []string{"2", "4", "5", "3"} {
			if _, err := h.Cancel("shop", id); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := h.List("shop"); len(got) != 2 || got[0].ID != "5" || got[1].ID != "4" {
			t.Errorf("%+v", got)
		}
		if got := h.List("other"); len(got) != 1 || got[0].State != Running {
			t.Errorf("%+v", got)
		}
	})
}
