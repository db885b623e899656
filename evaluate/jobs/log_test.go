package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/ope"
)

// writing is a log that a learner and decisions write to all the while.
type writing struct {
	t       *testing.T
	data    string
	decider *decision.Decider
	ids     int
}

func startWriting(t *testing.T) *writing {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	w := &writing{t: t, data: t.TempDir()}
	log, _, err := eventlog.Open(filepath.Join(w.data, "log"), eventlog.Options{Logger: quiet})
	check(t, err)
	t.Cleanup(func() { check(t, log.Close()) })
	events, err := eventlog.NewEvents(t.Context(), log)
	check(t, err)
	learner, err := learn.Start(t.Context(), learn.NewEventLog(events), loop.Compile, learn.Options{
		Dir: filepath.Join(w.data, "learner"), Logger: quiet,
	})
	check(t, err)
	t.Cleanup(func() { check(t, learner.Close()) })
	d, err := loop.Compile("shop.yaml", []byte(strings.Replace(shop("uniform"), "1h", "1s", 1)))
	check(t, err)
	check(t, learner.PutLoop(t.Context(), d))
	w.decider = &decision.Decider{
		Snapshots: learner, Features: noFeatures{}, Recorder: events, Now: time.Now, FeatureBudget: time.Second,
		NewID: func(time.Time) string { w.ids++; return fmt.Sprint("e", w.ids) },
	}
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type noFeatures struct{}

func (noFeatures) Fetch(_ context.Context, _ string, names []string) ([]features.Raw, error) {
	return make([]features.Raw, len(names)), nil
}

func (w *writing) play(n int) {
	w.t.Helper()
	for range n {
		_, err := w.decider.Rank(w.t.Context(), &decision.Request{Loop: "shop"})
		check(w.t, err)
	}
}

func newRunner(t *testing.T, data string) *Runner {
	ids := 0
	r := New(Options{Data: data, Logger: slog.New(slog.DiscardHandler), NewID: func(time.Time) string { ids++; return fmt.Sprint(ids) }})
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

// await waits until an evaluation is as wanted, while decisions go on.
func (w *writing) await(r *Runner, id string, ok func(*Evaluation) bool) Evaluation {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		e, err := r.Get("shop", id)
		check(w.t, err)
		if ok(&e) {
			return e
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("never came: %+v", e)
		}
		w.play(1)
	}
}

// What is found beside the writing of the log is what report.Make finds in it, over the same time.
func TestFindsWhatIsInTheLog(t *testing.T) {
	w := startWriting(t)
	w.play(400)
	until := time.Now()
	time.Sleep(1100 * time.Millisecond)
	w.play(1) // All windows of those before end.
	r := newRunner(t, w.data)
	q := NewRequest("shop", Policy{Name: "action:*"}, Policy{"shop.yaml", shop("squarecb")})
	q.Until, q.Interval, q.Rounds = until, "bootstrap", 200
	e, err := r.Start(&q)
	check(t, err)
	e = w.await(r, e.ID, func(e *Evaluation) bool { return e.State.ended() })
	if e.State != Done || len(e.Result.Policies) != 4 || e.Result.Source.Rows != 400 {
		t.Fatalf("%+v", e)
	}

	p, err := planOf(&q)
	check(t, err)
	p.options.Data = w.data
	log, err := evaluate.Open(t.Context(), p.options)
	check(t, err)
	defer log.Close()
	rows := &report.LogRows{Log: log, Loop: "shop"}
	p.choices.Options.Rewards = rows.Range()
	want, err := report.Make(t.Context(), rows, p.choices)
	check(t, err)
	// Decisions after the time go on being made, and are left out.
	want.Source.LeftOut, e.Result.Source.LeftOut = nil, nil
	want.Source.Calibration, e.Result.Source.Calibration = nil, nil
	if diff := cmp.Diff(want, e.Result); diff != "" {
		t.Errorf("(-report +jobs):\n%s", diff)
	}
}

// An evaluation stops in the midst of a bootstrap, which would go on for minutes.
func TestCancelStopsTheBootstrap(t *testing.T) {
	w := startWriting(t)
	w.play(400)
	time.Sleep(1100 * time.Millisecond)
	w.play(1)
	r := newRunner(t, w.data)
	q := NewRequest("shop")
	for i := range mostPolicies {
		q.Policies = append(q.Policies, Policy{Name: fmt.Sprint("action:", i)}) // Each the baseline, by another name.
	}
	q.Interval, q.Rounds = "bootstrap", ope.MostRounds
	first, err := r.Start(&q)
	check(t, err)
	second, err := r.Start(&q)
	check(t, err)
	w.await(r, first.ID, func(e *Evaluation) bool { return e.State == Running })
	time.Sleep(time.Second) // The log is read in a tenth of it.
	if e, err := r.Cancel("shop", first.ID); err != nil || e.State != Cancelled {
		t.Fatalf("%+v, %v: it had ended by itself", e, err)
	}
	asked := time.Now()
	w.await(r, second.ID, func(e *Evaluation) bool { return e.State == Running })
	if took := time.Since(asked); took > 30*time.Second {
		t.Errorf("went on for %v", took)
	}
	asked = time.Now()
	check(t, r.Close())
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("closed after %v", took)
	}
}

func TestUnknownLoopOfTheLog(t *testing.T) {
	w := startWriting(t)
	r := newRunner(t, w.data)
	q := NewRequest("elsewhere", Policy{Name: "uniform"})
	e, err := r.Start(&q)
	check(t, err)
	for deadline := time.Now().Add(20 * time.Second); !e.State.ended(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", e)
		}
		e, err = r.Get("elsewhere", e.ID)
		check(t, err)
	}
	if e.State != Failed || !strings.Contains(e.Problem, `no loop "elsewhere"; it has shop`) {
		t.Errorf("%+v", e)
	}
}
