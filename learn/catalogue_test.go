package learn

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// priceList is a shop whose actions have prices.
func priceList(actions string, prices ...any) file {
	f := shop()
	f.Actions, f.Prices = actions, prices
	f.Priced = features.Field{Name: "price", Type: features.NumberType}
	return f
}

// shelf is a log of one loop beside its obvious twin: the same decisions with the features that they were made with in
// their own records, as if the callers had brought the actions.
type shelf struct {
	log, twin *memoryLog
	now       int64
	number    uint64            // of the last cut
	inForce   file              // the last loop file
	decidedBy map[uint64]file   // the loop file of each snapshot
	own       func(string) bool // which events' actions the twin prices; nil: all
}

func newShelf(f file) *shelf {
	s := &shelf{log: newMemoryLog(), twin: newMemoryLog(), now: 1000 * second, decidedBy: map[uint64]file{}}
	s.append(s.log, changeTo(s.now, f))
	s.inForce = f
	s.cut()
	return s
}

func (s *shelf) append(l *memoryLog, r *logv1.Record) {
	must(l.Append(context.Background(), r, decision.Process))
}

func (s *shelf) change(f file) {
	s.now += second
	s.append(s.log, changeTo(s.now, f))
	s.append(s.twin, at(s.now, "shop", &logv1.Cut{})) // Time passes.
	s.inForce = f
}

func (s *shelf) cut() {
	s.number++
	r := at(s.now, "shop", &logv1.Cut{Number: s.number})
	s.append(s.log, r)
	s.append(s.twin, r)
	s.decidedBy[s.number] = s.inForce
}

// decide logs a decision of the numbered snapshot for its served-th action, and its reward.
func (s *shelf) decide(id string, number uint64, served int, reward float64) {
	s.now += second
	by := s.decidedBy[number]
	var actions []decision.Action
	for i, a := range strings.Fields(by.Actions) {
		actions = append(actions, decision.Action{ID: a, Features: priced(by.Prices[i])})
	}
	made := func(own bool) *logv1.Record {
		return decided(s.now, "shop", id, func(r *decision.Record) {
			r.SnapshotID = fmt.Sprintf("%d-abcd", number)
			r.Actions, r.FromCatalogue = slices.Clone(actions), !own
			r.Choices[0].Ranking[0].Action = served
			if s.own != nil && !s.own(id) {
				for i := range r.Actions {
					r.Actions[i].Features = nil
				}
			}
		}, "a")
	}
	s.append(s.log, made(false))
	s.append(s.twin, made(true))
	r := rewarded(s.now, "shop", id, "r", reward)
	s.append(s.log, r)
	s.append(s.twin, proto.Clone(r).(*logv1.Record))
}

// want returns the model that the twin gives under the last loop file.
func (s *shelf) want(t testing.TB) []byte {
	whole := newMemoryLog(changeTo(1000*second, s.inForce))
	whole.records = append(whole.records, s.twin.records...)
	return modelOf(t, foldOf(t, nil, whole), "shop")
}

func (s *shelf) check(t testing.TB, what string) {
	t.Helper()
	if !bytes.Equal(modelOf(t, foldOf(t, nil, s.log), "shop"), s.want(t)) {
		t.Errorf("%s: the model is not that of the decisions with the features that decided them", what)
	}
}

// Every decision is learned from with the catalogue of the snapshot that decided it: with prices that changed, actions
// that left, decisions that were under way meanwhile, and whether the log was folded again or not.
func TestCatalogueOfTheSnapshot(t *testing.T) {
	before := priceList("a b c", 1.0, 2.0, 3.0)
	after := map[string]file{
		"price":   priceList("a b c", 7.0, 2.0, 3.0),
		"removed": priceList("b c", 2.0, 3.0),
		"order":   priceList("c a b", 3.0, 1.0, 2.0),
	}
	for what, f := range after {
		for _, again := range []bool{false, true} {
			f.Default = 0
			if again {
				f.Default = 0.25
			}
			s := newShelf(before)
			for i := range 9 {
				s.decide(fmt.Sprint("before", i), 1, i%3, float64(i%2))
			}
			s.change(f)
			s.decide("in flight", 1, 0, 1)
			s.cut()
			s.decide("after", 2, 0, 1)
			s.decide("in flight yet", 1, 0, 0)
			for i := range 9 {
				s.decide(fmt.Sprint("after", i), 2, i%2, float64(i%2))
			}
			s.check(t, fmt.Sprintf("%s, folded again %t", what, again))

			s.now += 500 * second // Everything is settled.
			s.cut()
			s.check(t, fmt.Sprintf("%s, folded again %t, settled", what, again))
		}
	}
}

