package track_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/attribution"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	"github.com/nextbest/nextbest/track"
)

const mail = `version: 1
name: mail
actions: [{id: a, channel: email}, {id: b, channel: push}]
policy: {type: uniform}
reward:
  reward_wait_time: 1h
  range: [0, 10]
  metrics: {open: 0.1, click: 1, unsubscribe: -5}
  machine: [{metrics: [open], within: 2s}]
`

const shop = `version: 1
name: shop
actions: [{id: a}, {id: b}, {id: c}]
policy: {type: uniform}
reward: {reward_wait_time: 1m, metrics: {click: 1, order: 1}}
`

// world is a log, a learner and a tracker over files, with a clock that tests set.
type world struct {
	t       *testing.T
	dir     string
	mu      sync.Mutex
	now     time.Time
	log     *eventlog.Log
	events  *eventlog.Events
	learner *learn.Learner
	tracker *track.Tracker
	most    int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.open()
	t.Cleanup(w.close)
	w.put(mail)
	w.put(shop)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) open() {
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if w.log, _, err = eventlog.Open(filepath.Join(w.dir, "log"), eventlog.Options{Logger: quiet}); err != nil {
		w.t.Fatal(err)
	}
	if w.events, err = eventlog.NewEvents(context.Background(), w.log); err != nil {
		w.t.Fatal(err)
	}
	if w.learner, err = learn.Start(context.Background(), learn.NewEventLog(w.events), loop.Compile, learn.Options{Dir: filepath.Join(w.dir, "learner"), Logger: quiet, Now: w.clock}); err != nil {
		w.t.Fatal(err)
	}
	ids := 0
	if w.tracker, err = track.Start(context.Background(), track.Options{
		Events: w.events, Loops: w.learner, Most: w.most, Now: w.clock, Logger: quiet,
		NewID: func(time.Time) string { ids++; return fmt.Sprintf("generated-%d", ids) },
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if err := errors.Join(w.tracker.Close(), w.learner.Close(), w.log.Close()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) restart() {
	w.close()
	w.open()
}

func (w *world) put(file string) {
	name := strings.Fields(file[strings.Index(file, "name:"):])[1]
	def, err := loop.Compile(name+".yaml", []byte(file))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.learner.PutLoop(context.Background(), def); err != nil {
		w.t.Fatal(err)
	}
}

type nobody struct{}

func (nobody) Fetch(_ context.Context, _ string, names []string) ([]features.Raw, error) {
	return make([]features.Raw, len(names)), nil
}

// rank decides for user u now; only is the one action that may be chosen, '-' for none in that slot, and more than one
// are slots.
func (w *world) rank(loopName, event, user string, deferred bool, only ...string) {
	w.t.Helper()
	d := &decision.Decider{
		Snapshots: w.learner, Features: nobody{}, Recorder: w.events, Now: w.clock, FeatureBudget: time.Second,
		NewID: func(time.Time) string { return "unused" },
	}
	all := []string{"a", "b"}
	if loopName == "shop" {
		all = []string{"a", "b", "c"}
	}
	r := &decision.Request{Loop: loopName, EventID: event, UserID: user, Deferred: deferred}
	for i, action := range only {
		var out []string
		for _, x := range all {
			if x != action {
				out = append(out, x)
			}
		}
		if len(only) == 1 {
			r.Excluded = out
		} else {
			r.Slots = append(r.Slots, decision.SlotSpec{ID: fmt.Sprintf("s%d", i), Excluded: out})
		}
	}
	if _, err := d.Rank(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) track(r track.Report) track.Answer {
	w.t.Helper()
	if r.Value == 0 {
		r.Value = 1
	}
	a, err := w.tracker.Track(context.Background(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// said is an answer in one word: the event, or why not.
func said(a track.Answer) string {
	s := a.EventID
	if a.SlotID != "" {
		s += "/" + a.SlotID
	}
	switch a.Outcome {
	case track.Unattributed:
		return string(a.Reason)
	case track.Duplicate:
		return s + " again"
	}
	return s
}

func (w *world) expect(want string, r track.Report) track.Answer {
	w.t.Helper()
	a := w.track(r)
	if said(a) != want {
		w.t.Errorf("%+v: %s, want %s", r, said(a), want)
	}
	return a
}

func click(change ...func(*track.Report)) track.Report {
	r := track.Report{UserID: "u", Metric: "click"}
	for _, c := range change {
		c(&r)
	}
	return r
}

func inLoop(l string) func(*track.Report)   { return func(r *track.Report) { r.Loop = l } }
func ofAction(a string) func(*track.Report) { return func(r *track.Report) { r.ActionID = a } }
func over(c string) func(*track.Report)     { return func(r *track.Report) { r.Channel = c } }
func named(id string) func(*track.Report)   { return func(r *track.Report) { r.TrackID = id } }
func by(u string) func(*track.Report)       { return func(r *track.Report) { r.UserID = u } }
func when(at time.Time) func(*track.Report) { return func(r *track.Report) { r.At = at } }
func metric(m string) func(*track.Report)   { return func(r *track.Report) { r.Metric = m } }
func worth(v float64) func(*track.Report)   { return func(r *track.Report) { r.Value = v } }

func TestLastTouch(t *testing.T) {
	w := newWorld(t)
	begin := w.clock()
	w.rank("mail", "m1", "u", false, "a")
	w.pass(10 * time.Second)
	w.rank("mail", "m2", "u", false, "b")
	w.pass(10 * time.Second)
	w.rank("shop", "s1", "u", false, "c", "a")
	w.rank("shop", "s2", "other", false, "c")
	w.pass(10 * time.Second)

	w.expect("s1/s0", click())
	w.expect("m2", click(inLoop("mail")))
	w.expect("m1", click(inLoop("mail"), ofAction("a")))
	w.expect("s1/s1", click(ofAction("a")))
	w.expect("m1", click(over("email")))
	w.expect("m2", click(over("push")))
	w.expect("m2", click(metric("open")))
	w.expect("other_channel", click(over("fax"), inLoop("mail")))
	w.expect("other_action", click(ofAction("c"), inLoop("mail")))
	w.expect("no_decision", click(by("stranger")))
	w.expect("s2", click(by("other")))

	// The caller's time: only what was decided by then, with a little tolerance.
	w.expect("m1", click(when(begin.Add(4*time.Second))))
	w.expect("m1", click(when(begin.Add(6*time.Second)))) // m2 is 4 s later, and m1 was there before.
	w.expect("m2", click(when(begin.Add(16*time.Second)), inLoop("mail")))
	w.expect("m1", click(when(begin.Add(-5*time.Second)))) // Nothing before it, and m1 within the tolerance.
	w.expect("before_decision", click(when(begin.Add(-6*time.Second))))

	// Windows: shop's is a minute.
	w.pass(55 * time.Second)
	w.expect("m2", click())
	w.expect("too_late", click(inLoop("shop")))
	w.expect("too_late", click(inLoop("shop"), when(begin.Add(25*time.Second)))) // In time, and it came too late.
	w.pass(time.Hour)
	w.expect("too_late", click())
}

func TestTakesOnly(t *testing.T) {
	w := newWorld(t)
	w.rank("shop", "s1", "u", false, "c")
	w.rank("mail", "m1", "u", false, "a")
	w.expect("m1", click(worth(10)))
	w.expect("s1", click(worth(11))) // More than mail takes.
	w.rank("shop", "s2", "v", false, "c")
	w.expect("metric", click(metric("open"), by("v")))
}

func TestDeferredAndNothingServed(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", true, "a")
	w.expect("not_activated", click())
	_, err := w.events.Append(context.Background(), &logv1.Record{TimeUnixNanos: w.clock().UnixNano(),
		Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: "mail", EventId: "m1"}}}, decision.Process)
	if err != nil {
		t.Fatal(err)
	}
	w.expect("m1", click())
	w.put(mail + "guardrails: [{name: nobody, kind: eligibility, text: Nobody., forbid: 'true'}]\n")
	w.rank("mail", "n1", "v", false)
	w.expect("nothing_served", click(by("v")))
}

const digest = `version: 1
name: digest
actions: send_times
send_time: {granularity: 15m, channel: email}
reward: {reward_wait_time: 1h, metrics: {read: 1}}
`

// TestSendTimes: what is sent later than it was decided has reports from the sending on, for a window from then on.
func TestSendTimes(t *testing.T) {
	w := newWorld(t)
	w.put(digest)
	at := w.clock().Add(3 * time.Hour)
	d := &decision.Decider{Snapshots: w.learner, Features: nobody{}, Recorder: w.events, Now: w.clock, FeatureBudget: time.Second, NewID: func(time.Time) string { return "unused" }}
	if _, err := d.Rank(context.Background(), &decision.Request{Loop: "digest", EventID: "d1", UserID: "u", Send: &decision.SendRequest{Earliest: at, Latest: at}}); err != nil {
		t.Fatal(err)
	}
	read := metric("read")
	w.expect("before_decision", click(read))
	w.pass(3*time.Hour + time.Minute)
	w.expect("d1", click(read, over("email")))
	w.expect("other_channel", click(read, over("push")))
	_, err := w.events.Append(context.Background(), &logv1.Record{TimeUnixNanos: w.clock().UnixNano(),
		Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: "digest", EventId: "d1", EventTimeUnixNanos: at.Add(30 * time.Minute).UnixNano()}}}, decision.Process)
	if err != nil {
		t.Fatal(err)
	}
	w.expect("before_decision", click(read))
	w.pass(80 * time.Minute)
	w.restart()
	w.expect("d1", click(read, named("after")))
	w.pass(10 * time.Minute)
	w.expect("too_late", click(read))
}

// TestBeforeItsDecision: a report that comes first is nobody's, and sent again once there is a decision it has one.
func TestBeforeItsDecision(t *testing.T) {
	w := newWorld(t)
	w.expect("no_decision", click(named("t")))
	w.expect("no_decision", click(named("t")))
	w.pass(time.Second)
	w.rank("mail", "m1", "u", false, "a")
	w.expect("m1", click(named("t")))
	w.expect("m1 again", click(named("t")))
	s, err := w.tracker.Stats(context.Background())
	if err != nil || s.Attributed != 1 || s.Unattributed[attribution.NoDecision] != 2 || s.Duplicates != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestSentAgain sends a report again after a later decision, a restart, and at once from many callers.
func TestSentAgain(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	first := w.expect("m1", click(named("t")))
	if first.RewardID != "track:t" || first.ActionID != "a" || first.Loop != "mail" {
		t.Errorf("%+v", first)
	}
	w.pass(time.Second)
	w.rank("mail", "m2", "u", false, "a")
	w.expect("m1 again", click(named("t")))
	w.restart()
	w.expect("m1 again", click(named("t")))
	w.expect("m2", click(named("t2")))

	for _, other := range []track.Report{click(named("t"), by("v")), click(named("t"), worth(2)), click(named("t"), metric("open")), click(named("t"), inLoop("mail"))} {
		var conflict *track.ConflictError
		other.Value = max(other.Value, 1)
		if _, err := w.tracker.Track(context.Background(), other); !errors.As(err, &conflict) || conflict.TrackID != "t" {
			t.Errorf("%+v: %v", other, err)
		}
	}

	var wait sync.WaitGroup
	var mu sync.Mutex
	attributed := 0
	for range 16 {
		wait.Go(func() {
			a, err := w.tracker.Track(context.Background(), track.Report{UserID: "u", Metric: "click", Value: 1, TrackID: "t3"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || a.EventID != "m2" {
				t.Errorf("%+v, %v", a, err)
			}
			if a.Outcome == track.Attributed {
				attributed++
			}
		})
	}
	wait.Wait()
	if attributed != 1 {
		t.Errorf("attributed %d times", attributed)
	}
}

// TestTheLogSaysHow reads what a report leaves in the log: of the address a network, and how it was attributed; of one
// that is nobody's not what did it.
func TestTheLogSaysHow(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	r := click(named("t"), ofAction("a"), when(w.clock().Add(-time.Second)))
	r.UserAgent, r.IP, r.Machine = "agent", "192.0.2.77", true
	w.expect("m1", r)
	r.UserID, r.TrackID = "v", "t2"
	w.expect("no_decision", r)
	var reward *logv1.Reward
	var lost *logv1.Track
	err := w.log.Each(context.Background(), func(_ eventlog.Position, b []byte) error {
		record, err := eventlog.Unmarshal(b)
		if record.GetReward() != nil {
			reward = record.GetReward()
		}
		if record.GetTrack() != nil {
			lost = record.GetTrack()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a := reward.GetAttribution()
	if reward.GetIp() != "192.0.2.0" || reward.GetUserAgent() != "agent" || !reward.GetMachine() || a.GetUserId() != "u" || a.GetActionId() != "a" || a.GetDecision() == 0 || !a.GetWithinSkew() {
		t.Errorf("%v", reward)
	}
	if lost.GetTrackId() != "t2" || lost.GetUserId() != "v" || lost.GetReason() != "no_decision" || !lost.GetMachine() || lost.GetMetric() != "click" || lost.GetValue() != 1 {
		t.Errorf("%v", lost)
	}
}

// TestLearnedAsReported has the learner join what was attributed, and pass over what was not.
func TestLearnedAsReported(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	w.pass(time.Second)
	w.expect("m1", click(metric("open"))) // Within two seconds: a machine's.
	w.pass(time.Minute)
	w.expect("m1", click(metric("unsubscribe")))
	w.expect("no_decision", click(by("v")))
	for range 1000 {
		if s, _ := w.learner.Status("mail"); s.Rewards["joined"] == 1 && s.Rewards["machine"] == 1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	s, _ := w.learner.Status("mail")
	if s.Rewards["joined"] != 1 || s.Rewards["machine"] != 1 || len(s.Poison) != 0 {
		t.Errorf("%v, %v", s.Rewards, s.Poison)
	}
	history, err := w.events.History(context.Background(), "mail", "m1")
	if err != nil {
		t.Fatal(err)
	}
	def, _ := w.learner.Definition("mail")
	joined, err := learn.Join(&def.Reward, history, w.clock())
	if err != nil || joined.Slots[0].Reward != -5 {
		t.Errorf("%+v, %v", joined, err)
	}
	report, err := learn.Replay(context.Background(), learn.NewSource(w.log), loop.Compile, learn.ReplayOptions{})
	if err != nil || len(report.Skipped) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestALongerWindow puts a file in force whose window reaches back further than the index did.
func TestALongerWindow(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	w.pass(90 * time.Minute)
	w.restart() // Nothing that is older than an hour is remembered.
	w.expect("no_decision", click())
	w.put(strings.Replace(mail, "reward_wait_time: 1h", "reward_wait_time: 2h", 1))
	w.expect("m1", click())
}

// TestManyDecisions gives a user more decisions than are looked at.
func TestManyDecisions(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	for i := range 300 {
		w.rank("shop", fmt.Sprintf("s%d", i), "u", false, "b")
	}
	w.expect("s299", click())
	w.expect("m1", click(inLoop("mail")))
	w.expect("other_action", click(ofAction("a"))) // m1 is beyond the last 256.
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.rank("mail", "m1", "u", false, "a")
	for _, c := range []struct {
		field string
		r     track.Report
	}{
		{"userId", track.Report{Metric: "click"}},
		{"userId", click(by(strings.Repeat("x", 257)))},
		{"userId", click(by("\xff"))},
		{"metric", click(metric("opened"))},
		{"metric", click(metric(""), inLoop("mail"))},
		{"metric", click(worth(11), inLoop("mail"))},
		{"time", click(when(w.clock().Add(11 * time.Minute)))},
		{"time", click(when(time.Unix(0, 0)))},
		{"ip", track.Report{UserID: "u", Metric: "click", IP: "nowhere"}},
	} {
		var input *decision.InputError
		if c.r.Value == 0 {
			c.r.Value = 1
		}
		if _, err := w.tracker.Track(context.Background(), c.r); !errors.As(err, &input) || input.Field != c.field {
			t.Errorf("%+v: %v, want a problem of %s", c.r, err, c.field)
		}
	}
	if _, err := w.tracker.Track(context.Background(), click(inLoop("none"), worth(1))); !errors.Is(err, decision.ErrUnknownLoop) {
		t.Errorf("%v", err)
	}
	if a := w.track(click()); a.TrackID != "generated-1" {
		t.Errorf("%+v", a)
	}
}
