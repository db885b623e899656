package challenger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is the loop of these tests, with the policy and the promotion block to be filled in.
const shop = `version: 1
name: shop
actions: [{id: a}, {id: b}]
features: {undeclared: ignore}
reward: {reward_wait_time: 2s, metrics: {click: 1, complaint: 0}}
policy: {type: %s}
promotion: {mode: %s, watch: {metric: complaint, better: lower}}
`

const (
	uniform = "uniform"
	greedy  = "epsilon_greedy, epsilon: 0.2"
	manual  = "manual"
)

// service is a real log, learner, decider and manager with a clock that events put forward, so that windows end.
type service struct {
	t       testing.TB
	data    string
	dir     string // of loop files
	ahead   atomic.Int64
	log     *eventlog.Log
	events  *eventlog.Events
	learner *learn.Learner
	decider *decision.Decider
	manager *Manager
	rng     *rand.Rand
	ids     int
	// clicks and complaints are how often an action gets one.
	clicks, complaints map[string]float64
}

func newService(t testing.TB, file string) *service {
	t.Helper()
	s := &service{
		t: t, data: t.TempDir(), dir: t.TempDir(), rng: rand.New(rand.NewPCG(5, 6)),
		clicks: map[string]float64{"a": 0.2, "b": 0.6}, complaints: map[string]float64{},
	}
	s.write("shop.yaml", file)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s *service) start() {
	s.t.Helper()
	var err error
	if s.log, _, err = eventlog.Open(filepath.Join(s.data, "log"), eventlog.Options{}); err != nil {
		s.t.Fatal(err)
	}
	s.events = must(eventlog.NewEvents(s.t.Context(), s.log))
	s.learner = must(learn.Start(s.t.Context(), learn.NewEventLog(s.events), loop.Compile, learn.Options{
		Dir: filepath.Join(s.data, "learner"), PublishEvery: 10 * time.Millisecond, Now: s.now,
	}))
	s.decider = &decision.Decider{
		Snapshots: s.learner, Features: noFeatures{}, Recorder: s.events, Now: s.now,
		NewID:         func(time.Time) string { s.ids++; return fmt.Sprint("e", s.ids) },
		FeatureBudget: time.Second,
	}
	s.put()
	s.manager = Start(s.learner, s.events, Options{
		Dir: filepath.Join(s.dir, loop.ChallengerFolder), Poll: 20 * time.Millisecond, Settle: 10 * time.Millisecond,
		Look: 5 * time.Millisecond, Share: 1, Now: s.now,
	})
}

func (s *service) stop() {
	if s.learner == nil {
		return
	}
	s.manager.Close()
	s.learner.Close()
	s.log.Close()
	s.learner = nil
}

// put puts the loop's file in force, as every start does.
func (s *service) put() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := s.learner.PutLoop(ctx, must(loop.CompileFile(filepath.Join(s.dir, "shop.yaml")))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// challenge puts a challenger's file there and waits until it is evaluated.
func (s *service) challenge(name, text string) {
	s.t.Helper()
	s.write("challengers/shop/"+name+".yaml", text)
	s.await(name+" is evaluated", func(st *Status) bool { c := st.find(name); return c != nil && c.State == Evaluating })
}

func (s *service) status() *Status {
	st, ok := s.manager.Status("shop")
	if !ok {
		s.t.Fatal("there is no shop")
	}
	return &st
}

// await waits for a status.
func (s *service) await(what string, holds func(*Status) bool) *Status {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		st := s.status()
		if holds(st) {
			return st
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("still not: %s; it is %+v, watch %+v", what, st, st.Watch)
		}
	}
}

// play ranks events until n were or until is true, one every 100 ms of the service's clock, and reports what users do.
func (s *service) play(n int, until func(*Status) bool) bool {
	s.t.Helper()
	for i := range n {
		s.ahead.Add(int64(100 * time.Millisecond))
		r := must(s.decider.Rank(s.t.Context(), &decision.Request{Loop: "shop", UserID: fmt.Sprint("u", i%50)}))
		action := r.Actions[r.Choices[0].Served()].ID
		s.report(r.EventID, "click", action, s.clicks)
		s.report(r.EventID, "complaint", action, s.complaints)
		if i%25 == 24 {
			time.Sleep(5 * time.Millisecond) // Several models, and the evaluation keeps up.
			if until != nil && until(s.status()) {
				return true
			}
		}
	}
	return until == nil
}

func (s *service) report(event, metric, action string, rates map[string]float64) {
	if s.rng.Float64() >= rates[action] {
		return
	}
	must(s.events.Append(s.t.Context(), &logv1.Record{TimeUnixNanos: s.now().UnixNano(), Body: &logv1.Record_Reward{Reward: &logv1.Reward{
		Loop: "shop", EventId: event, RewardId: metric, Metric: metric, Value: 1,
	}}}, decision.Process))
}

// settle lets all windows end and waits until the evaluation has seen it.
func (s *service) settle() {
	s.t.Helper()
	s.ahead.Add(int64(10 * time.Second))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		st, _ := s.learner.Status("shop")
		if st.OpenEvents == 0 && st.LagRecords == 0 && s.status().LagRecords == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d events are open, lag %d", st.OpenEvents, s.status().LagRecords)
		}
	}
}

func filled(policy, mode string) string { return fmt.Sprintf(shop, policy, mode) }

func more(file string, lines ...string) string { return file + strings.Join(lines, "\n") + "\n" }

type noFeatures struct{}

func (noFeatures) Fetch(_ context.Context, _ string, names []string) ([]features.Raw, error) {
	return make([]features.Raw, len(names)), nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// touch makes the files count as changed.
func (f *files) touch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked++
}