// The same for histories of changes, cuts and decisions in any order, with restarts from a checkpoint in between.
func TestCataloguesAgainstTheObvious(t *testing.T) {
	files := []file{
		priceList("a b c", 1.0, 2.0, 3.0), priceList("a b c", 1.0, 2.0, 9.0), priceList("c b", 1.0, nil), priceList("a b d", nil, 4.0, 1.0),
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := newShelf(rapid.SampledFrom(files).Draw(rt, "first"))
		fold := foldOf(t, nil, s.log)
		changes := []uint64{1} // the cut before each of the last changes
		for i := range rapid.IntRange(5, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				f := rapid.SampledFrom(files).Draw(rt, "file")
				f.Default = rapid.SampledFrom([]float64{0, 0, 0, 1}).Draw(rt, "default")
				s.change(f)
				changes = append(changes, s.number)
			case 1:
				s.now += rapid.SampledFrom([]int64{0, second, 200 * second}).Draw(rt, "pause")
				s.cut()
			case 2:
				fold = foldOf(t, fold, s.log)
				state := stateOf(t, fold)
				fold = newFold(compileFile, fold.history)
				if err := fold.readState(state); err != nil || !bytes.Equal(stateOf(t, fold), state) {
					rt.Fatalf("the state is another after a restart (%v)", err)
				}
			default:
				oldest := changes[max(0, len(changes)-maxCatalogues+1)] // What is older may be forgotten.
				number := rapid.Uint64Range(oldest, s.number).Draw(rt, "snapshot")
				s.decide(fmt.Sprint("e", i), number, rapid.IntRange(0, 1).Draw(rt, "served"), float64(i%2))
			}
		}
		fold = foldOf(t, fold, s.log)
		if !bytes.Equal(modelOf(t, fold, "shop"), s.want(t)) {
			rt.Fatal("the model is not that of the decisions with the features that decided them")
		}
		if !bytes.Equal(stateOf(t, fold), stateOf(t, foldOf(t, nil, s.log))) {
			rt.Fatal("the state is not that of the whole log")
		}
		if n := len(fold.loops["shop"].catalogues.known); n > maxCatalogues {
			rt.Fatalf("%d catalogues are known", n)
		}
	})
}

// However many catalogues there were, folding the log again finds that of each decision.
func TestManyCataloguesFoldedAgain(t *testing.T) {
	f := priceList("a b c", 0.0, 1.0, 2.0)
	s := newShelf(f)
	for i := range 3 * maxCatalogues {
		f.Prices = []any{float64(i), float64(i * i % 7), nil}
		s.change(f)
		s.decide(fmt.Sprint("in flight", i), s.number, i%3, float64(i%2))
		s.cut()
		s.decide(fmt.Sprint("e", i), s.number, i%3, float64(i%3))
	}
	s.check(t, "not folded again")
	f.Default = 0.25
	s.change(f)
	s.check(t, "folded again")
}

