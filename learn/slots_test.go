package learn

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Pages served by a running learner, with position as context and rewards of cascades that come in any order, are made
// again by replay without a difference, models and decisions; and a start from the checkpoint has the model of the whole
// log.
func TestPagesReplay(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	l := startLearner(t, NewEventLog(log), Options{PublishEvery: 5 * time.Millisecond, Dir: dir + "/learner"})
	f := shop()
	f.Position, f.Model, f.Actions = true, Cascade, "a b c d"
	put(t, l, f)
	d := decider(l, log)
	for i := range 300 {
		r := must(d.Rank(t.Context(), &decision.Request{Loop: "shop", EventID: fmt.Sprint("e", i), Slots: []decision.SlotSpec{
			{ID: "top"}, {ID: "side", Excluded: []string{"a"}}, {ID: "end"},
		}}))
		for k := len(r.Choices) - 1; k >= 0; k-- { // The last slot's comes first: others then end the scan before it.
			if id := r.ActionID(r.Choices[k].Served()); (i+k)%3 == 0 && id != "b" {
				rewardSlot(t, log, r.EventID, r.Slots[k].ID)
			}
		}
		if i%50 == 49 {
			time.Sleep(15 * time.Millisecond)
		}
	}
	eventually(t, "the events are in the model", func() bool {
		st, _ := l.Status("shop")
		return st.Decisions == 300 && st.LagRecords == 0 && st.Snapshot.Number > 3
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	report := must(Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{}))
	if report.Different != 0 || report.Decisions != 300 || report.Models < 4 {
		t.Errorf("%+v", report)
	}
	again := startLearner(t, NewEventLog(log), Options{PublishEvery: 5 * time.Millisecond, Dir: dir + "/learner"})
	a, _ := again.Current("shop")
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	whole := startLearner(t, NewEventLog(log), Options{PublishEvery: 5 * time.Millisecond})
	b, _ := whole.Current("shop")
	if !bytes.Equal(must(a.Model.AppendBinary(nil)), must(b.Model.AppendBinary(nil))) {
		t.Error("the checkpoint gives another model than the log")
	}
}

func rewardSlot(t *testing.T, log *eventlog.Events, eventID, slot string) {
	t.Helper()
	r := at(time.Now().UnixNano(), "shop", &logv1.Reward{EventId: eventID, RewardId: slot, SlotId: slot, Value: 1})
	must(log.Append(t.Context(), r, decision.Process))
}
