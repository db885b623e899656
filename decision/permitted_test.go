package decision

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/model"
)

func TestKilledActionsAreNotServed(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), nil)
	in := &Input{EventID: "e", Actions: s.Loop.Actions, Slots: oneSlot, Killed: []int{1}}
	c := must(Decide(s, in)).Choices[0]
	if diff := cmp.Diff([]Exclusion{{1, ExcludedByKill}}, c.Excluded); diff != "" {
		t.Error(diff)
	}
	if len(c.Ranking) != 2 {
		t.Errorf("%d actions are eligible, want 2", len(c.Ranking))
	}
}

func TestNothingIsServedWhereNothingIsPermitted(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), nil)
	in := &Input{EventID: "e", Actions: s.Loop.Actions, Slots: oneSlot, Killed: []int{0, 1}, Excluded: []string{"c"}}
	out := must(Decide(s, in))
	c := &out.Choices[0]
	if out.Fallback != FallbackNoAction || c.Filled() || c.Served() != -1 {
		t.Errorf("fallback %q, served %d: want nothing, and the reason", out.Fallback, c.Served())
	}
	want := []Exclusion{{0, ExcludedByKill}, {1, ExcludedByKill}, {2, ExcludedByRequest}}
	if diff := cmp.Diff(want, c.Excluded); diff != "" {
		t.Error(diff)
	}
	if r := (&Record{Input: *in, Outcome: out}); r.Learned() || r.ActionID(c.Served()) != "" {
		t.Error("nothing was served, and it would be learned from")
	}
}

func TestALoopMayRefuseToServeNothing(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), func(l *Loop) { l.NoAction = RefuseRank })
	in := &Input{EventID: "e", Actions: s.Loop.Actions, Slots: oneSlot, Killed: []int{0, 1, 2}}
	if _, err := Decide(s, in); !errors.Is(err, ErrNoAction) {
		t.Errorf("error %v, want ErrNoAction", err)
	}
}

func TestSlotsThatCannotBeFilledStayEmpty(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), nil)
	in := &Input{EventID: "e", Actions: s.Loop.Actions, Slots: []SlotSpec{{ID: "top"}, {ID: "side"}}, Killed: []int{0, 2}}
	out := must(Decide(s, in))
	if got := out.Choices[0].Served(); got != 1 {
		t.Errorf("the first slot serves %d, want 1", got)
	}
	if out.Choices[1].Filled() || out.Fallback != FallbackNoAction {
		t.Errorf("the second slot serves %d with fallback %q, want nothing", out.Choices[1].Served(), out.Fallback)
	}
	if !(&Record{Input: *in, Outcome: out}).Learned() {
		t.Error("what was served in the first slot can be learned from")
	}
}
