package learn

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Join says of every event what the fold does.
func TestJoinAgainstFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		def := must(compileFile("shop", f.bytes()))
		l := newLoopFold(def)
		now := 1_000_000 * second
		var history []eventlog.Entry
		one := rapid.IntRange(1, 30).Draw(t, "records")
		for pos := eventlog.Position(1); pos <= eventlog.Position(one); pos++ {
			r := drawRecord(t, &now)
			setEvent(r, "e1")
			l.apply(pos, r)
			history = append(history, eventlog.Entry{Position: pos, Record: r})
			if l.closed.has("e1") {
				break // From here on the fold may have forgotten the event, Join never does.
			}
			got, err := Join(&def.Reward, history, timeOf(l.now))
			if err != nil {
				t.Fatal(err)
			}
			compareJoined(t, l, &got)
		}
	})
}

func setEvent(r *logv1.Record, id string) {
	switch {
	case r.GetDecision() != nil:
		r.GetDecision().EventId = id
	case r.GetActivation() != nil:
		r.GetActivation().EventId = id
	default:
		r.GetReward().EventId = id
	}
}

func compareJoined(t *rapid.T, l *loopFold, got *JoinedEvent) {
	var counts [outcomes]uint64
	for _, r := range got.Rewards {
		counts[r.Outcome]++
	}
	if counts != l.counts.rewards {
		t.Fatalf("outcomes %v, the fold has %v", counts, l.counts.rewards)
	}
	e := l.open["e1"]
	if e == nil {
		if got.Decision != 0 {
			t.Fatalf("%+v, the fold has no such event", got)
		}
		return
	}
	if got.Decision != e.position || !got.Closes.Equal(timeOf(e.closes(l.window()))) || got.Activated.IsZero() == e.activated {
		t.Fatalf("%+v, the fold has %+v", got, e)
	}
	for i, s := range got.Slots {
		worth, rewarded := l.spec().worth(e.rewards, i)
		if s.Reward != worth || s.Rewarded != rewarded || s.SlotID != e.slots[i].id || s.ActionID == "" {
			t.Fatalf("slot %+v, the fold has %v", s, worth)
		}
	}
}

func TestJoinAfterTheWindow(t *testing.T) {
	spec := RewardSpec{Window: 100 * time.Second, Default: 0.25, Min: math.Inf(-1), Max: math.Inf(1)}
	entry := func(pos eventlog.Position, r *logv1.Record) eventlog.Entry {
		return eventlog.Entry{Position: pos, Record: r}
	}
	deferred := func(r *decision.Record) { r.Deferred = true }
	logging := func(r *decision.Record) { r.Mode = decision.LoggingOnly }
	early := entry(1, rewarded(10*second, "shop", "e", "early", 2))
	late := entry(9, rewarded(111*second, "shop", "e", "late", 5))
	in := entry(4, rewarded(110*second, "shop", "e", "in", 1))
	cases := []struct {
		name    string
		history []eventlog.Entry
		state   State
		want    []Outcome
		worth   float64
	}{
		{"silence", []eventlog.Entry{entry(2, decided(10*second, "shop", "e", nil, "a")), late}, Closed, []Outcome{Late}, 0.25},
		{"in time", []eventlog.Entry{early, entry(2, decided(10*second, "shop", "e", nil, "a")), in, late}, Closed, []Outcome{Joined, Joined, Late}, 2},
		{"not activated", []eventlog.Entry{entry(2, decided(10*second, "shop", "e", deferred, "a")), in}, StateNotActivated, []Outcome{NotActivated}, 1},
		{"not learned", []eventlog.Entry{entry(2, decided(10*second, "shop", "e", logging, "a")), in}, StateNotLearned, []Outcome{NotLearned}, 1},
		{"no decision", []eventlog.Entry{early}, Open, []Outcome{Orphan}, 0},
	}
	for _, c := range cases {
		got, err := Join(&spec, c.history, timeOf(200*second))
		if err != nil || got.State != c.state || len(got.Rewards) != len(c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
			continue
		}
		for i, w := range c.want {
			if got.Rewards[i].Outcome != w {
				t.Errorf("%s: reward %d is %v, want %v", c.name, i, got.Rewards[i].Outcome, w)
			}
		}
		if len(got.Slots) > 0 && got.Slots[0].Reward != c.worth {
			t.Errorf("%s: worth %v, want %v", c.name, got.Slots[0].Reward, c.worth)
		}
	}
}
