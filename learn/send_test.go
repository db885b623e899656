package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// newsletter is a loop of send times whose windows of rewards last two days.
func newsletter() file {
	return file{Name: "news", Window: 48 * time.Hour, Sends: true, Estimator: "sends"}
}

// sunday is a Sunday at 6:00 in Berlin, in summer.
var sunday = time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC).Add(-20 * time.Hour)

// planned is a decision at a time to send to a user after some hours; −1: not at all.
func planned(at time.Time, eventID, user string, hours int, deferred bool) *logv1.Record {
	w := &decision.SendWindow{
		Earliest: at.Truncate(time.Hour), Latest: at.Truncate(time.Hour).Add(47 * time.Hour), Granularity: time.Hour, Zone: "Europe/Berlin", DoNotSend: true,
		// The clocks are put back in between.
		Offsets: []decision.ZoneOffset{{From: at.Unix(), Seconds: 7200}, {From: time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC).Unix(), Seconds: 3600}},
	}
	actions := w.Actions()
	if hours < 0 {
		hours = len(actions) - 1
	}
	return eventlog.FromDecision(&decision.Record{
		Loop: "news", SnapshotID: "1-x", Deferred: deferred,
		Input:   decision.Input{Time: at, EventID: eventID, UserID: user, Actions: actions, Send: w, Slots: []decision.SlotSpec{{}}},
		Outcome: decision.Outcome{Choices: []decision.Choice{{Ranking: []decision.Ranked{{Action: hours, Probability: 1}}, WouldHaveChosen: -1}}, Policy: "test"},
	})
}

func activated(at time.Time, eventID string, sent time.Time) *logv1.Record {
	a := &logv1.Activation{EventId: eventID}
	if !sent.IsZero() {
		a.EventTimeUnixNanos = sent.UnixNano()
	}
	return atTime(at, a)
}

func atTime(t time.Time, body any) *logv1.Record { return at(t.UnixNano(), "news", body) }

func openedAt(at time.Time, eventID, rewardID string) *logv1.Record {
	return atTime(at, &logv1.Reward{EventId: eventID, RewardId: rewardID, Value: 1})
}

// foldedSends folds records and returns the model's state after all windows have ended, with the users' evidence.
func foldedSends(t testing.TB, records ...*logv1.Record) []byte {
	t.Helper()
	all := slices.Concat([]*logv1.Record{changeTo(sunday.Add(-time.Hour).UnixNano(), newsletter())}, records,
		[]*logv1.Record{atTime(sunday.Add(60*24*time.Hour), &logv1.Cut{Number: 1})})
	f := foldOf(t, nil, newMemoryLog(all...))
	for name, n := range f.loops["news"].counts.poison {
		if n > 0 {
			t.Fatalf("%d records are %s", n, name)
		}
	}
	return must(f.loops["news"].estimator.AppendBinary(nil))
}

// What is learned from is when it was sent, whoever moved it and in whatever order the log has it.
func TestTheExecutedTimeIsLearned(t *testing.T) {
	sent := sunday.Add(26 * time.Hour) // after the clocks were put back
	open := openedAt(sent.Add(10*time.Second), "e", "r")
	asPlanned := foldedSends(t, planned(sunday, "e", "ann", 26, false), open)
	for name, records := range map[string][]*logv1.Record{
		"activated later":                  {planned(sunday, "e", "ann", 3, false), activated(sent.Add(time.Second), "e", sent), open},
		"activated before it was decided":  {activated(sunday.Add(-time.Minute), "e", sent), planned(sunday, "e", "ann", 3, false), open},
		"deferred, and activated":          {planned(sunday, "e", "ann", 3, true), activated(sent.Add(time.Second), "e", sent), open},
		"activated twice: the first holds": {planned(sunday, "e", "ann", 3, false), activated(sunday.Add(3*time.Hour), "e", sent), activated(sent, "e", sunday.Add(9*time.Hour)), open},
		"opened before the activation":     {planned(sunday, "e", "ann", 26, true), open, activated(sent.Add(20*time.Second), "e", sent)},
	} {
		if got := foldedSends(t, records...); !bytes.Equal(got, asPlanned) {
			t.Errorf("%s: another model than if it had been planned so", name)
		}
	}
	for name, records := range map[string][]*logv1.Record{
		"another hour":               {planned(sunday, "e", "ann", 25, false), open},
		"never activated":            {planned(sunday, "e", "ann", 26, true), open},
		"activated after its end":    {planned(sunday, "e", "ann", 3, false), activated(sunday.Add(52*time.Hour), "e", sent), open},
		"not sent":                   {planned(sunday, "e", "ann", -1, false)},
		"an open after the window":   {planned(sunday, "e", "ann", 26, false), openedAt(sent.Add(48*time.Hour+time.Second), "e", "r")},
		"to somebody else":           {planned(sunday, "e", "bob", 26, false), open},
		"to nobody that is known":    {planned(sunday, "e", "", 26, false), open},
		"not opened, as was default": {planned(sunday, "e", "ann", 26, false)},
	} {
		if got := foldedSends(t, records...); bytes.Equal(got, asPlanned) {
			t.Errorf("%s: the same model", name)
		}
	}
}

