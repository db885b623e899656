package learn

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// RewardOutcome says what became of the reward at a position.
type RewardOutcome struct {
	Position eventlog.Position
	RewardID string
	Outcome  Outcome
}

// SlotReward is what one slot of an event is worth so far.
type SlotReward struct {
	SlotID   string
	ActionID string
	Reward   float64
	Rewarded bool // false: Reward is the default
	Examined bool // false: the reward model has it that the user did not look at the slot, and it is not learned from
}

// JoinedEvent is one event with its rewards.
type JoinedEvent struct {
	Decision  eventlog.Position // 0 when the history has no decision yet
	State     State
	Closes    time.Time
	Activated time.Time       // of a deferred event; zero when it was not
	Sent      time.Time       // of a decision on a send time; zero when it is none, or nothing is sent
	Rewards   []RewardOutcome // in the order of the log
	Slots     []SlotReward
}

// Join joins one event's history, in the order of the log, as the learner does, with the same code. It knows the times
// of this history alone: where clocks went back in between, the learner, which goes by the largest time of the whole
// loop, may call a reward at the very end of the window late that Join calls joined.
func Join(spec *RewardSpec, history []eventlog.Entry, now time.Time) (JoinedEvent, error) {
	j := joining{spec: spec, now: math.MinInt64}
	for _, h := range history {
		if err := j.add(h); err != nil {
			return JoinedEvent{}, fmt.Errorf("join the record at %d: %w", h.Position, err)
		}
	}
	j.now = max(j.now, unix(now))
	return j.result(), nil
}

// joining is an event's history joined so far.
type joining struct {
	spec      *RewardSpec
	now       int64 // the largest time so far
	event     *event
	decision  *decision.Record
	activated int64
	held      held // what came before the decision
	rewards   []RewardOutcome
}

var errForeign = errors.New("not a record of an event")

func (j *joining) add(h eventlog.Entry) error {
	j.now = max(j.now, h.Record.GetTimeUnixNanos())
	j.expire()
	switch body := h.Record.Body.(type) {
	case *logv1.Record_Decision:
		return j.decide(h)
	case *logv1.Record_Activation:
		j.activate(body.Activation.GetEventTimeUnixNanos())
	case *logv1.Record_Reward:
		c := newClaim(h.Position, h.Record.GetTimeUnixNanos(), body.Reward)
		j.rewards = append(j.rewards, RewardOutcome{h.Position, c.id, Early})
		if j.event == nil {
			j.hold()
			j.held.claims = append(j.held.claims, c)
		} else {
			j.set(c.position, j.event.accept(j.spec, j.now, c))
		}
	default:
		return errForeign
	}
	return nil
}

func (j *joining) decide(h eventlog.Entry) error {
	if j.event != nil {
		return nil // The first counts; the learner skips a second as well.
	}
	d, err := eventlog.ToDecision(h.Record)
	if err == nil {
		err = holdsTogether(d)
	}
	if err != nil {
		return err
	}
	j.decision, j.event = d, newEvent(h.Position, j.now, d)
	if j.held.activated > 0 {
		j.activate(j.held.shown)
	}
	for _, c := range j.held.claims {
		j.set(c.position, j.event.accept(j.spec, j.now, c))
	}
	j.held = held{}
	return nil
}

func (j *joining) activate(shown int64) {
	if j.event == nil {
		j.hold()
		if j.held.activated++; j.held.shown == 0 {
			j.held.shown = shown
		}
		return
	}
	if j.now > j.event.closes(j.spec.Window) {
		return
	}
	told := j.event.moved(shown)
	if first := j.event.deferred && !j.event.activated; first || told && !j.event.deferred {
		j.event.activated = j.event.deferred
		j.activated = j.now
	}
}

func (j *joining) hold() {
	if j.held.size() == 0 {
		j.held.since = j.now
	}
}

// expire makes orphans of what has waited too long for the decision.
func (j *joining) expire() {
	if j.held.size() == 0 || j.now-int64(j.spec.Window) <= j.held.since {
		return
	}
	for _, c := range j.held.claims {
		j.set(c.position, Orphan)
	}
	j.held = held{}
}

func (j *joining) set(pos eventlog.Position, o Outcome) {
	for i := range j.rewards {
		if j.rewards[i].Position == pos {
			j.rewards[i].Outcome = o
		}
	}
}

func (j *joining) result() JoinedEvent {
	j.expire()
	out := JoinedEvent{Rewards: j.rewards}
	e := j.event
	if e == nil {
		return out
	}
	closes := e.closes(j.spec.Window)
	out.Decision, out.Closes = e.position, timeOf(closes)
	if j.activated != 0 {
		out.Activated = timeOf(j.activated)
	}
	if e.send != nil && !e.send.none {
		out.Sent = timeOf(e.send.at)
	}
	out.State = e.state(j.now > closes)
	standing := e.standing()
	if out.State == StateNotActivated {
		standing = NotActivated
	}
	for _, r := range e.rewards {
		j.set(r.position, standing)
	}
	examined := e.examined(j.spec)
	for i := range e.slots {
		s := SlotReward{Examined: i < examined, SlotID: e.slots[i].id, ActionID: j.decision.ActionID(j.decision.Choices[i].Served())}
		s.Reward, s.Rewarded = j.spec.worth(e.rewards, i)
		out.Slots = append(out.Slots, s)
	}
	return out
}

// state returns where the event stands.
func (e *event) state(closed bool) State {
	switch {
	case !e.learned:
		return StateNotLearned
	case closed && !e.shown():
		return StateNotActivated
	case closed:
		return Closed
	default:
		return Open
	}
}
