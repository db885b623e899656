package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Old segments go, once checkpoints cover them; what is younger, and what was learned, stays.
func TestRetention(t *testing.T) {
	data := t.TempDir()
	log, _, err := eventlog.Open(filepath.Join(data, logFolder), eventlog.Options{SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	events, err := eventlog.NewEvents(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Unix(1_800_000_000, 0)
	now := day
	options := learn.Options{Dir: filepath.Join(data, learnerFolder), Now: func() time.Time { return now }}
	begin := func() *learn.Learner {
		learner, err := learn.Start(t.Context(), learn.NewEventLog(events), loop.Compile, options)
		if err != nil {
			t.Fatal(err)
		}
		return learner
	}
	learner := begin()
	definition, err := loop.Compile("page.yaml", []byte(fmt.Sprintf(pageLoop, "uniform")))
	if err != nil {
		t.Fatal(err)
	}
	if err := learner.PutLoop(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	orphans := func(n int) {
		for i := range n {
			r := &logv1.Record{TimeUnixNanos: now.UnixNano(), Body: &logv1.Record_Reward{Reward: &logv1.Reward{
				Loop: "page", EventId: fmt.Sprintf("%d-%d", now.Unix(), i), RewardId: "r", Value: 1,
			}}}
			if _, err := events.Append(t.Context(), r, decision.Process); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := &retention{keep: 48 * time.Hour, events: events, now: func() time.Time { return now }, logger: slog.New(slog.DiscardHandler)}
	for range 5 {
		orphans(200)
		now = now.Add(24 * time.Hour)
		learner.Close() // Its last act is a checkpoint.
		learner = begin()
	}
	defer func() { learner.Close() }()
	r.learner = learner
	segments := log.Stats().Segments
	if err := r.drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := log.Stats().Segments; after >= segments || after < 2 {
		t.Fatalf("%d segments of %d are left", after, segments)
	}
	_, oldest, err := recordAt(events, 1)
	if err != nil {
		t.Fatal(err)
	}
	if limit := now.Add(-48 * time.Hour); !oldest.Before(limit) || oldest.Before(limit.Add(-48*time.Hour)) {
		t.Errorf("the oldest record is of %v: whole segments before %v should go, and no more", oldest, limit)
	}
	learner.Close()
	learner = begin()
	if status, ok := learner.Status("page"); !ok || learner.Loops()[0] != "page" {
		t.Errorf("after retention and a restart: %+v, %v", status, learner.Loops())
	}
}

func TestFirstSince(t *testing.T) {
	log, _, err := eventlog.Open(filepath.Join(t.TempDir(), logFolder), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	events, err := eventlog.NewEvents(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1_800_000_000, 0)
	for i := range 100 {
		at := start.Add(time.Duration(i/3) * time.Second)
		r := &logv1.Record{TimeUnixNanos: at.UnixNano(), Body: &logv1.Record_Cut{Cut: &logv1.Cut{Loop: "page", Number: uint64(i)}}}
		if _, err := events.Append(t.Context(), r, decision.Process); err != nil {
			t.Fatal(err)
		}
	}
	for second := -1; second <= 35; second++ {
		want := eventlog.Position(min(max(3*second, 0), 100) + 1)
		got, err := firstSince(t.Context(), events, start.Add(time.Duration(second)*time.Second))
		if err != nil || got != want {
			t.Errorf("since second %d: position %d, want %d (%v)", second, got, want, err)
		}
	}
}