// The reward's window begins with the send: an open days after the decision counts, one before it was planned to be does as well.
func TestRewardWindowsBeginAtTheSend(t *testing.T) {
	spec := must(compileFile("news", newsletter().bytes())).Reward
	entries := func(records ...*logv1.Record) (all []eventlog.Entry) {
		for i, r := range records {
			all = append(all, eventlog.Entry{Position: eventlog.Position(i + 1), Record: r})
		}
		return all
	}
	sent := sunday.Add(30 * time.Hour)
	j := must(Join(&spec, entries(planned(sunday, "e", "ann", 30, false), openedAt(sent.Add(47*time.Hour), "e", "r")), sent.Add(48*time.Hour)))
	if j.State != Open || j.Rewards[0].Outcome != Joined || !j.Sent.Equal(sent) || !j.Closes.Equal(sent.Add(48*time.Hour)) {
		t.Errorf("%+v", j)
	}
	moved := sent.Add(-5 * time.Hour)
	j = must(Join(&spec, entries(planned(sunday, "e", "ann", 30, false), activated(moved, "e", moved), openedAt(moved.Add(49*time.Hour), "e", "r")), moved.Add(49*time.Hour)))
	if j.State != Closed || j.Rewards[0].Outcome != Late || !j.Sent.Equal(moved) {
		t.Errorf("%+v", j)
	}
}

// rapid: whatever the order of reports, however often they come, and wherever the fold is taken down and set up again, the
// model and every user's evidence are the same to the bit.
func TestSendsInAnyOrder(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		var decisions, reports []*logv1.Record
		for i := range rapid.IntRange(1, 12).Draw(t, "sends") {
			id := fmt.Sprint("e", i)
			at, hours := sunday.Add(time.Duration(i)*time.Second), rapid.IntRange(-1, 47).Draw(t, "hours")
			deferred := rapid.Bool().Draw(t, "deferred")
			decisions = append(decisions, planned(at, id, rapid.SampledFrom([]string{"ann", "bob", ""}).Draw(t, "user"), hours, deferred))
			sent := at.Truncate(time.Hour).Add(time.Duration(max(hours, 0)) * time.Hour)
			if deferred || rapid.Bool().Draw(t, "moved") {
				reports = append(reports, activated(sent, id, sent.Add(time.Minute)))
			}
			for k := range rapid.IntRange(0, 3).Draw(t, "opens") {
				reports = append(reports, openedAt(sent, id, fmt.Sprint("r", k%2)))
			}
		}
		// All reports come at one moment that is in every window: right after the decisions.
		when := sunday.Add(30 * time.Second)
		for _, r := range reports {
			r.TimeUnixNanos = when.UnixNano()
		}
		want := foldedSends(tb, slices.Concat(decisions, reports)...)
		shuffled := rapid.Permutation(slices.Concat(reports, reports[:len(reports)/2])).Draw(t, "order")
		if got := foldedSends(tb, slices.Concat(decisions, shuffled)...); !bytes.Equal(got, want) {
			t.Fatal("another model")
		}
		cut := rapid.IntRange(0, len(decisions)+len(reports)).Draw(t, "restart")
		all := newMemoryLog(slices.Concat([]*logv1.Record{changeTo(sunday.Add(-time.Hour).UnixNano(), newsletter())}, slices.Concat(decisions, reports)[:cut])...)
		f := foldOf(tb, nil, all)
		again := newFold(compileFile, readHistory(context.Background(), all))
		if err := again.readState(stateOf(tb, f)); err != nil {
			t.Fatal(err)
		}
		for _, r := range slices.Concat(slices.Concat(decisions, reports)[cut:], []*logv1.Record{atTime(sunday.Add(60*24*time.Hour), &logv1.Cut{Number: 1})}) {
			must(all.Append(context.Background(), r, decision.Process))
		}
		if got := must(foldOf(tb, again, all).loops["news"].estimator.AppendBinary(nil)); !bytes.Equal(got, want) {
			t.Fatal("another model after a restart")
		}
	})
}

// users is a feature store that can be away.
type users struct {
	mu     sync.Mutex
	values map[string]string
	away   bool
}

func (u *users) Put(_ context.Context, user string, values map[string]string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.away {
		return errors.New("away")
	}
	for k, v := range values {
		u.values[user+" "+k] = v
	}
	return nil
}

func (u *users) Fetch(_ context.Context, user string, names []string) ([]features.Raw, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	raw := make([]features.Raw, len(names))
	for i, n := range names {
		raw[i].Text, raw[i].Present = u.values[user+" "+n]
	}
	return raw, nil
}

