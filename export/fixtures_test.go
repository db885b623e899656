package export

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// loopFile is a loop of the fixtures; its name, policy, mode and reward are filled in.
const loopFile = `version: 1
name: %s
actions:
  - {id: a, features: {price: 1}}
  - {id: b, features: {price: 2}}
  - {id: c, features: {price: 3}}
features:
  context: {device: {type: category}, hour: {type: number}}
  user: {visits: {type: number, default: 0}}
  action: {price: {type: number}}
policy: %s
learning_mode: %s
reward: {%s}
`

func loopText(name, policy, mode, reward string) string {
	return fmt.Sprintf(loopFile, name, policy, mode, reward)
}

// began is the time of the first record of a world: two hours before midnight.
func began() time.Time { return time.Date(2026, 3, 1, 22, 0, 0, 987_654_321, time.UTC) }

// world writes a log of several loops: decisions by the real kernel, rewards of every kind, loop files that change.
type world struct {
	t    testing.TB
	dir  string // of the event log
	rng  *rand.Rand
	log  *eventlog.Log
	all  []eventlog.Entry
	now  time.Time
	defs map[string]*learn.Definition
}

func newWorld(t testing.TB, seed uint64, o eventlog.Options) *world {
	t.Helper()
	w := &world{
		t: t, dir: filepath.Join(t.TempDir(), "log"), rng: rand.New(rand.NewPCG(seed, 1)), now: began(),
		defs: map[string]*learn.Definition{},
	}
	var err error
	if w.log, _, err = eventlog.Open(w.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func (w *world) close() {
	if w.log != nil {
		_ = w.log.Close()
		w.log = nil
	}
}

func (w *world) append(r *logv1.Record) {
	w.t.Helper()
	r.TimeUnixNanos = w.now.UnixNano()
	b, err := eventlog.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	pos, err := w.log.Append(context.Background(), b, decision.Process)
	if err != nil {
		w.t.Fatal(err)
	}
	w.all = append(w.all, eventlog.Entry{Position: pos, Record: r})
}

func (w *world) put(text string) {
	w.t.Helper()
	name := strings.Fields(strings.SplitN(text, "name:", 2)[1])[0]
	path := name + ".yaml"
	if d, err := loop.Compile(path, []byte(text)); err == nil {
		w.defs[name] = d
	}
	w.append(&logv1.Record{Body: &logv1.Record_LoopChange{LoopChange: &logv1.LoopChange{Loop: name, File: []byte(text), Path: path}}})
}

// decide makes a decision with the loop's present file.
func (w *world) decide(name, event string, change func(*decision.Record)) {
	w.t.Helper()
	d := w.defs[name]
	model, err := d.NewEstimator().Predictor()
	if err != nil {
		w.t.Fatal(err)
	}
	r := &decision.Record{Input: decision.Input{Time: w.now}, Loop: name, SnapshotID: "1-x", Fingerprint: w.rng.Uint64()}
	r.EventID, r.UserID = event, []string{"", "ann", "bob", "zoë \"z\", of <b>"}[w.rng.IntN(4)]
	r.Context = features.Set{
		{Name: "device", Value: features.TextValue([]string{"mobile", "a,b \"<&>\"\n"}[w.rng.IntN(2)])},
		{Name: "hour", Value: features.NumberValue(w.rng.Float64() * 24)},
	}
	r.User = features.Set{{Name: "visits", Value: features.NumberValue(float64(w.rng.IntN(9)))}}
	r.Actions, r.FromCatalogue, r.Slots = d.Loop.Actions, true, []decision.SlotSpec{{}}
	if w.rng.IntN(3) == 0 {
		r.Slotted, r.Slots = true, []decision.SlotSpec{{ID: "top"}, {ID: "side", Baseline: "c"}}
	}
	if w.rng.IntN(4) == 0 {
		r.Input.Excluded = []string{"b"}
	}
	if change != nil {
		change(r)
	}
	out, err := decision.Decide(&decision.Snapshot{ID: r.SnapshotID, Number: 1, Loop: d.Loop, Model: model}, &r.Input)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Outcome = out
	w.append(eventlog.FromDecision(r))
}

func (w *world) reward(name, event, id string, value float64) {
	w.t.Helper()
	r := &logv1.Reward{Loop: name, EventId: event, RewardId: id, Value: value}
	w.append(&logv1.Record{Body: &logv1.Record_Reward{Reward: r}})
}

// play writes n rounds: each a decision of some loop, or a reward or activation for one of the last events or the next.
func (w *world) play(n int) {
	w.t.Helper()
	names := []string{"fast", "slow", "quiet"}
	decided := map[string]int{}
	for i := range n {
		w.now = w.now.Add(time.Duration(1 + w.rng.Int64N(int64(40*time.Second))))
		name := names[w.rng.IntN(3)]
		k := decided[name]
		event := fmt.Sprintf("%s-%d", name, max(0, k-w.rng.IntN(30)))
		switch w.rng.IntN(6) {
		case 0, 1, 2:
			decided[name]++
			w.decide(name, fmt.Sprintf("%s-%d", name, k), func(r *decision.Record) { r.Deferred = w.rng.IntN(4) == 0 })
		case 3:
			w.append(&logv1.Record{Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: name, EventId: event}}})
		default:
			w.reward(name, event, fmt.Sprint(w.rng.IntN(3)), float64(w.rng.IntN(5))/4)
		}
		if i == n/2 { // What was joined before is to be joined by this; the second file is none.
			w.put(loopText("fast", "{type: uniform}", "online", "reward_wait_time: 5m, default_reward: 0.125, aggregation: sum"))
			w.put("version: 1\nname: fast\nactions: 7\n")
		}
	}
}

