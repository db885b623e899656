package server

import (
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/decision"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// maxIDBytes bounds an id within a list, where the message's own rules do not reach.
const maxIDBytes = 128

// requestOf makes a decision request of a message that keeps its rules, and refuses what the rules cannot say. known
// holds the ids of the loop's catalogue; it matters only where the message brings no actions.
func requestOf(m *nextbestv1.RankRequest, known []decision.Action) (*decision.Request, error) {
	context, err := setOf("context", m.GetContext())
	if err != nil {
		return nil, err
	}
	actions, err := actionsOf(m.GetActions())
	if err != nil {
		return nil, err
	}
	if err := checkIDs("excludedActions", m.GetExcludedActions()); err != nil {
		return nil, err
	}
	candidates := actions
	if len(candidates) == 0 {
		candidates = known
	}
	if len(candidates) == 0 {
		return nil, invalid("actions", "must be given, for the loop has no catalogue")
	}
	slots, err := slotsOf(m.GetSlots(), candidates)
	if err != nil {
		return nil, err
	}
	return &decision.Request{
		Loop: m.GetLoop(), EventID: m.GetEventId(), UserID: m.GetUserId(), Context: context, Actions: actions,
		Excluded: m.GetExcludedActions(), Deferred: m.GetDeferActivation(), Slots: slots,
	}, nil
}

func actionsOf(ms []*nextbestv1.Action) ([]decision.Action, error) {
	if len(ms) == 0 {
		return nil, nil
	}
	actions := make([]decision.Action, len(ms))
	seen := make(map[string]int, len(ms))
	for i, m := range ms {
		if first, twice := seen[m.GetId()]; twice {
			return nil, invalid(fmt.Sprintf("actions[%d].id", i), fmt.Sprintf("%q is the id of actions[%d] already", m.GetId(), first))
		}
		seen[m.GetId()] = i
		set, err := setOf("", m.GetFeatures())
		if err != nil {
			return nil, within(fmt.Sprintf("actions[%d].features", i), err)
		}
		actions[i] = decision.Action{ID: m.GetId(), Features: set}
	}
	return actions, nil
}

// within puts the place in front of the field that an error names. It keeps the place from being written for every
// action of every request.
func within(place string, err error) error {
	if e, ok := err.(*decision.InputError); ok {
		return invalid(place+e.Field, e.Problem)
	}
	return err
}

func slotsOf(ms []*nextbestv1.Slot, candidates []decision.Action) ([]decision.SlotSpec, error) {
	if len(ms) == 0 {
		return nil, nil
	}
	slots := make([]decision.SlotSpec, len(ms))
	for i, m := range ms {
		place := fmt.Sprintf("slots[%d]", i)
		sameID := func(s decision.SlotSpec) bool { return s.ID == m.GetId() }
		if first := slices.IndexFunc(slots[:i], sameID); first >= 0 {
			return nil, invalid(place+".id", fmt.Sprintf("%q is the id of slots[%d] already", m.GetId(), first))
		}
		if err := checkIDs(place+".excludedActions", m.GetExcludedActions()); err != nil {
			return nil, err
		}
		isBaseline := func(a decision.Action) bool { return a.ID == m.GetBaselineAction() }
		if m.GetBaselineAction() != "" && !slices.ContainsFunc(candidates, isBaseline) {
			return nil, invalid(place+".baselineAction", fmt.Sprintf("%q is none of the actions", m.GetBaselineAction()))
		}
		slots[i] = decision.SlotSpec{ID: m.GetId(), Excluded: m.GetExcludedActions(), Baseline: m.GetBaselineAction()}
	}
	return slots, nil
}

// checkIDs checks a list of ids, which may name actions that are not there: callers exclude for all their loops alike.
func checkIDs(field string, ids []string) error {
	for i, id := range ids {
		switch {
		case id == "":
			return invalid(fmt.Sprintf("%s[%d]", field, i), "must not be empty")
		case len(id) > maxIDBytes:
			return invalid(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("has %d bytes, the limit is %d", len(id), maxIDBytes))
		}
	}
	return nil
}