func (u *users) get(user string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.values[user+" "+decision.EvidenceField("news")]
}

// What a user's sends have shown reaches the store, also after it was away and after a restart; the next decision has it in
// its record; and replay makes decisions and models again.
func TestEvidenceReachesDecisions(t *testing.T) {
	dir := t.TempDir()
	log, store := openLog(t, dir), &users{values: map[string]string{}, away: true}
	f := newsletter()
	f.Window = 50 * time.Millisecond
	o := Options{PublishEvery: 5 * time.Millisecond, Evidence: store}
	l := startLearner(t, NewEventLog(log), o)
	put(t, l, f)
	d := decider(l, log)
	d.Features = store
	now := time.Now()
	send := func(id string) *decision.Record {
		return must(d.Rank(t.Context(), &decision.Request{Loop: "news", EventID: id, UserID: "ann", Send: &decision.SendRequest{Latest: now.Add(time.Hour)}}))
	}
	for i := range 6 {
		r := send(fmt.Sprint("e", i))
		must(log.Append(t.Context(), activatedNow("news", r.EventID, time.Now()), decision.Process))
		must(log.Append(t.Context(), at(time.Now().UnixNano(), "news", &logv1.Reward{EventId: r.EventID, RewardId: "r", Value: 1}), decision.Process))
	}
	eventually(t, "the sends are in the model", func() bool { s, _ := l.Current("news"); return s.Model.Events() > 0 })
	if store.get("ann") != "" {
		t.Fatal("a store that is away has something")
	}
	store.mu.Lock()
	store.away = false
	store.mu.Unlock()
	eventually(t, "the store is told", func() bool { return store.get("ann") != "" })
	r := send("after")
	var e model.UserEvidence
	if !e.SetNumbers(r.User.Get(model.EvidenceFeature).Numbers()) || e.Sends() == 0 {
		t.Fatalf("the record has %v", r.User)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	told := store.get("ann")
	store.mu.Lock()
	store.values = map[string]string{}
	store.mu.Unlock()
	again := startLearner(t, NewEventLog(log), o)
	eventually(t, "a store that has lost everything is told again", func() bool { return store.get("ann") == told })
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	report := must(Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{}))
	if report.Different != 0 || report.Decisions != 7 {
		t.Errorf("%+v", report)
	}
}

func activatedNow(loop, eventID string, sent time.Time) *logv1.Record {
	return at(time.Now().UnixNano(), loop, &logv1.Activation{EventId: eventID, EventTimeUnixNanos: sent.UnixNano()})
}

// A send that is planned far ahead keeps none of those before it from being learned from, whatever was decided first; and an activation that
// comes after its send's window, or says a time from long before the decision, changes nothing for the learner and for Join alike.
func TestAFarPlanKeepsNothingBack(t *testing.T) {
	f := newsletter()
	f.Window = time.Hour
	spec := must(compileFile("news", f.bytes())).Reward
	records := []*logv1.Record{
		changeTo(sunday.Add(-time.Hour).UnixNano(), f),
		planned(sunday, "far", "bob", 40, false),
		planned(sunday.Add(time.Second), "near", "ann", 1, false),
		planned(sunday.Add(2*time.Second), "late", "cat", 1, true),
		openedAt(sunday.Add(90*time.Minute), "near", "r"),
		openedAt(sunday.Add(90*time.Minute), "late", "r"),
		activated(sunday.Add(3*time.Hour), "late", sunday.Add(time.Hour)),
		atTime(sunday.Add(4*time.Hour), &logv1.Cut{Number: 1}),
	}
	fold := foldOf(t, nil, newMemoryLog(records...))
	l := fold.loops["news"]
	if n := l.estimator.(*model.SendTimeLoop).Users(); n != 1 || len(l.open) != 1 || l.counts.rewards[NotActivated] != 1 || l.counts.endings[EndedNotActivated] != 1 {
		t.Errorf("%d users are known, %d events open, rewards %v, endings %v", n, len(l.open), l.counts.rewards, l.counts.endings)
	}
	again := newFold(compileFile, readHistory(context.Background(), newMemoryLog(records...)))
	if err := again.readState(stateOf(t, fold)); err != nil || !bytes.Equal(stateOf(t, again), stateOf(t, fold)) {
		t.Errorf("another state is read: %v", err)
	}
	j := must(Join(&spec, []eventlog.Entry{{Position: 1, Record: activated(sunday.Add(-time.Hour), "old", sunday.Add(-6*365*24*time.Hour))},
		{Position: 2, Record: planned(sunday, "old", "ann", 5, false)}}, sunday))
	if !j.Sent.Equal(sunday.Truncate(time.Hour).Add(5 * time.Hour)) {
		t.Errorf("sent %s", j.Sent)
	}
}