// A feature whose type was changed is missing in the decisions from before, and is learned from in those after: the old
// values do not take the place of the new.
func TestCatalogueOfAnotherType(t *testing.T) {
	number := priceList("a b c", 1.0, 2.0, 3.0)
	texts, pairs, triples := priceList("a b c", "low", "mid", "high"), number, number
	texts.Priced.Type = features.CategoryType
	pairs.Prices, pairs.Priced = []any{[]any{1.0, 2.0}, []any{2.0, 1.0}, []any{0.0, 3.0}}, features.Field{Name: "price", Type: features.VectorType, Dim: 2}
	triples.Prices, triples.Priced = []any{[]any{1.0, 2.0, 3.0}, nil, []any{0.0, 3.0, 5.0}}, features.Field{Name: "price", Type: features.VectorType, Dim: 3}
	for what, fs := range map[string][2]file{
		"number to text": {number, texts}, "text to number": {texts, number}, "number to vector": {number, pairs},
		"vector to longer": {pairs, triples}, "vector to number": {triples, number},
	} {
		s := newShelf(fs[0])
		s.own = func(id string) bool { return strings.HasPrefix(id, "after") }
		for i := range 9 {
			s.decide(fmt.Sprint("before", i), 1, i%3, float64(i%2))
		}
		s.change(fs[1])
		s.decide("in flight", 1, 0, 1)
		s.cut()
		for i := range 9 {
			s.decide(fmt.Sprint("after", i), 2, i%3, float64(i%2))
		}
		s.check(t, what)
	}
}

// Features of the request and the user that break changed declarations are missing as well.
func TestContextOfAnotherType(t *testing.T) {
	r := &decision.Record{Input: decision.Input{
		Context: features.Set{{Name: "hour", Value: features.TextValue("noon")}, {Name: "late", Value: features.NumberValue(3)}},
		User:    features.Set{{Name: "age", Value: features.FlagValue(true)}},
		Actions: []decision.Action{{ID: "a", Features: features.Set{{Name: "price", Value: features.TextValue("low")}}}},
	}}
	number := func(name string) []features.Field {
		return []features.Field{{Name: name, Type: features.NumberType, Default: features.NumberValue(-1)}}
	}
	l := &decision.Loop{Schema: features.Schema{Context: number("hour"), User: number("age"), Action: number("price")}}
	var v decision.View
	look(&v, l, nil, r)
	for name, want := range map[string]float64{"hour": -1, "late": 3, "user.age": -1} {
		if got := v.Context.Get(name); got.Kind() != features.Number || got.Number() != want {
			t.Errorf("%s is %+v, want %v", name, got, want)
		}
	}
	if got := v.Candidates[0].Features.Get("price"); got.Number() != -1 {
		t.Errorf("the price is %+v, want the default", got)
	}
}

// Retention has taken the loop file, and the catalogue that its decisions were made from is known all the same when
// what is left of the log is folded again.
func TestCatalogueOfALostFile(t *testing.T) {
	s := newShelf(priceList("a b c", 1.0, 2.0, 3.0))
	for i := range 9 {
		s.decide(fmt.Sprint("before", i), 1, i%3, float64(i%2))
	}
	changed := priceList("b c", 5.0, 6.0)
	s.change(changed)
	s.decide("in flight", 1, 0, 1)
	s.cut()
	s.decide("after", 2, 1, 1)
	begins := eventlog.Position(2)
	fold := newFold(compileFile, func(before eventlog.Position, visit visitor) error {
		return scan(t.Context(), s.log, before, func(pos eventlog.Position, r *logv1.Record) {
			if pos > begins {
				visit(pos, r)
			}
		})
	})
	foldOf(t, fold, s.log)
	changed.Default = 0.25
	s.change(changed)
	foldOf(t, fold, s.log)
	again := newFold(compileFile, fold.history)
	if err := again.readState(stateOf(t, fold)); err != nil {
		t.Fatal(err)
	}
	s.decide("in flight yet", 1, 2, 1)
	foldOf(t, again, s.log)
	fold = again
	if !bytes.Equal(modelOf(t, fold, "shop"), s.want(t)) {
		t.Error("the model is not that of the decisions with the features that decided them")
	}
}

