package evaluate

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// service is the real learner, decider and log, with a clock that can be put forward.
type service struct {
	t       *testing.T
	data    string
	ahead   atomic.Int64
	log     *eventlog.Log
	events  *eventlog.Events
	learner *learn.Learner
	decider *decision.Decider
	ids     int
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, data: t.TempDir()}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s *service) start() {
	s.t.Helper()
	var err error
	if s.log, _, err = eventlog.Open(filepath.Join(s.data, logFolder), eventlog.Options{}); err != nil {
		s.t.Fatal(err)
	}
	s.events = must(eventlog.NewEvents(s.t.Context(), s.log))
	s.learner, err = learn.Start(s.t.Context(), learn.NewEventLog(s.events), loop.Compile, learn.Options{
		Dir: filepath.Join(s.data, "learner"), PublishEvery: 10 * time.Millisecond, Now: s.now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.decider = &decision.Decider{
		Snapshots: s.learner, Features: visits{}, Recorder: s.events, Now: s.now,
		NewID:         func(time.Time) string { s.ids++; return fmt.Sprint("e", s.ids) },
		FeatureBudget: time.Second,
	}
}

func (s *service) stop() {
	if s.learner != nil {
		s.learner.Close()
		s.log.Close()
	}
	s.learner = nil
}

func (s *service) put(name, file string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := s.learner.PutLoop(ctx, must(loop.Compile(name+".yaml", []byte(file)))); err != nil {
		s.t.Fatal(err)
	}
}

// play ranks n events and rewards some, as fast as they are logged.
func (s *service) play(name string, n int) {
	s.t.Helper()
	for i := range n {
		r := must(s.decider.Rank(s.t.Context(), &decision.Request{Loop: name, UserID: fmt.Sprint("u", i%17), Context: features.Set{
			{Name: "device", Value: features.TextValue([]string{"mobile", "desktop"}[i%2])},
			{Name: "hour", Value: features.NumberValue(float64(i % 24))},
		}}))
		if served(r) == "a" != (i%3 == 0) {
			must(s.events.Append(s.t.Context(), &logv1.Record{TimeUnixNanos: s.now().UnixNano(), Body: &logv1.Record_Reward{Reward: &logv1.Reward{
				Loop: name, EventId: r.EventID, RewardId: "r", Value: 1,
			}}}, decision.Process))
		}
		if i%20 == 0 {
			time.Sleep(12 * time.Millisecond) // Several models, each a few decisions old.
		}
	}
}

// end lets all windows end and stops.
func (s *service) end(loops ...string) {
	s.t.Helper()
	s.ahead.Add(int64(3 * time.Hour))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		open := uint64(0)
		for _, name := range loops {
			st, _ := s.learner.Status(name)
			open += st.OpenEvents + st.LagRecords
		}
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d events are still open", open)
		}
	}
	s.stop()
}

// The real service: two loops in one log, a policy that changes, features and catalogue that change, a loop that is removed
// and comes back, and a restart. Each file reproduces to the bit what was decided under it.
func TestEachFileReproducesItsPartOfTheLog(t *testing.T) {
	s := startService(t)
	first := shopFile
	greedy := strings.Replace(first, "{type: squarecb}", "{type: epsilon_greedy, epsilon: 0.2}", 1)
	other := strings.NewReplacer("{type: squarecb}", "{type: softmax, lambda: 3}", "    hour: {type: number, default: 12}\n", "",
		"price: 3", "price: 9", "undeclared: ignore", "undeclared: infer").Replace(first)
	s.put("shop", first)
	s.put("copy", strings.Replace(greedy, "name: shop", "name: copy", 1))
	s.play("shop", 150)
	s.play("copy", 80)
	s.put("shop", greedy)
	s.play("shop", 150)
	s.stop()
	s.start()
	s.play("shop", 50)
	s.put("shop", other)
	s.play("shop", 100)
	if err := s.learner.RemoveLoop(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	s.put("shop", other)
	s.play("shop", 50)
	s.end("shop", "copy")

	files := []string{first, greedy, other}
	candidates := []Candidate{Online()}
	policies := []string{""}
	for i, f := range files {
		d := compiled(f)
		candidates = append(candidates, LoopFile(fmt.Sprint(i), d))
		policies = append(policies, d.Loop.Policy.String())
	}
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: candidates})
	if c := l.Counts(); c.Evaluated != 500 || c.Decisions != 500 || c.Refused != 0 {
		t.Fatalf("%+v", c)
	}
	logged := decisions(t, s.data)
	same, apart := make([]int, len(files)+1), 0
	for _, r := range rows {
		d := logged[r.Decision]
		for k, x := range r.Samples {
			switch {
			case k > 0 && d.Policy != policies[k]:
				if x.Target != x.Propensity {
					apart++
				}
			case x.Target != x.Propensity:
				t.Fatalf("event %s, snapshot %s, candidate %d: %v, logged %v", d.EventID, d.SnapshotID, k, x.Target, x.Propensity)
			default:
				same[k]++
			}
		}
	}
	if fmt.Sprint(same) != "[500 150 200 150]" || apart < 500 {
		t.Errorf("the same %v, otherwise %d", same, apart)
	}
}
