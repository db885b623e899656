package learn

import (
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// Settled is what became of one event: of those whose window has ended, or how it stands.
type Settled struct {
	Decision  eventlog.Position
	State     State
	Ended     bool // the window has ended: the worth is final
	Activated bool // a deferred event's activation has come in time
	// Ripe says of an open event that it has reached the loop's patience: what it is worth so far counts in the model.
	Ripe   bool
	Closes time.Time
	Slots  []SlotWorth // as in the decision
}

// SlotWorth is what one slot of an event is worth, in reward units.
type SlotWorth struct {
	Reward   float64
	Rewarded bool // false: Reward is the default
	Examined bool // false: the reward model has it that the user did not look at the slot, and it is not learned from
	// Metrics are what each metric of the reward came to, in the definition's order, 0 where nothing was reported. Empty where
	// the reward has none.
	Metrics []float64
}

func (l *loopFold) settled(e *event, ended bool) Settled {
	s := Settled{
		Decision: e.position, State: e.state(ended), Ended: ended, Activated: e.activated, Ripe: e.ripe && e.shown(),
		Closes: timeOf(e.closes(l.window())), Slots: make([]SlotWorth, len(e.slots)),
	}
	examined := e.examined(l.spec())
	for i := range s.Slots {
		s.Slots[i].Examined = i < examined
		s.Slots[i].Reward, s.Slots[i].Rewarded = l.spec().worth(e.rewards, i)
		for m := range l.spec().Metrics {
			value, _ := l.spec().aggregate(e.rewards, uint16(i), uint16(m))
			s.Slots[i].Metrics = append(s.Slots[i].Metrics, value)
		}
	}
	return s
}
