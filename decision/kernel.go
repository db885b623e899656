package decision

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/model"
)

// ArmPolicy is the arm of a decision that no experiment took part in.
const ArmPolicy = "policy"

// Decide fills every slot of in, in order, each action at most once. It is pure: the same snapshot and input give the
// same outcome, bit for bit. Errors are InputErrors.
func Decide(s *Snapshot, in *Input) (Outcome, error) {
	if (s.Loop.Send != nil) != (in.Send != nil) {
		return Outcome{}, &InputError{"loop", "chooses send times, and the input has none; or the other way round"}
	}
	if len(in.Actions) == 0 {
		return Outcome{}, &InputError{"actions", "there is none, and the loop has no catalogue"}
	}
	if len(in.Slots) > len(in.Actions) {
		return Outcome{}, &InputError{"slots", fmt.Sprintf("%d slots cannot be filled from %d actions", len(in.Slots), len(in.Actions))}
	}
	k := kernels.Get().(*kernel)
	defer kernels.Put(k)
	k.prepare(s, in)
	out := Outcome{
		Choices:  make([]Choice, 0, len(in.Slots)),
		Arm:      ArmPolicy,
		Cold:     s.Model.Events() == 0,
		Fallback: fallback(s.Loop, in),
		Policy:   s.Loop.policyName(),
		Mode:     s.Loop.Mode,
	}
	for i := range in.Slots {
		c, err := k.fill(s, in, i)
		if err != nil {
			return Outcome{}, err
		}
		if c.Filled() {
			k.used[c.Served()] = true
		}
		switch {
		case out.Fallback == FallbackMandatory:
		case c.Filled() && s.Loop.mandatory(in, c.Served()):
			out.Fallback = FallbackMandatory
		case !c.Filled():
			out.Fallback = FallbackNoAction
		}
		out.Choices = append(out.Choices, c)
	}
	return out, nil
}

// policyName is what records call the policy.
func (l *Loop) policyName() string {
	if l.PolicyName != "" {
		return l.PolicyName
	}
	return l.Policy.String()
}

// mandatory reports whether an action of in must be served whenever it may be.
func (l *Loop) mandatory(in *Input, action int) bool {
	return in.FromCatalogue && l.Mandatory != nil && l.Mandatory[action]
}

// fallback says why the outcome is not the policy's own choice over the user's real features.
func fallback(l *Loop, in *Input) string {
	switch {
	case in.Degraded != "":
		return in.Degraded
	case l.Mode == Apprentice:
		return FallbackApprentice
	case l.Mode == LoggingOnly:
		return FallbackLoggingOnly
	default:
		return ""
	}
}

// kernel is the scratch memory of one Decide.
type kernel struct {
	view          View
	barred        barred
	estimates     []model.Estimate // one per action
	denied        []string         // one per action: why no slot may have it; "" when it is permitted
	guarded       bool             // one is denied
	request       guardrail.Request
	verdicts      guardrail.Verdicts
	bound         *guardrail.Bound
	subjects      []guardrail.Subject // of the contact policy
	query         guardrail.ContactQuery
	zones         sendZones        // of send times
	used          []bool           // one per action: taken by an earlier slot
	eligible      []int            // of the present slot
	estimatesOf   []model.Estimate // of the eligible
	probabilities []float64        // of the eligible
	allowed       [][]int          // one per slot, once they are asked for
}

var kernels = sync.Pool{New: func() any { return new(kernel) }}

// prepare does what is the same for all slots.
func (k *kernel) prepare(s *Snapshot, in *Input) {
	k.view.Set(s.Loop, in)
	k.used = append(k.used[:0], make([]bool, len(in.Actions))...)
	k.barred.set(in)
	k.deny(s.Loop, in)
	k.allowed = nil
}

// estimate estimates every action, once: slots differ in what is eligible, not in what it is worth. Where position is
// context they differ in that as well.
func (k *kernel) estimate(s *Snapshot, in *Input, slot int) {
	if slot > 0 && !s.Loop.Position {
		return
	}
	k.view.At(s.Loop, in, slot)
	k.estimates = s.Model.Estimate(k.estimates[:0], k.view.Context, k.view.Candidates)
}

