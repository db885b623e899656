package learn

import (
	"math"
	"slices"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// event is one decision with what followed, while its window is open. It is pure: the fold and Join share it.
type event struct {
	id        string
	position  eventlog.Position
	opened    int64 // log time, unix nanoseconds
	deferred  bool
	activated bool
	learned   bool // the model may learn from it
	ripe      bool // it has reached the loop's patience
	counted   bool // it is in the model's provisional sums
	ended     bool // its window has ended
	slots     []slot
	rewards   []reward // in canonical order
	machines  []reward // what machines did, in the order of the log: never learned from, kept to know it when it comes again
	send      *send    // of a decision on a send time; else nil
}

// maxMachines bounds how many reports of machines an event remembers. One beyond that is a machine's each time it comes.
const maxMachines = 64

// sent returns the log time from which a machine's haste is measured.
func (e *event) sent() int64 { return e.happens() }

// slot is one filled place of an event.
type slot struct {
	id      string
	example packed  // empty where nothing was served: there is nothing to learn from
	counted float64 // the reward when the event was last counted: that in the provisional sums, if the slot is in them
}

// closes returns the last moment at which a reward counts.
func (e *event) closes(window time.Duration) int64 {
	from := e.happens()
	if from > math.MaxInt64-int64(window) {
		return math.MaxInt64
	}
	return from + int64(window)
}

// happens returns the moment from which on there can be rewards: of the decision, or of the send that was decided on.
func (e *event) happens() int64 {
	if e.send != nil {
		return max(e.opened, e.send.at)
	}
	return e.opened
}

// shown reports whether the event's rewards count: it needs no activation, or has it.
func (e *event) shown() bool { return !e.deferred || e.activated }

// accept takes a reward that came at log time now, or says why not.
func (e *event) accept(spec *RewardSpec, now int64, c claim) Outcome {
	if now > e.closes(spec.Window) {
		return Late
	}
	s, ok := e.slot(c.slot)
	if !ok {
		return UnknownSlot
	}
	metric, ok := spec.metric(c.metric)
	if !ok {
		return UnknownMetric
	}
	if outcome, bad := spec.check(c.value); bad {
		return outcome
	}
	r := reward{c.position, c.id, c.value, c.at, s, metric}
	if outcome, known := e.again(r); known {
		return outcome
	}
	if spec.machine(metric, time.Duration(since(e.sent(), c.at)), c.origin) {
		if len(e.machines) < maxMachines {
			e.machines = append(e.machines, r)
		}
		return Machine
	}
	if len(e.rewards) == MaxRewardsPerEvent {
		return TooMany
	}
	i, _ := slices.BinarySearchFunc(e.rewards, r, canonically)
	e.rewards = slices.Insert(e.rewards, i, r)
	return e.standing()
}

// since returns at minus from, the least or the largest number there is where that overflows.
func since(from, at int64) int64 {
	d := at - from
	switch {
	case at >= from && d < 0:
		return math.MaxInt64
	case at < from && d > 0:
		return math.MinInt64
	}
	return d
}

// slot returns the index of the named slot; without a name it is the first.
func (e *event) slot(id string) (uint16, bool) {
	if id == "" {
		return 0, true
	}
	for i := range e.slots {
		if e.slots[i].id == id {
			return uint16(i), true
		}
	}
	return 0, false
}

// again compares r with an earlier reward of the same id, a machine's too: without the caller's time it would be later
// than it was each time that it is sent again. The time is not compared, as a caller that sends a reward again may not
// know it to the nanosecond.
func (e *event) again(r reward) (Outcome, bool) {
	for _, known := range [...][]reward{e.rewards, e.machines} {
		i := slices.IndexFunc(known, func(old reward) bool { return old.id == r.id })
		if i < 0 {
			continue
		}
		if old := known[i]; old.slot == r.slot && old.metric == r.metric && old.value == r.value {
			return Duplicate, true
		}
		return Conflict, true
	}
	return 0, false
}

// standing returns the outcome that the event's accepted rewards have at present.
func (e *event) standing() Outcome {
	switch {
	case !e.learned:
		return NotLearned
	case !e.shown():
		return AwaitingActivation
	default:
		return Joined
	}
}

// ending returns how the event ends if it ends now.
func (e *event) ending() Ending {
	switch {
	case !e.learned:
		return EndedNotLearned
	case !e.shown():
		return EndedNotActivated
	case len(e.rewards) > 0:
		return Rewarded
	default:
		return Defaulted
	}
}