// playedWorld is a log of about four hours that ends after midnight.
func playedWorld(t testing.TB, n int) *world {
	w := newWorld(t, 7, eventlog.Options{SegmentBytes: 16 << 10, BlockBytes: 4 << 10})
	w.put(loopText("fast", "{type: uniform}", "online", "reward_wait_time: 1m, default_reward: 0, aggregation: max"))
	w.put(loopText("slow", "{type: squarecb}", "apprentice", "reward_wait_time: 2h, default_reward: -0.5, aggregation: mean"))
	w.put(loopText("quiet", "{type: uniform}", "logging_only", "reward_wait_time: 10m, default_reward: 0, aggregation: last"))
	w.play(n)
	w.close()
	return w
}

// options export everything of the world as Parquet.
func (w *world) options(out string) Options {
	return Options{Log: w.dir, Out: out, Format: Parquet, Compile: loop.Compile}
}

func export(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// joined is an event of the world as learn.Join has it, one at a time.
type joined struct {
	position eventlog.Position
	record   *decision.Record
	event    learn.JoinedEvent
}

// join is the slow twin of an export: each event's history is looked for in the whole log, and joined by itself.
func (w *world) join(name string) []joined {
	w.t.Helper()
	var out []joined
	for _, e := range w.all {
		d := e.Record.GetDecision()
		if d.GetLoop() != name || d == nil {
			continue
		}
		var history []eventlog.Entry
		var last time.Time
		for _, h := range w.all {
			if loopOf(h.Record) != name {
				continue
			}
			last = time.Unix(0, h.Record.TimeUnixNanos)
			if eventOf(h.Record) == d.EventId {
				history = append(history, h)
			}
		}
		event, err := learn.Join(&w.defs[name].Reward, history, last)
		if err != nil {
			w.t.Fatal(err)
		}
		record, err := eventlog.ToDecision(e.Record)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, joined{e.Position, record, event})
	}
	return out
}

func eventOf(r *logv1.Record) string {
	switch b := r.Body.(type) {
	case *logv1.Record_Decision:
		return b.Decision.GetEventId()
	case *logv1.Record_Activation:
		return b.Activation.GetEventId()
	case *logv1.Record_Reward:
		return b.Reward.GetEventId()
	}
	return ""
}

// tables reads all Parquet files below a directory, by partition, parts in order.
func tables(t testing.TB, out string) map[string][]Row {
	t.Helper()
	all := map[string][]Row{}
	for _, path := range files(t, out) {
		if !strings.HasSuffix(path, ".parquet") {
			continue
		}
		rows, err := parquet.ReadFile[Row](filepath.Join(out, path))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Dir(path)] = append(all[filepath.Dir(path)], rows...)
	}
	return all
}

// files lists what is in a directory, the lock aside.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != lockName {
			name, _ := filepath.Rel(dir, path)
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// contents are the bytes of all files of a directory.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range files(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	return out
}
