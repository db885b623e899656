package learn

import (
	"fmt"
	"math"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
)

// holdsTogether refuses a decision whose indexes lead nowhere: what the kernel made always passes.
func holdsTogether(r *decision.Record) error {
	if len(r.Choices) == 0 || len(r.Choices) != len(r.Slots) || len(r.Choices) > math.MaxUint16 {
		return fmt.Errorf("%d choices for %d slots", len(r.Choices), len(r.Slots))
	}
	for i := range r.Choices {
		ranking := r.Choices[i].Ranking
		if len(ranking) == 0 || ranking[0].Action < 0 || ranking[0].Action >= len(r.Actions) {
			return fmt.Errorf("slot %d serves no action", i)
		}
	}
	return nil
}

// newEvent opens the event of a decision at log time now. It has no examples yet.
func newEvent(pos eventlog.Position, now int64, r *decision.Record) *event {
	e := &event{
		id: r.EventID, position: pos, opened: now, deferred: r.Deferred, learned: r.Learned(),
		slots: make([]slot, len(r.Choices)),
	}
	for i := range e.slots {
		e.slots[i].id = r.Slots[i].ID
	}
	return e
}

// look makes v what a model sees of a decision: the features that were used are those that are learned from, never ones
// read again. Features of the catalogue's actions are those of the definition in force; an action that has left the
// catalogue has none.
func look(v *decision.View, l *decision.Loop, r *decision.Record) {
	in := r.Input
	if in.FromCatalogue {
		in.Actions = make([]decision.Action, len(r.Actions))
		for i, a := range r.Actions {
			in.Actions[i] = decision.Action{ID: a.ID, Features: catalogueFeatures(l, i, a.ID)}
		}
	}
	v.Set(l, &in)
}

// catalogueFeatures finds an action in the catalogue, which is nearly always as it was at the decision.
func catalogueFeatures(l *decision.Loop, i int, id string) features.Set {
	if i < len(l.Actions) && l.Actions[i].ID == id {
		return l.Actions[i].Features
	}
	for j := range l.Actions {
		if l.Actions[j].ID == id {
			return l.Actions[j].Features
		}
	}
	return nil
}
