package learn

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// slow is the obvious twin of the fold's joining: it keeps everything and looks at everything, every time.
type slow struct {
	spec     RewardSpec
	now      int64
	events   []*slowEvent
	held     []*slowHeld
	outcomes map[eventlog.Position]Outcome // of rewards that were not accepted
	repeated uint64
}

type slowEvent struct {
	record    *logv1.Record
	id        string
	opened    int64
	learned   bool
	deferred  bool
	activated bool
	closed    bool
	closedAt  int64
	rewards   []slowReward
	machines  []slowReward
}

type slowReward struct {
	pos eventlog.Position
	at  int64
	r   *logv1.Reward
}

type slowHeld struct {
	id        string
	since     int64
	activated bool
	rewards   []slowReward
}

func newSlow(spec RewardSpec) *slow {
	return &slow{spec: spec, now: math.MinInt64, outcomes: map[eventlog.Position]Outcome{}}
}

func (s *slow) apply(pos eventlog.Position, r *logv1.Record) {
	s.now = max(s.now, r.TimeUnixNanos)
	s.pass()
	switch {
	case r.GetDecision() != nil:
		s.decide(r)
	case r.GetActivation() != nil:
		id := r.GetActivation().EventId
		if e := s.find(id); e == nil {
			s.hold(id).activated = true
		} else if !e.closed {
			e.activated = true
		}
	case r.GetReward() != nil:
		id := r.GetReward().EventId
		w := slowReward{pos, r.TimeUnixNanos, r.GetReward()}
		if e := s.find(id); e == nil {
			h := s.hold(id)
			h.rewards = append(h.rewards, w)
		} else {
			s.reward(e, w)
		}
	}
}

// pass lets time pass.
func (s *slow) pass() {
	for _, e := range s.events {
		if !e.closed && s.now > e.opened+int64(s.spec.Window) {
			e.closed, e.closedAt = true, s.now
		}
	}
	var kept []*slowHeld
	for _, h := range s.held {
		if h.since >= s.now-int64(s.spec.Window) {
			kept = append(kept, h)
			continue
		}
		for _, w := range h.rewards {
			s.outcomes[w.pos] = Orphan
		}
	}
	s.held = kept
}

// find returns the event of that id that is open or not forgotten.
func (s *slow) find(id string) *slowEvent {
	for _, e := range s.events {
		if e.id == id && (!e.closed || e.closedAt >= s.now-int64(s.spec.Window)) {
			return e
		}
	}
	return nil
}

func (s *slow) hold(id string) *slowHeld {
	for _, h := range s.held {
		if h.id == id {
			return h
		}
	}
	h := &slowHeld{id: id, since: s.now}
	s.held = append(s.held, h)
	return h
}

func (s *slow) decide(r *logv1.Record) {
	d := r.GetDecision()
	if s.find(d.EventId) != nil {
		s.repeated++
		return
	}
	e := &slowEvent{record: r, id: d.EventId, opened: s.now, learned: d.LearningMode != "logging_only", deferred: d.Deferred}
	s.events = append(s.events, e)
	for i, h := range s.held {
		if h.id != e.id {
			continue
		}
		e.activated = h.activated
		for _, w := range h.rewards {
			s.reward(e, w)
		}
		s.held = append(s.held[:i:i], s.held[i+1:]...)
		return
	}
}

func (s *slow) reward(e *slowEvent, w slowReward) {
	switch {
	case e.closed:
		s.outcomes[w.pos] = Late
	case s.slot(e, w.r.SlotId) < 0:
		s.outcomes[w.pos] = UnknownSlot
	case s.metric(w.r.Metric) < 0:
		s.outcomes[w.pos] = UnknownMetric
	case math.IsNaN(w.r.Value) || math.IsInf(w.r.Value, 0):
		s.outcomes[w.pos] = NotFinite
	case w.r.Value < s.spec.Min || w.r.Value > s.spec.Max:
		s.outcomes[w.pos] = OutOfRange
	default:
		for _, old := range slices.Concat(e.rewards, e.machines) {
			if old.r.RewardId != w.r.RewardId {
				continue
			}
			same := old.r.Value == w.r.Value && s.slot(e, old.r.SlotId) == s.slot(e, w.r.SlotId) &&
				s.metric(old.r.Metric) == s.metric(w.r.Metric)
			s.outcomes[w.pos] = Conflict
			if same {
				s.outcomes[w.pos] = Duplicate
			}
			return
		}
		if s.hasty(e, w) {
			s.outcomes[w.pos] = Machine
			e.machines = append(e.machines, w)
			return
		}
		e.rewards = append(e.rewards, w)
	}
}

func (s *slow) hasty(e *slowEvent, w slowReward) bool {
	happened := w.at
	if w.r.EventTimeUnixNanos != 0 {
		happened = w.r.EventTimeUnixNanos
	}
	return w.r.Machine || len(s.spec.Machine) > 0 && happened <= e.opened+int64(s.spec.Machine[0].Within)
}

func (s *slow) slot(e *slowEvent, id string) int {
	for i, slot := range e.record.GetDecision().Slots {
		if slot.Id == id || i == 0 && id == "" {
			return i
		}
	}
	return -1
}

func (s *slow) metric(name string) int {
	for i, m := range s.spec.Metrics {
		if m.Name == name {
			return i
		}
	}
	if name == "" {
		return 0
	}
	return -1
}

// counts returns the rewards by outcome and the events by ending.
func (s *slow) counts() (rewards [outcomes]uint64, ended [endings]uint64) {
	for _, o := range s.outcomes {
		rewards[o]++
	}
	for _, h := range s.held {
		rewards[Early] += uint64(len(h.rewards))
	}
	for _, e := range s.events {
		shown := !e.deferred || e.activated
		outcome, ending := Joined, Defaulted
		switch {
		case !e.learned:
			outcome, ending = NotLearned, EndedNotLearned
		case !shown && e.closed:
			outcome, ending = NotActivated, EndedNotActivated
		case !shown:
			outcome = AwaitingActivation
		case len(e.rewards) > 0:
			ending = Rewarded
		}
		rewards[outcome] += uint64(len(e.rewards))
		if e.closed {
			ended[ending]++
		}
	}
	return rewards, ended
}