// fill decides one slot: exclude, estimate, turn into probabilities, draw, rank. Where no action is permitted it stays empty.
func (k *kernel) fill(s *Snapshot, in *Input, slot int) (Choice, error) {
	spec := &in.Slots[slot]
	k.estimate(s, in, slot)
	excluded := k.reserve(in, slot, k.exclude(in, slot))
	c := Choice{
		Excluded:        excluded,
		Draw:            model.Uniform(s.Loop.Salt, in.EventID, slot),
		WouldHaveChosen: -1,
	}
	if len(k.eligible) == 0 {
		return c, k.empty(s.Loop, in, slot)
	}
	k.explore(s)
	chosen := model.Draw(k.probabilities, c.Draw)
	if serve := k.imposed(s.Loop, in, spec); serve >= 0 {
		if s.Loop.Mode == Apprentice {
			c.WouldHaveChosen = k.eligible[chosen]
		}
		clear(k.probabilities)
		k.probabilities[serve] = 1
		chosen = serve
	}
	c.Ranking = k.rank(chosen)
	c.Reached = s.Loop.reached(in, c.Served())
	c.Warnings = k.warnings(s.Loop, in, c.Served())
	k.reach(s.Loop, in, &c, slot)
	return c, nil
}

// exclude leaves in k.eligible what the request, the slot and the slots before it leave, and says why for the others.
func (k *kernel) exclude(in *Input, slot int) []Exclusion {
	k.eligible = k.eligible[:0]
	var out []Exclusion
	for i := range in.Actions {
		switch {
		case k.barred.request[i]:
			out = append(out, Exclusion{i, ExcludedByRequest})
		case k.barred.bySlot(slot, i):
			out = append(out, Exclusion{i, ExcludedBySlot})
		case k.denied[i] != "":
			out = append(out, Exclusion{i, k.denied[i]})
		case k.used[i]:
			out = append(out, Exclusion{i, ExcludedByUse})
		default:
			k.eligible = append(k.eligible, i)
		}
	}
	return out
}

// empty says whether a slot may stay without an action: not when it is the request alone that leaves none.
func (k *kernel) empty(l *Loop, in *Input, slot int) error {
	switch {
	case !k.guarded:
		return &InputError{"excludedActions", fmt.Sprintf("no action is left for slot %d of %d", slot+1, len(in.Slots))}
	case l.NoAction == RefuseRank:
		return fmt.Errorf("slot %d of %d: %w", slot+1, len(in.Slots), ErrNoAction)
	}
	return nil
}

// explore leaves the policy's probabilities over the eligible actions in k.probabilities.
func (k *kernel) explore(s *Snapshot) {
	k.estimatesOf = k.estimatesOf[:0]
	for _, i := range k.eligible {
		k.estimatesOf = append(k.estimatesOf, k.estimates[i])
	}
	k.probabilities = append(k.probabilities[:0], make([]float64, len(k.eligible))...)
	s.Loop.Policy.Probabilities(k.probabilities, k.estimatesOf, s.Model.RewardDeviation(), model.EventsOf(k.estimatesOf))
}

// imposed returns the index into k.eligible of the action that is served with certainty, else -1: a mandatory one, or the
// baseline where the mode or the fallback wants it.
func (k *kernel) imposed(l *Loop, in *Input, spec *SlotSpec) int {
	if m := k.mandatory(l, in); m >= 0 {
		return m
	}
	degraded := in.Degraded != "" && l.Features == ServeBaseline
	if l.Mode == Online && !degraded {
		return -1
	}
	return k.baseline(in, spec)
}

// mandatory returns the index into k.eligible of the first action that must be served whenever it may be, -1 for none.
func (k *kernel) mandatory(l *Loop, in *Input) int {
	return slices.IndexFunc(k.eligible, func(i int) bool { return l.mandatory(in, i) })
}

// baseline returns the index into k.eligible of the slot's baseline action: the one it names, else the first.
func (k *kernel) baseline(in *Input, spec *SlotSpec) int {
	if spec.Baseline != "" {
		for j, i := range k.eligible {
			if in.Actions[i].ID == spec.Baseline {
				return j
			}
		}
	}
	return 0
}

// rank lists the eligible actions, the served one first, the others by falling probability, ties in the caller's order.
func (k *kernel) rank(chosen int) []Ranked {
	ranking := make([]Ranked, len(k.eligible))
	for j, i := range k.eligible {
		ranking[j] = Ranked{Action: i, Probability: k.probabilities[j], Score: k.estimatesOf[j].Mean}
	}
	ranking[0], ranking[chosen] = ranking[chosen], ranking[0]
	slices.SortFunc(ranking[1:], func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Action, b.Action))
	})
	return ranking
}
