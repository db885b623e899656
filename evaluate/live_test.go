package evaluate

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// A live log gives, in pieces and while it grows, the rows that a log gives at once, and each record once in its order. What
// is at its end is waited for.
func TestLiveLogGivesTheSameRows(t *testing.T) {
	s := newScribe(t)
	w := newWorld(3)
	s.put("shop", shopFile)
	d := s.loops["shop"].definition
	candidates := []Candidate{Online(), Uniform(), LoopFile("itself", d)}
	var seen []eventlog.Position
	l := must(Open(t.Context(), Options{
		Live: s.events.Log(), Loop: "shop", Definition: d, Candidates: candidates,
		Each: func(_ context.Context, pos eventlog.Position, r *logv1.Record) error {
			seen = append(seen, pos)
			return nil
		},
	}))
	defer l.Close()
	var rows []Row
	drain := func() {
		for {
			row, err := l.Next(t.Context())
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	drain()
	for range 20 {
		w.play(s, "shop", 13)
		if err := l.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		drain()
	}
	w.end(s, "shop")
	drain()
	short, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := l.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("at the end: %v", err)
	}
	_, want := read(t, Options{Data: s.data, Loop: "shop", Definition: d, Candidates: candidates})
	if diff := cmp.Diff(want, rows); diff != "" || len(rows) != 260 {
		t.Errorf("%d rows (-at once +live):\n%s", len(rows), diff)
	}
	if all := entries(t, s.data); len(all) != len(seen) || all[len(all)-1].Position != seen[len(seen)-1] {
		t.Errorf("%d records were seen of %d", len(seen), len(all))
	}
}

// The metrics of a slot come beside its reward, also those of weight 0.
func TestRowsHaveMetrics(t *testing.T) {
	const file = `
version: 1
name: shop
actions: [{id: a}, {id: b}]
reward: {reward_wait_time: 1h, aggregation: sum, metrics: {click: 1, complaint: 0, sale: 10}}
`
	s := newScribe(t)
	s.put("shop", file)
	w := newWorld(4)
	r := s.rank(w.request("shop", 0))
	for i, metric := range []string{"sale", "complaint", "complaint"} {
		s.append(&logv1.Record{Body: &logv1.Record_Reward{Reward: &logv1.Reward{
			Loop: "shop", EventId: r.EventID, RewardId: metric + string(rune('0'+i)), Metric: metric, Value: 1,
		}}})
	}
	s.rank(w.request("shop", 1))
	s.wait(2 * time.Hour)
	s.cut("shop")
	_, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online()}})
	if len(rows) != 2 || rows[0].Samples[0].Reward != 10 || rows[0].Snapshot != 1 {
		t.Fatalf("%+v", rows)
	}
	if diff := cmp.Diff([][]float64{{0, 2, 1}, {0, 0, 0}}, [][]float64{rows[0].Metrics, rows[1].Metrics}); diff != "" {
		t.Error(diff)
	}
}
