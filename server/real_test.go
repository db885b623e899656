package server

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// realDeps are the event log, the learner and the decider as they are served, in a directory, around a feature store.
func realDeps(t testing.TB, name, file string, store features.Store) Deps {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	log, _, err := eventlog.Open(filepath.Join(dir, "log"), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	events, err := eventlog.NewEvents(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	learner, err := learn.Start(t.Context(), learn.NewEventLog(events), loop.Compile, learn.Options{Dir: filepath.Join(dir, "learner"), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := learner.Close(); err != nil {
			t.Error(err)
		}
	})
	def, err := loop.Compile(name+".yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := learner.PutLoop(t.Context(), def); err != nil {
		t.Fatal(err)
	}
	n := 0
	return Deps{
		Decider: &decision.Decider{
			Snapshots: learner, Features: store, Recorder: events, Now: time.Now, FeatureBudget: time.Second,
			NewID: func(time.Time) string { n++; return "e-" + strconv.Itoa(n) },
		},
		Loops: learner, Events: events, Log: log, Features: store, Logger: quiet,
	}
}

// TestRealParts ranks, rewards and asks what became of it, over REST and through everything that is behind it.
func TestRealParts(t *testing.T) {
	r := serve(t, testConfig(), realDeps(t, "shop", "version: 1\nname: shop\nactions: [{id: a}, {id: b}]\nreward: {reward_wait_time: 1h}\n", newWorld()))
	if a := r.rest("GET", "/readyz", ""); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/shop/rank", `{"userId":"u","context":{"hour":13},"slots":[{"id":"top"},{"id":"side"}]}`); a.field("eventId") != "e-1" || a.field("snapshotId") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/shop/events/e-1/reward", `{"value":1,"rewardId":"r","slotId":"side"}`); a.field("outcome") != accepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	event := r.rest("GET", "/v1/loops/shop/events/e-1", "")
	for path, want := range map[string]any{
		"rewards.0.outcome": "joined", "rewards.0.slotId": "side", "reward.0": 0.0, "reward.1": 1.0, "state": "open", "decision.eventId": "e-1",
	} {
		if got := event.field(path); got != want {
			t.Errorf("%s is %v, want %v in %s", path, got, want, event.body)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		a := r.rest("GET", "/v1/loops/shop", "")
		if a.field("decisions") == "1" && a.field("rewards.joined") == "1" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the loop does not show it: %s", a.body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
