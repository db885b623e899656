package table

import (
	"errors"

	"github.com/nextbest/nextbest/ope"
)

// Decision is what a row says of how its action came to be served.
type Decision struct {
	// Served is the name of the action.
	Served string
	// Actions are the names of all that could have been served, Probabilities those of the logging policy. Both are nil
	// where the table does not say: decision service JSON does, and columns of lists, actions and probabilities.
	Actions       []string
	Probabilities []float64
}

// Policy returns the probability with which an evaluated policy would have served the action that was served, and that
// of all actions that the logging policy could not serve (0 where the row does not say which those are). It may not keep
// the decision.
type Policy func(*Decision) (target, unsupported float64, err error)

// Uniform serves each of the actions that could be served with the same probability.
func Uniform(d *Decision) (target, unsupported float64, err error) {
	if len(d.Actions) == 0 {
		return 0, 0, errors.New("the row does not say which actions could be served, which a uniform policy needs")
	}
	share := 1 / float64(len(d.Actions))
	for i, a := range d.Actions {
		switch {
		case d.Probabilities[i] == 0:
			unsupported += share
		case a == d.Served:
			target = share
		}
	}
	return target, unsupported, nil
}

// Always serves one action, whatever the context.
func Always(action string) Policy {
	return func(d *Decision) (target, unsupported float64, err error) {
		if d.Served == action {
			return 1, 0, nil
		}
		if d.Actions == nil {
			return 0, 0, nil
		}
		for i, a := range d.Actions {
			if a == action && d.Probabilities[i] > 0 {
				return 0, 0, nil
			}
		}
		return 0, 1, nil
	}
}

// decider is a source that says which actions could be served.
type decider interface {
	source
	// alternatives returns the actions that the last row says could be served, and false where the file does not say in any.
	alternatives() (actionSet, bool)
}

// alternatives returns what the source says, if it does.
func (t *Table) alternatives() (actionSet, bool) {
	if d, ok := t.source.(decider); ok {
		return d.alternatives()
	}
	return actionSet{}, false
}

// bindTarget adds to what is given what the evaluated policy says.
func (t *Table) bindTarget() error {
	if t.target == nil {
		return nil
	}
	if !t.given.Has(ope.HasAction) {
		return errors.New("there is no column action, which the evaluated policy needs")
	}
	t.given |= ope.HasTarget
	if _, ok := t.alternatives(); ok {
		t.given |= ope.HasUnsupported
	}
	return nil
}

func (t *Table) applyTarget(s *ope.Sample) (err error) {
	d := &t.decision
	names := t.cells.actions.names
	d.Served, d.Actions, d.Probabilities = names[s.Action], d.Actions[:0], nil
	if set, ok := t.alternatives(); ok {
		d.Probabilities = set.probabilities
		for _, n := range set.actions {
			d.Actions = append(d.Actions, names[n])
		}
	}
	target, unsupported, err := t.target(d)
	if err != nil {
		return err
	}
	s.Target = target
	if t.given.Has(ope.HasUnsupported) {
		s.Unsupported = unsupported
	}
	return nil
}
