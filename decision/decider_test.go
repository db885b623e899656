package decision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

func uniformSnapshot(change func(*Loop)) *Snapshot {
	return snapshotOf(must(model.NewUniform(0)), change)
}

func TestRankIsOneEventPerID(t *testing.T) {
	log := &memoryLog{}
	d := newDecider(t, uniformSnapshot(nil), log, user{})
	req := &Request{Loop: "shop", EventID: "e-1"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	served := map[int]bool{}
	for range 50 {
		wg.Go(func() {
			r := must(d.Rank(t.Context(), req))
			mu.Lock()
			defer mu.Unlock()
			served[r.Choices[0].Served()] = true
		})
	}
	wg.Wait()
	if len(log.records) != 1 || len(served) != 1 {
		t.Errorf("50 calls with one event id made %d records and %d answers", len(log.records), len(served))
	}
	other := *req
	other.UserID = "someone else"
	if _, err := d.Rank(t.Context(), &other); !errors.Is(err, ErrEventConflict) {
		t.Errorf("the same event id with another request: %v", err)
	}
}

func TestRankNamesEventsThatHaveNoName(t *testing.T) {
	log := &memoryLog{}
	d := newDecider(t, uniformSnapshot(nil), log, user{})
	a, b := must(d.Rank(t.Context(), &Request{Loop: "shop"})), must(d.Rank(t.Context(), &Request{Loop: "shop"}))
	if a.EventID == "" || a.EventID == b.EventID || len(log.records) != 2 {
		t.Errorf("event ids %q and %q, %d records", a.EventID, b.EventID, len(log.records))
	}
}

func TestRankUnknownLoop(t *testing.T) {
	d := newDecider(t, uniformSnapshot(nil), &memoryLog{}, user{})
	if _, err := d.Rank(t.Context(), &Request{Loop: "nowhere"}); !errors.Is(err, ErrUnknownLoop) {
		t.Error(err)
	}
}

func withRecency(l *Loop) {
	l.Schema.User = []features.Field{{Name: "recency", Type: features.NumberType, Default: features.NumberValue(6)}}
	l.UserNames = l.Schema.UserFieldNames()
}

func TestRankWithoutFeatures(t *testing.T) {
	for _, tc := range []struct {
		name     string
		source   user
		fallback string
	}{
		{"late", user{hangs: true}, FallbackFeaturesTimeout},
		{"late by the network's word", user{err: fmt.Errorf("read: %w", context.DeadlineExceeded)}, FallbackFeaturesTimeout},
		{"down", user{err: errors.New("refused")}, FallbackFeaturesUnavailable},
		{"there", user{raw: []features.Raw{{Text: "3", Present: true}}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDecider(t, uniformSnapshot(withRecency), &memoryLog{}, tc.source)
			r := must(d.Rank(t.Context(), &Request{Loop: "shop", UserID: "u"}))
			if r.Outcome.Fallback != tc.fallback {
				t.Errorf("fallback %q, want %q", r.Outcome.Fallback, tc.fallback)
			}
			if known := r.User.Get("recency").Kind() == features.Number; known != (tc.fallback == "") {
				t.Errorf("recorded user features %v", r.User)
			}
		})
	}
}

func TestFeaturesTakeTheirShareOfTheDeadline(t *testing.T) {
	d := newDecider(t, uniformSnapshot(withRecency), &memoryLog{}, user{hangs: true})
	d.FeatureBudget = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	r := must(d.Rank(ctx, &Request{Loop: "shop", UserID: "u"}))
	if r.Outcome.Fallback != FallbackFeaturesTimeout || ctx.Err() != nil {
		t.Errorf("fallback %q, caller's context %v", r.Outcome.Fallback, ctx.Err())
	}
}

func TestRankWithoutLog(t *testing.T) {
	notRecorded := fmt.Errorf("no space: %w", ErrNotRecorded)
	for _, tc := range []struct {
		name   string
		change func(*Loop)
		fail   error
		err    error
	}{
		{"certainly not recorded", nil, notRecorded, nil},
		{"perhaps recorded", nil, errors.New("sync failed"), ErrUnavailable},
		{"the loop wants an error", func(l *Loop) { l.Log = Unavailable }, notRecorded, ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDecider(t, uniformSnapshot(tc.change), &memoryLog{fail: tc.fail}, user{})
			r, err := d.Rank(t.Context(), &Request{Loop: "shop", EventID: "e"})
			if tc.err != nil {
				if !errors.Is(err, tc.err) {
					t.Errorf("%v, want %v", err, tc.err)
				}
				return
			}
			if err != nil || r.EventID != "" || r.Outcome.Fallback != FallbackLogUnavailable || r.Learned() {
				t.Fatalf("%+v, %v", r, err)
			}
			if served := r.Choices[0].Ranking[0]; served.Action != 0 || served.Probability != 1 {
				t.Errorf("served %+v, want the baseline with certainty", served)
			}
		})
	}
}

func TestRankHoldsTheRequestAgainstTheSchema(t *testing.T) {
	d := newDecider(t, uniformSnapshot(func(l *Loop) {
		l.Schema.Context = []features.Field{{Name: "hour", Type: features.NumberType}}
		l.Schema.Action = []features.Field{{Name: "price", Type: features.NumberType}}
	}), &memoryLog{}, user{})
	text := func(name string) features.Set {
		return features.Set{{Name: name, Value: features.TextValue("late")}}
	}
	for field, req := range map[string]*Request{
		"context.hour":              {Loop: "shop", Context: text("hour")},
		"actions[1].features.price": {Loop: "shop", Actions: []Action{{ID: "a"}, {ID: "b", Features: text("price")}}},
	} {
		_, err := d.Rank(t.Context(), req)
		var bad *InputError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%v, want an error of %s", err, field)
		}
	}
}

// slowLog takes its time to write; callers whose time is up leave without knowing what became of their record.
type slowLog struct {
	memoryLog
	write  chan struct{} // closed when the disk goes on
	writes sync.WaitGroup
}

type openOutcome struct{ settled chan struct{} }

func (openOutcome) Error() string              { return "outcome unknown" }
func (o openOutcome) Settled() <-chan struct{} { return o.settled }

func (s *slowLog) Record(ctx context.Context, r *Record, d Durability) error {
	settled := make(chan struct{})
	s.writes.Go(func() {
		<-s.write
		_ = s.memoryLog.Record(context.Background(), r, d)
		close(settled)
	})
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return openOutcome{settled}
	}
}

// A caller whose time is up while its decision is being written asks again, and again: that is one event.
func TestRankAgainWhileTheRecordIsUnderWay(t *testing.T) {
	log := &slowLog{write: make(chan struct{})}
	d := newDecider(t, uniformSnapshot(nil), nil, user{})
	d.Recorder = log
	req := &Request{Loop: "shop", EventID: "e-1"}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if r, err := d.Rank(ctx, req); err == nil {
			t.Errorf("answered %v, which is not in the log", r)
		}
		cancel()
	}
	close(log.write)
	r, err := d.Rank(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	log.writes.Wait()
	if len(log.records) != 1 || log.records[0] != r {
		t.Errorf("%d records of one event", len(log.records))
	}
}
