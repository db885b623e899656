package learn

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
		if served := r.Choices[i].Served(); served < -1 || served >= len(r.Actions) {
			return fmt.Errorf("slot %d serves action %d of %d", i, served, len(r.Actions))
		}
	}
	return nil
}

// newEvent opens the event of a decision at log time now. It has no examples yet.
func newEvent(pos eventlog.Position, now int64, r *decision.Record) *event {
	e := allocate(r)
	e.id, e.position, e.opened, e.deferred, e.learned = r.EventID, pos, now, r.Deferred, r.Learned()
	for i := range e.slots {
		e.slots[i].id = r.Slots[i].ID
	}
	return e
}

// allocate returns an event with its slots and its send, in one piece where there is one slot: there are millions of them.
func allocate(r *decision.Record) *event {
	switch {
	case len(r.Choices) == 1 && r.Send != nil:
		x := new(struct {
			event
			slot [1]slot
			send
		})
		x.event.slots, x.event.send, x.send = x.slot[:], &x.send, newSend(r)
		return &x.event
	case len(r.Choices) == 1:
		x := new(struct {
			event
			slot [1]slot
		})
		x.slots = x.slot[:]
		return &x.event
	}
	return &event{slots: make([]slot, len(r.Choices))}
}

// look makes v what a model sees of a decision: the features that were used are those that are learned from, never ones
// read again. Those of actions from the catalogue are in the catalogue of the snapshot that decided; an action that is
// not in it has none.
//
// l may declare features otherwise than the definition that decided. What its declarations do not allow, a text where
// they want a number, is missing: in the model it would take the place of the values that are to come.
func look(v *decision.View, l *decision.Loop, catalogue []decision.Action, r *decision.Record) {
	in := r.Input
	s := &l.Schema
	in.Context, in.User = allowed(s.Context, in.Context), allowed(s.User, in.User)
	in.Actions = make([]decision.Action, len(r.Actions))
	for i, a := range r.Actions {
		if in.FromCatalogue {
			a.Features = catalogueFeatures(catalogue, i, a.ID)
		}
		in.Actions[i] = decision.Action{ID: a.ID, Features: allowed(s.Action, a.Features)}
	}
	v.Set(l, &in)
}

// allowed returns the features without those that break the declarations. Nearly always that is all of them.
func allowed(declared []features.Field, set features.Set) features.Set {
	s := features.Schema{Action: declared} // What is not declared is the real schema's business.
	for {
		err := s.CheckAction(set)
		if err == nil {
			return set
		}
		var bad *features.CheckError
		if !errors.As(err, &bad) {
			return nil // There is no other error.
		}
		set = slices.DeleteFunc(slices.Clone(set), func(f features.Feature) bool { return f.Name == bad.Name })
	}
}

// catalogueFeatures finds an action in the catalogue, in nearly all cases at the same place as in the decision.
func catalogueFeatures(catalogue []decision.Action, i int, id string) features.Set {
	if i < len(catalogue) && catalogue[i].ID == id {
		return catalogue[i].Features
	}
	for j := range catalogue {
		if catalogue[j].ID == id {
			return catalogue[j].Features
		}
	}
	return nil
}
