package learn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// file is the loop file of these tests.
type file struct {
	Name        string
	Window      time.Duration
	Default     float64
	Aggregation Aggregation
	Metrics     []Metric
	Low, High   float64       // 0 and 0: no bounds
	Haste       time.Duration // 0: no rule about machines
	Mode        decision.LearningMode
	Actions     string // names
	Prices      []any  // of the actions: numbers, texts, lists of numbers or nil
	Priced      features.Field
	Numbers     []string // declared context features
	Note        string   // changes the file and nothing else
	Estimator   string   // "", "panics", "infinite", "arms"
	Model       RewardModel
	Position    bool
	Sends       bool // the loop chooses send times
}

func (f file) bytes() []byte { return must(json.Marshal(f)) }

// compileFile is the Compile of these tests.
func compileFile(path string, b []byte) (*Definition, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	loop := &decision.Loop{Name: f.Name, Policy: model.DefaultExploration(), Mode: f.Mode, Salt: 7, Position: f.Position}
	if f.Sends {
		loop.Send = &decision.SendSpec{Granularity: time.Hour, Window: 24 * time.Hour, Horizon: 14 * 24 * time.Hour, DoNotSend: true}
		loop.Zone, loop.UserNames = time.UTC, []string{decision.EvidenceField(f.Name)}
	}
	for i, id := range strings.Fields(f.Actions) {
		a := decision.Action{ID: id}
		if i < len(f.Prices) {
			a.Features = priced(f.Prices[i])
		}
		loop.Actions = append(loop.Actions, a)
	}
	if f.Priced.Name != "" {
		loop.Schema.Action = []features.Field{f.Priced}
	}
	for _, n := range f.Numbers {
		loop.Schema.Context = append(loop.Schema.Context, features.Field{Name: n, Type: features.NumberType})
	}
	loop.Schema.Undeclared = features.Ignore
	sum := sha256.Sum256(b)
	d := &Definition{
		Loop: loop, Path: path, File: b, SHA256: hex.EncodeToString(sum[:]),
		Reward: RewardSpec{
			Window: f.Window, Default: f.Default, Aggregation: f.Aggregation, Metrics: f.Metrics,
			Min: f.Low, Max: f.High, Model: f.Model,
		},
		NewEstimator: func() model.Estimator { return testEstimator(f.Estimator) },
	}
	if f.Haste > 0 {
		d.Reward.Machine = []MachineRule{{Within: f.Haste}}
	}
	if f.Low == 0 && f.High == 0 {
		d.Reward.Min, d.Reward.Max = math.Inf(-1), math.Inf(1)
	}
	f.Note, f.Mode, f.Actions, f.Prices = "", 0, "", nil
	d.LearningKey = string(f.bytes())
	return d, nil
}

// priced returns the features of an action with that price.
func priced(price any) features.Set {
	v := features.Value{}
	switch p := price.(type) {
	case float64:
		v = features.NumberValue(p)
	case string:
		v = features.TextValue(p)
	case []any:
		numbers := make([]float64, len(p))
		for i := range p {
			numbers[i] = p[i].(float64)
		}
		v = features.NumbersValue(numbers)
	case nil:
		return nil
	}
	return features.Set{{Name: "price", Value: v}}
}

func testEstimator(kind string) model.Estimator {
	e := model.DefaultEstimator()
	switch kind {
	case "sends":
		return model.NewSendTimeLoop(model.SendTimesOptions{})
	case "panics":
		return panicking{e}
	case "infinite":
		return infinite{e}
	case "arms":
		return model.NewArms(model.ArmsOptions{})
	default:
		return e
	}
}

// panicking panics at an example with the reward 13.
type panicking struct{ model.Estimator }

func (p panicking) Provisional(x *model.Example, reward, weight float64) {
	if reward == 13 {
		panic("unlucky")
	}
	p.Estimator.Provisional(x, reward, weight)
}

// infinite has a model that must not be served once it has learned anything.
type infinite struct{ model.Estimator }

func (i infinite) Predictor() (model.Predictor, error) {
	p, err := i.Estimator.Predictor()
	if err == nil && p.Events() > 0 {
		return infinitePredictor{p}, nil
	}
	return p, err
}

type infinitePredictor struct{ model.Predictor }

