package eventlog

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func sendRecord() *decision.Record {
	at := time.Date(2026, 11, 26, 9, 20, 0, 0, time.UTC)
	w := &decision.SendWindow{
		Earliest: at, Latest: at.Add(5 * time.Hour), Granularity: time.Hour, Zone: "Asia/Kolkata", Offsets: []decision.ZoneOffset{{From: at.Unix(), Seconds: 19800}},
		DoNotSend: true, ZoneAsked: true, Campaign: "spring", PerMinute: 7, Places: []int32{0, 3, decision.FullMinutes, 59, 1, 2},
	}
	w.Prepare()
	return &decision.Record{
		Loop: "news", SnapshotID: "1-a",
		Input: decision.Input{
			Time: at, EventID: "e", UserID: "ann", Zone: time.FixedZone("Asia/Kolkata", 19800), ZoneOfUser: true, Send: w, Actions: w.Actions(),
			Slots: []decision.SlotSpec{{}},
		},
		Outcome: decision.Outcome{Choices: []decision.Choice{{Ranking: []decision.Ranked{{Action: 3, Probability: 1}}, WouldHaveChosen: -1}}},
	}
}

// A decision on a send time is stored without its times and read with them.
func TestSendTimesAreMadeAgain(t *testing.T) {
	r := sendRecord()
	stored := FromDecision(r)
	if n := len(stored.GetDecision().GetActions()); n != 0 {
		t.Errorf("%d actions are stored", n)
	}
	got, err := ToDecision(stored)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Send, r.Send) || !reflect.DeepEqual(got.Actions, r.Actions) {
		t.Errorf("%+v, not %+v", got.Send, r.Send)
	}
	if at, sends := got.SendAt(); !sends || at.Format(time.RFC3339) != "2026-11-26T12:29:00Z" {
		t.Errorf("sent at %s", at) // The fourth time is 17:00 there, 11:30 UTC, and there is room in its 59th minute.
	}
	bare, err := ToOutcome(stored)
	if err != nil || len(bare.Actions) != len(r.Actions) || bare.Actions[0].ID != "" {
		t.Errorf("%v, %v", bare, err)
	}
	b, err := Marshal(stored)
	if err != nil || !PacesSends(b) {
		t.Errorf("not one that takes of a limit: %v", err)
	}
	r.Send.PerMinute, r.Send.Places = 0, nil
	if b, err = Marshal(FromDecision(r)); err != nil || PacesSends(b) {
		t.Errorf("one that takes of a limit: %v", err)
	}
}

func TestImpossibleSendWindows(t *testing.T) {
	for name, change := range map[string]func(*logv1.SendWindow){
		"no granularity":     func(w *logv1.SendWindow) { w.GranularitySeconds = 0 },
		"reversed":           func(w *logv1.SendWindow) { w.LatestUnix = w.EarliestUnix - 1 },
		"endless":            func(w *logv1.SendWindow) { w.LatestUnix = 1 << 62 },
		"too fine":           func(w *logv1.SendWindow) { w.GranularitySeconds = 1 },
		"before 1970":        func(w *logv1.SendWindow) { w.EarliestUnix = -5 },
		"no offset":          func(w *logv1.SendWindow) { w.OffsetFromUnix, w.OffsetSeconds = nil, nil },
		"offsets and none":   func(w *logv1.SendWindow) { w.OffsetSeconds = nil },
		"a place is missing": func(w *logv1.SendWindow) { w.Places = w.Places[1:] },
	} {
		stored := FromDecision(sendRecord())
		change(stored.GetDecision().Send)
		if _, err := ToDecision(stored); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
