package evaluate

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// absent is a feature store that is down.
type absent struct{}

func (absent) Fetch(context.Context, string, []string) ([]features.Raw, error) {
	return nil, errors.New("down")
}

const memberFile = `
version: 1
name: shop
actions: [{id: a}, {id: b}]
features: {user: {member: {type: boolean, default: false}}}
reward: {reward_wait_time: 1h, default_reward: 0.25, aggregation: sum}
`

// Each decision that is left out is counted once, under what it is left out for; those that are evaluated are worth what
// is joined to them, silence the default.
func TestEveryDecisionIsAccountedFor(t *testing.T) {
	s := newScribe(t)
	s.put("shop", memberFile)
	begin := s.now
	ask := func(id string, deferred bool) *decision.Record {
		return s.rank(decision.Request{Loop: "shop", EventID: id, UserID: "u", Deferred: deferred})
	}
	plain, rewarded, shown := ask("plain", false), ask("rewarded", false), ask("shown", true)
	ask("never-shown", true)
	s.append(&logv1.Record{Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: "shop", EventId: "shown"}}})
	s.reward(rewarded, "", 2)
	s.reward(rewarded, "", 2) // The same reward id again.
	s.reward(shown, "", 4)
	s.log(plain) // A second decision of an event.
	s.decider.Features = absent{}
	ask("degraded", false)
	s.decider.Features = visits{}
	s.put("shop", strings.Replace(memberFile, "name: shop\n", "name: shop\nlearning_mode: apprentice\n", 1))
	ask("apprentice", false)
	s.put("shop", memberFile)
	s.wait(2 * time.Hour)
	late := ask("late", false)
	s.reward(late, "", 8)
	ask("open", false)

	check := func(o Options, want Counts, rewards map[string]float64) {
		t.Helper()
		o.Data, o.Loop, o.Candidates = s.data, "shop", []Candidate{Online()}
		l, rows := read(t, o)
		logged, got := decisions(t, s.data), map[string]float64{}
		for _, r := range rows {
			got[logged[r.Decision].EventID] = r.Samples[0].Reward
		}
		if !maps.Equal(got, rewards) {
			t.Errorf("rewards %v, want %v", got, rewards)
		}
		c := l.Counts()
		if c.Decisions != 9 || c.Evaluated != want.Evaluated || c.Open != want.Open || c.NotActivated != want.NotActivated ||
			c.Outside != want.Outside || c.Skipped[learn.PoisonRepeatedEvent] != 1 || c.Fallbacks[decision.FallbackApprentice] != 1 ||
			c.Fallbacks[decision.FallbackFeaturesUnavailable] != 1 {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
	settled := map[string]float64{"plain": 0.25, "rewarded": 2, "shown": 4}
	check(Options{}, Counts{Evaluated: 3, Open: 2, NotActivated: 1}, settled)
	check(Options{Until: begin.Add(time.Minute)}, Counts{Evaluated: 3, NotActivated: 1, Outside: 2}, settled)
	check(Options{Since: begin.Add(time.Minute)}, Counts{Open: 2, Outside: 4}, nil)
	s.wait(50 * time.Minute)
	s.cut("shop")
	with := maps.Clone(settled)
	with["late"], with["open"] = 8, 0.25
	check(Options{Provisional: true}, Counts{Evaluated: 5, NotActivated: 1}, with)
}

// A loop that the log does not have is an error that names those it has; so is one whose file it has lost.
func TestUnknownLoops(t *testing.T) {
	s := newScribe(t)
	open := func(name string, d *learn.Definition) error {
		l, err := Open(t.Context(), Options{Data: s.data, Loop: name, Candidates: []Candidate{Online()}, Definition: d})
		if err == nil {
			l.Close()
		}
		return err
	}
	refused := func(err error, words string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want an error with %q", err, words)
		}
	}
	refused(open("shop", nil), "no other")
	s.put("shop", shopFile)
	s.put("copy", strings.Replace(shopFile, "name: shop", "name: copy", 1))
	refused(open("shp", nil), "it has copy, shop")
	s.append(&logv1.Record{Body: &logv1.Record_Cut{Cut: &logv1.Cut{Loop: "lost", Number: 9}}})
	refused(open("lost", nil), "say which one")
	if err := open("lost", compiled(shopFile)); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Options{Data: s.data, Loop: "shop"}); err == nil {
		t.Error("evaluated nothing")
	}
	if _, err := Open(t.Context(), Options{Data: t.TempDir(), Loop: "shop", Candidates: []Candidate{Online()}}); err == nil {
		t.Error("evaluated no log")
	}
}

// Several loops share a log: the rows of one are those that it has in a log of its own.
func TestOtherLoopsDoNotShow(t *testing.T) {
	alone, shared := newScribe(t), newScribe(t)
	for _, s := range []*scribe{alone, shared} {
		s.put("shop", shopFile)
	}
	copied := strings.Replace(shopFile, "name: shop", "name: copy", 1)
	shared.put("copy", copied)
	ids := func(prefix string) func(time.Time) string {
		n := 0
		return func(time.Time) string {
			n++
			return prefix + string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
		}
	}
	alone.decider.NewID = ids("e")
	mine, theirs := ids("e"), ids("e") // The same event ids in both loops.
	w, x, y := newWorld(8), newWorld(8), newWorld(9)
	for range 40 {
		w.play(alone, "shop", 5)
		shared.decider.NewID = mine
		x.play(shared, "shop", 5)
		now := shared.now
		shared.decider.NewID = theirs
		y.play(shared, "copy", 5)
		shared.now = now
	}
	w.end(alone, "shop")
	x.end(shared, "shop")
	candidates := []Candidate{Uniform(), LoopFile("copy", must(loop.Compile("copy.yaml", []byte(copied))))}
	_, want := read(t, Options{Data: alone.data, Loop: "shop", Candidates: candidates})
	_, got := read(t, Options{Data: shared.data, Loop: "shop", Candidates: candidates})
	if len(want) != 200 || len(got) != 200 {
		t.Fatalf("%d and %d rows", len(want), len(got))
	}
	for i := range want {
		for k := range candidates {
			if got[i].Samples[k] != want[i].Samples[k] {
				t.Fatalf("row %d, candidate %d: %+v, alone %+v", i, k, got[i].Samples[k], want[i].Samples[k])
			}
		}
	}
}
