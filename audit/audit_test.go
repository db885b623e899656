package audit

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func openTrail(t *testing.T) *Trail {
	t.Helper()
	l, _, err := eventlog.Open(filepath.Join(t.TempDir(), "log"), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	e, err := eventlog.NewEvents(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	return &Trail{Journal: Journal{Log: e, Now: func() time.Time { now = now.Add(time.Hour); return now }}, Events: e}
}

func TestTrail(t *testing.T) {
	trail := openTrail(t)
	for _, e := range []Entry{
		{Kind: "kill.set", Actor: "ann", Loop: "shop", Subject: "a", Reason: "price", After: []byte(`{"x":1}`)},
		{Kind: "kill.lift", Actor: "bob", Loop: "shop", Subject: "a", Before: []byte(`{"x":1}`)},
		{Kind: "suppression.set", Actor: "ann", Subject: "u-1"},
	} {
		made, err := trail.Append(t.Context(), e)
		if err != nil || made.Number == 0 || made.Link == "" || made.Position == 0 || made.Kind != e.Kind || string(made.After) != string(e.After) {
			t.Errorf("%+v, %v", made, err)
		}
	}
	change := &logv1.Record{Body: &logv1.Record_LoopChange{LoopChange: &logv1.LoopChange{Loop: "shop", File: []byte("x"), Path: "shop.yaml",
		Promotion: &logv1.Promotion{Challenger: "bold", Actor: "carl", Reason: "wins"}}}}
	if _, err := trail.Events.Append(t.Context(), change, decision.Process); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		filter Filter
		n      int
		want   string
	}{
		{Filter{}, 10, "promotion.promote suppression.set kill.lift kill.set"},
		{Filter{}, 2, "promotion.promote suppression.set"},
		{Filter{Kind: "kill"}, 10, "kill.lift kill.set"},
		{Filter{Kind: "kill.set"}, 10, "kill.set"},
		{Filter{Kind: "ki"}, 10, ""},
		{Filter{Actor: "ann"}, 10, "suppression.set kill.set"},
		{Filter{Loop: "shop", Actor: "carl"}, 10, "promotion.promote"},
		{Filter{Since: time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC)}, 10, "suppression.set kill.lift"},
		{Filter{Until: time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC), Actor: "ann"}, 10, "kill.set"},
	} {
		newest, head, err := trail.Newest(t.Context(), tc.filter, tc.n)
		var kinds []string
		for _, e := range newest {
			kinds = append(kinds, e.Kind)
		}
		if got := strings.Join(kinds, " "); got != tc.want || err != nil || head != trail.Events.ChainHead().String() {
			t.Errorf("%+v: %q, %v; want %q", tc.filter, got, err, tc.want)
		}
	}
	n := 0
	if err := Each(t.Context(), trail.Events.Log(), func(Entry) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Errorf("%d entries before it was stopped, %v", n, err)
	}
}

func TestNobodysAndHugeEntriesAreRefused(t *testing.T) {
	trail := openTrail(t)
	if _, err := trail.Append(t.Context(), Entry{Kind: "kill.set", Actor: " "}); !errors.Is(err, ErrActor) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := trail.Append(t.Context(), Entry{Kind: "kill.set", Actor: "ann", After: make([]byte, maxDocument+1)}); err == nil {
		t.Error("a huge one is taken")
	}
}