// What is not known is answered with what is nearest.
func TestUnknownCatalogue(t *testing.T) {
	var none catalogues
	if got := none.of("1-x"); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	def := func(actions string) *Definition {
		f := shop()
		f.Actions = actions
		return must(compileFile("", f.bytes()))
	}
	c := catalogues{inForce: def("first")}
	is := func(id, want string) {
		t.Helper()
		if got := c.of(id); len(got) != 1 || got[0].ID != want {
			t.Errorf("snapshot %q: %v, want %q", id, got, want)
		}
	}
	is("3-x", "first")
	c.put(def("at9"))
	c.cut(9)
	for n := uint64(10); n < 30; n++ {
		c.put(def(fmt.Sprint("at", n)))
		c.cut(n - 1) // Not in order, except the first: not one of ours.
		c.cut(n)
	}
	if len(c.known) != maxCatalogues {
		t.Fatalf("%d are known", len(c.known))
	}
	is("29-x", "at29")
	is("1000-x", "at29")
	is("25-x", "at25")
	is("12-x", "at22")
	is("", "at22")
	is("x-1", "at22")
}

// frozen serves one snapshot for ever: decisions with it are under way while the loop changes.
type frozen struct{ *decision.Snapshot }

func (f frozen) Current(string) (*decision.Snapshot, bool) { return f.Snapshot, true }

// With a real learner: a decision that is under way while its loop's catalogue changes is learned from as it was made,
// replays without a difference, and a restart has the same state.
func TestCatalogueChangesUnderWay(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	o := Options{Dir: filepath.Join(dir, "learner"), PublishEvery: 5 * time.Millisecond}
	l := startLearner(t, NewEventLog(log), o)
	put(t, l, priceList("a b c", 1.0, 2.0, 3.0))
	play(t, l, log, "shop", 0, 50)
	old, _ := l.Current("shop")
	inFlight := func(id string) {
		t.Helper()
		d := decider(l, log)
		d.Snapshots = frozen{old}
		if _, err := d.Rank(t.Context(), &decision.Request{Loop: "shop", EventID: id}); err != nil {
			t.Fatal(err)
		}
	}
	changed := priceList("b a", 20.0, 10.0)
	put(t, l, changed)
	inFlight("f1")
	play(t, l, log, "shop", 50, 50)
	inFlight("f2")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = startLearner(t, NewEventLog(log), o)
	changed.Default = -1
	put(t, l, changed) // Folded again.
	inFlight("f3")
	play(t, l, log, "shop", 100, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := restoredState(t, log, o.Dir), restoredState(t, log, ""); !bytes.Equal(got, want) {
		t.Error("the state from the checkpoint is not that of the whole log")
	}
	report, err := Replay(t.Context(), NewSource(log.Log()), compileFile, ReplayOptions{})
	if err != nil || report.Different != 0 || report.Decisions != 123 {
		t.Errorf("replay: %v, %+v", err, report)
	}
	// The twin: every decision brings its actions, and the last definition is in force from the start.
	got := foldOf(t, nil, copyOf(t, log, func(r *logv1.Record) *logv1.Record { return r }))
	want := foldOf(t, nil, copyOf(t, log, func(r *logv1.Record) *logv1.Record {
		switch d := r.GetDecision(); {
		case r.GetLoopChange() != nil:
			return changeTo(r.TimeUnixNanos, changed)
		case d != nil:
			rec := must(eventlog.ToDecision(r))
			price := map[string]float64{"a": 10, "b": 20}
			if len(rec.Actions) == 3 { // made from the first catalogue
				price = map[string]float64{"a": 1, "b": 2, "c": 3}
			}
			rec.FromCatalogue = false
			for i := range rec.Actions {
				rec.Actions[i].Features = priced(price[rec.Actions[i].ID])
			}
			return eventlog.FromDecision(rec)
		}
		return r
	}))
	if !bytes.Equal(modelOf(t, got, "shop"), modelOf(t, want, "shop")) {
		t.Error("the model is not that of the decisions with the features that decided them")
	}
}

// copyOf returns the records of a log, each changed.
func copyOf(t *testing.T, log *eventlog.Events, change func(*logv1.Record) *logv1.Record) *memoryLog {
	t.Helper()
	to := newMemoryLog()
	err := scan(t.Context(), NewEventLog(log), log.End(), func(_ eventlog.Position, r *logv1.Record) {
		must(to.Append(t.Context(), change(r), decision.Process))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
