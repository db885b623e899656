package challenger

import (
	"errors"
	"testing"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// A clearly better challenger is promoted by itself, a worse one is not, and the promotion stands after a restart and when
// the loop's file is put again. What is promoted is served, and the log replays without a difference.
func TestBetterChallengerIsPromotedByItself(t *testing.T) {
	s := newService(t, filled(uniform, automatic))
	s.challenge("greedy", filled(greedy, manual))
	s.challenge("baseline", more(filled(uniform, automatic), "learning_mode: logging_only")) // always a, the worse one
	if !s.play(6000, func(st *Status) bool { return st.Promotion != nil }) {
		t.Fatalf("nothing was promoted: %+v", s.status())
	}
	p := s.status().Promotion
	if p.Challenger != "greedy" || p.Actor != automatic || !(p.Lower > 0) || p.Events < 1000 || p.Forced {
		t.Errorf("%+v", p)
	}
	if err := s.learner.AwaitServed(t.Context(), "shop", p); err != nil {
		t.Fatal(err)
	}
	if served, _ := s.learner.Current("shop"); served.Loop.Policy.String() == "uniform" {
		t.Errorf("what serves is %s", served.Loop.Policy)
	}
	before := s.status()
	s.stop()
	s.start()
	since := before.find("baseline").Since
	st := s.await("the log is read again", func(st *Status) bool { return st.Watch != nil })
	if c := st.find("baseline"); c == nil || c.Since != since {
		t.Errorf("declared anew: %+v, since %d before", c, since)
	}
	if st.Promotion == nil || st.Promotion.Position != p.Position || st.find("greedy").State != InForce {
		t.Errorf("after a restart: %+v", st)
	}
	s.play(300, nil)
	s.stop()
	s.replays()
}

func (s *service) replays() {
	s.t.Helper()
	s.start()
	defer s.stop()
	report, err := learn.Replay(s.t.Context(), learn.NewSource(s.log), loop.Compile, learn.ReplayOptions{})
	if err != nil || report.Different != 0 || report.Decisions == 0 {
		s.t.Errorf("replay: %v, %+v", err, report)
	}
}

// A challenger that draws complaints, which the reward does not see, is taken back by itself and not promoted by itself
// again, though it earns more.
func TestChallengerThatDrawsComplaintsIsTakenBack(t *testing.T) {
	s := newService(t, filled(uniform, automatic))
	s.challenge("greedy", filled(greedy, manual))
	if !s.play(6000, func(st *Status) bool { return st.Promotion != nil }) {
		t.Fatalf("nothing was promoted: %+v", s.status())
	}
	s.complaints["b"] = 0.4 // The world changes.
	if !s.play(8000, func(st *Status) bool { return st.Promotion == nil }) {
		t.Fatalf("not taken back: %+v", s.status().Watch)
	}
	st := s.await("the record is read", func(st *Status) bool { return st.find("greedy").State == TakenBack })
	if st.TakenBack != 1 || st.Promoted != 1 {
		t.Errorf("%+v", st)
	}
	if s.play(3000, func(st *Status) bool { return st.Promotion != nil }) {
		t.Error("promoted again")
	}
	if c := s.status().find("greedy"); !c.Evidence.Proven() {
		t.Logf("the evidence of what was taken back: %+v", c.Evidence) // It may be, and is not asked for.
	}
	s.stop()
	s.replays()
}

// By command: what is not proven is refused with the numbers, force is recorded as such, and what was promoted is taken back.
func TestCommands(t *testing.T) {
	s := newService(t, filled(greedy, manual))
	s.challenge("even", filled(uniform, manual))
	s.play(400, nil)
	s.settle()
	ctx := t.Context()
	var refused *NotProvenError
	if _, _, err := s.manager.Promote(ctx, "shop", "even", Request{Actor: "ann"}); !errors.As(err, &refused) || refused.Evidence.Events < 300 {
		t.Fatalf("%v", err)
	}
	t.Log(refused)
	if _, _, err := s.manager.Promote(ctx, "shop", "nobody", Request{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, _, err := s.manager.TakeBack(ctx, "shop", "even", Request{}); !errors.Is(err, learn.ErrNotPromoted) {
		t.Errorf("%v", err)
	}
	p, served, err := s.manager.Promote(ctx, "shop", "even", Request{Actor: "ann", Reason: "to see", Force: true})
	if err != nil || !served || !p.Forced || p.Actor != "ann" || p.Reason != "to see" {
		t.Fatalf("%+v, %v, %v", p, served, err)
	}
	st := s.await("the status says so", func(st *Status) bool { return st.find("even").State == InForce && st.Watch != nil })
	if st.Promotion == nil || st.Promotion.Position != p.Position {
		t.Errorf("%+v", st)
	}
	if _, _, err := s.manager.Promote(ctx, "shop", "even", Request{Force: true}); !errors.Is(err, learn.ErrNotInForce) {
		t.Errorf("promoted twice: %v", err)
	}
	if _, served, err := s.manager.TakeBack(ctx, "shop", "even", Request{Actor: "bob"}); err != nil || !served {
		t.Errorf("%v, %v", served, err)
	}
	s.await("it is taken back", func(st *Status) bool { return st.find("even").State == TakenBack && st.Promotion == nil })
}

// Evaluation begins where the challenger was declared, and a restart comes to the same numbers, to the bit. A changed file
// begins anew.
func TestRestartGivesTheSameNumbers(t *testing.T) {
	s := newService(t, filled(greedy, manual))
	s.play(200, nil)
	s.challenge("even", filled(uniform, manual))
	s.play(300, nil)
	s.settle()
	s.challenge("late", more(filled(uniform, manual), "description: the same policy"))
	s.play(200, nil)
	s.settle()
	even := s.await("all are counted", func(st *Status) bool { return st.find("even").Evidence.Events == 500 }).find("even")
	late := s.await("all are counted", func(st *Status) bool { return st.find("late").Evidence.Events == 200 }).find("late")
	s.stop()
	s.start()
	st := s.await("the log is read again", func(st *Status) bool {
		return st.find("late") != nil && st.find("late").State == Evaluating && st.LagRecords == 0
	})
	for _, before := range []*Challenger{even, late} {
		after := st.find(before.Name)
		if a, b := after.Evidence, before.Evidence; a.Events != b.Events || a.Gain != b.Gain || a.Lower != b.Lower || after.Since != before.Since {
			t.Errorf("%s: since %d %+v, before since %d %+v", before.Name, after.Since, a, before.Since, b)
		}
	}
	s.challenge("even", more(filled(uniform, manual), "description: changed"))
	st = s.await("it begins anew", func(st *Status) bool { c := st.find("even"); return c.State == Evaluating && c.Since > even.Since })
	if n := st.find("even").Evidence.Events; n != 0 {
		t.Errorf("%d events are left of the file before", n)
	}
}

// The loop's file is the operator's: while a challenger is promoted, other bytes in it end that, and all evidence begins anew.
func TestAnotherFileEndsThePromotion(t *testing.T) {
	s := newService(t, filled(greedy, manual))
	s.challenge("even", filled(uniform, manual))
	if _, _, err := s.manager.Promote(t.Context(), "shop", "even", Request{Force: true, Reason: "to see"}); err != nil {
		t.Fatal(err)
	}
	s.play(100, nil)
	s.settle()
	s.await("the displaced is counted", func(st *Status) bool { return st.Watch != nil && st.Watch.Evidence.Events == 100 })
	s.put()
	if st := s.status(); st.Promotion == nil {
		t.Fatal("the same file ended the promotion")
	}
	s.write("shop.yaml", more(filled(greedy, manual), "description: changed"))
	s.put()
	st := s.await("even is evaluated again", func(st *Status) bool { c := st.find("even"); return c != nil && c.State == Evaluating })
	if st.Promotion != nil || st.Watch != nil || st.find("even").Evidence.Events != 0 {
		t.Errorf("%+v", st)
	}
}

// A broken file says where, one of another reward why; the others go on.
func TestBrokenChallengers(t *testing.T) {
	s := newService(t, filled(greedy, manual))
	s.write("challengers/shop/broken.yaml", filled(uniform, manual)+"polcy: {}\n")
	s.write("challengers/shop/dear.yaml", more("version: 1\n", "name: shop", "actions: [{id: a}]"))
	s.write("challengers/shop/other.yaml", more("version: 1\n", "name: other", "actions: [{id: a}]"))
	s.challenge("even", filled(uniform, manual))
	s.play(60, nil)
	s.settle()
	st := s.await("even is counted", func(st *Status) bool { return st.find("even").Evidence.Events == 60 })
	dir := s.dir + "/challengers/shop/"
	for name, want := range map[string]string{
		"broken": dir + "broken.yaml:8:1: polcy is not a key of loop files: did you mean policy?",
		"dear":   dir + "dear.yaml:1:1: reward must be that of shop.yaml, or gains would be in another unit: copy it",
		"other":  dir + "other.yaml:2:7: name: the file is in challengers/shop, so the loop must be called shop",
	} {
		c := st.find(name)
		if c == nil || c.State != Broken || c.Error != want {
			t.Errorf("%s: %+v, want %s", name, c, want)
		}
		var broken *BrokenError
		if _, _, err := s.manager.Promote(t.Context(), "shop", name, Request{Force: true, Reason: "x"}); !errors.As(err, &broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