func (p infinitePredictor) Estimate(dst []model.Estimate, context features.Set, cs []model.Candidate) []model.Estimate {
	dst = p.Predictor.Estimate(dst, context, cs)
	dst[0].Mean = math.Inf(1)
	return dst
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const second = int64(time.Second)

// shop is a loop with a window of 100 s and the actions a, b and c.
func shop() file {
	return file{Name: "shop", Window: 100 * time.Second, Actions: "a b c", Numbers: []string{"hour"}}
}

func at(t int64, loop string, body any) *logv1.Record {
	r := &logv1.Record{TimeUnixNanos: t}
	switch b := body.(type) {
	case *logv1.Reward:
		b.Loop = loop
		r.Body = &logv1.Record_Reward{Reward: b}
	case *logv1.Activation:
		b.Loop = loop
		r.Body = &logv1.Record_Activation{Activation: b}
	case *logv1.Cut:
		b.Loop = loop
		r.Body = &logv1.Record_Cut{Cut: b}
	case *logv1.LoopChange:
		b.Loop = loop
		r.Body = &logv1.Record_LoopChange{LoopChange: b}
	default:
		panic("no such body")
	}
	return r
}

func changeTo(t int64, f file) *logv1.Record {
	return at(t, f.Name, &logv1.LoopChange{File: f.bytes(), Path: f.Name})
}

// decided is a decision that served the named actions, one per slot.
func decided(t int64, loop, eventID string, change func(*decision.Record), served ...string) *logv1.Record {
	r := &decision.Record{Input: decision.Input{Time: time.Unix(0, t)}, Loop: loop, SnapshotID: "1-x"}
	r.EventID = eventID
	r.Context = features.Set{{Name: "hour", Value: features.NumberValue(float64(len(eventID) % 5))}}
	r.FromCatalogue, r.Arm, r.Policy = true, "policy", "test"
	for _, id := range []string{"a", "b", "c"} {
		r.Actions = append(r.Actions, decision.Action{ID: id})
	}
	r.Slotted = len(served) > 1
	for i, id := range served {
		spec := decision.SlotSpec{}
		if r.Slotted {
			spec.ID = fmt.Sprintf("s%d", i)
		}
		r.Slots = append(r.Slots, spec)
		k := slices.IndexFunc(r.Actions, func(a decision.Action) bool { return a.ID == id })
		r.Choices = append(r.Choices, decision.Choice{
			Ranking: []decision.Ranked{{Action: k, Probability: 1}}, WouldHaveChosen: -1,
		})
	}
	if change != nil {
		change(r)
	}
	return eventlog.FromDecision(r)
}

func rewarded(t int64, loop, eventID, rewardID string, value float64) *logv1.Record {
	return at(t, loop, &logv1.Reward{EventId: eventID, RewardId: rewardID, Value: value})
}

// memoryLog is an event log in memory.
type memoryLog struct {
	mu      sync.Mutex
	records [][]byte
	grown   chan struct{}
	fail    error // of Append
}

var _ EventLog = (*memoryLog)(nil)

func newMemoryLog(records ...*logv1.Record) *memoryLog {
	l := &memoryLog{grown: make(chan struct{})}
	for _, r := range records {
		must(l.Append(context.Background(), r, decision.Process))
	}
	return l
}

func (l *memoryLog) Append(_ context.Context, r *logv1.Record, _ decision.Durability) (eventlog.Position, error) {
	return l.appendBytes(must(proto.Marshal(r)))
}

func (l *memoryLog) appendBytes(b []byte) (eventlog.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, l.fail
	}
	l.records = append(l.records, b)
	close(l.grown)
	l.grown = make(chan struct{})
	return eventlog.Position(len(l.records)), nil
}

func (l *memoryLog) setFail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

func (l *memoryLog) End() eventlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return eventlog.Position(len(l.records) + 1)
}

func (l *memoryLog) Tail(from eventlog.Position) Cursor { return &memoryCursor{l, max(1, from)} }

type memoryCursor struct {
	l    *memoryLog
	next eventlog.Position
}

func (c *memoryCursor) TryNext() (eventlog.Position, []byte, error) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if int(c.next) > len(c.l.records) {
		return 0, nil, io.EOF
	}
	c.next++
	return c.next - 1, c.l.records[c.next-2], nil
}

func (c *memoryCursor) Next(ctx context.Context) (eventlog.Position, []byte, error) {
	for {
		c.l.mu.Lock()
		grown := c.l.grown
		c.l.mu.Unlock()
		if pos, b, err := c.TryNext(); err == nil {
			return pos, b, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

func (c *memoryCursor) Close() error { return nil }

// foldOf folds the log from its beginning, or goes on with f.
func foldOf(t testing.TB, f *fold, log *memoryLog) *fold {
	t.Helper()
	if f == nil {
		f = newFold(compileFile, readHistory(context.Background(), log))
	}
	c := log.Tail(f.next)
	for {
		pos, b, err := c.TryNext()
		if err == io.EOF {
			return f
		}
		if _, err := f.apply(pos, b); err != nil {
			t.Fatal(err)
		}
	}
}

func stateOf(t testing.TB, f *fold) []byte {
	t.Helper()
	b, err := f.appendState(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// modelOf returns the bytes of a loop's model.
func modelOf(t testing.TB, f *fold, loop string) []byte {
	t.Helper()
	p, err := f.loops[loop].estimator.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	return must(p.AppendBinary(nil))
}
