package eventlog

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
)

// A decision that was written while its fdatasync failed is in the log, but must never pass for durable: whoever asks
// again for the same event would be told that it survives a power loss. What came before and after it is durable.
func TestFindIsAsDurableAsAsked(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files, SyncEvery: time.Hour})
	e, err := NewEvents(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	record := func(event string, d decision.Durability) error {
		return e.Record(t.Context(), oneDecision(event), d)
	}
	find := func(event string, d decision.Durability) error {
		r, err := e.Find(t.Context(), "shop", event, d)
		if err == nil && r == nil {
			t.Fatalf("%s is not found", event)
		}
		return err
	}
	if err := record("before", decision.Process); err != nil {
		t.Fatal(err)
	}
	if err := find("before", decision.Fsync); err != nil {
		t.Errorf("a decision that Find itself brings to the disk: %v", err)
	}
	files.set(func() { files.sync = func(string) error { return syscall.EIO } })
	if err := record("torn", decision.Fsync); !errors.Is(err, ErrUnsynced) {
		t.Fatalf("a failed fdatasync: %v", err)
	}
	files.set(func() { files.sync = nil })
	if err := record("after", decision.Fsync); err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]error{"before": nil, "torn": ErrUnsynced, "after": nil} {
		if err := find(event, decision.Fsync); !errors.Is(err, want) {
			t.Errorf("%s, durable: %v, want %v", event, err, want)
		}
		if err := find(event, decision.Process); err != nil {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func oneDecision(event string) *decision.Record {
	return &decision.Record{
		Loop: "shop", SnapshotID: "1-a",
		Input: decision.Input{Time: time.Unix(1_800_000_000, 0), EventID: event, Actions: []decision.Action{{ID: "a"}}, Slots: []decision.SlotSpec{{}}},
		Outcome: decision.Outcome{Choices: []decision.Choice{{
			Ranking: []decision.Ranked{{Action: 0, Probability: 1}}, WouldHaveChosen: -1,
		}}},
	}
}
