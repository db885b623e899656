package track

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nextbest/nextbest/attribution"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// maxCandidates is how many of a user's decisions are looked at, the last in the log first.
const maxCandidates = 256

// candidate is a decision that may have a report.
type candidate struct {
	loop     string
	position eventlog.Position
	decided  time.Time
	decision *logv1.Decision // nil until it was read

	sendAction string // of a decision on a send time: the time that was chosen
}

// slotID returns what a reward of the slot names; "" where the event has no slots.
func (c *candidate) slotID(slot int) string {
	if !c.decision.GetSlotted() {
		return ""
	}
	return c.decision.GetSlots()[slot].GetId()
}

// actionID returns what the slot served, "" for nothing.
func (c *candidate) actionID(slot int) string {
	return servedIn(c.decision, c.decision.GetSlots()[slot])
}

func servedIn(d *logv1.Decision, s *logv1.Slot) string {
	if len(s.GetAction()) == 0 || int(s.GetAction()[0]) >= len(d.GetActions()) {
		return ""
	}
	return d.GetActions()[s.GetAction()[0]].GetId()
}

// newestFirst sorts by time, then by place in the log.
func newestFirst(cs []candidate) {
	slices.SortFunc(cs, func(a, b candidate) int {
		if c := b.decided.Compare(a.decided); c != 0 {
			return c
		}
		return int(int64(b.position) - int64(a.position))
	})
}

// candidates gives the user's decisions as attribution wants them, reading the log as they are asked.
func (t *Tracker) candidates(ctx context.Context, r *Report, cs []candidate) iter.Seq[attribution.Decision] {
	return func(yield func(attribution.Decision) bool) {
		for i := range cs {
			c := &cs[i]
			d := attribution.Decision{Loop: c.loop, Decided: c.decided, Served: func() (attribution.Served, error) { return t.served(ctx, r, c) }}
			if def, ok := t.o.Loops.Definition(c.loop); ok {
				d.Window, d.Ahead = def.Reward.Window, aheadOf(def)
				_, d.Takes = def.Reward.Takes(r.Metric, r.Value)
			}
			if !yield(d) {
				return
			}
		}
	}
}

// served reads what a decision served. One that is gone, or another user's with the same hash, served nobody.
func (t *Tracker) served(ctx context.Context, r *Report, c *candidate) (attribution.Served, error) {
	b, err := t.o.Events.Log().Read(c.position)
	if errors.Is(err, eventlog.ErrNotFound) {
		return attribution.Served{}, nil
	}
	if err != nil {
		return attribution.Served{}, fmt.Errorf("read the decision at position %d: %w", c.position, err)
	}
	record, err := eventlog.Unmarshal(b)
	if err != nil {
		return attribution.Served{}, fmt.Errorf("read the decision at position %d: %w", c.position, err)
	}
	d := record.GetDecision()
	if d.GetUserId() != r.UserID {
		return attribution.Served{}, nil
	}
	c.decision = d
	if d.GetSend() != nil {
		return t.servedSend(ctx, c, record)
	}
	out := attribution.Served{Shown: !d.GetDeferred()}
	def, _ := t.o.Loops.Definition(c.loop)
	for _, s := range d.GetSlots() {
		action := servedIn(d, s)
		out.Slots = append(out.Slots, attribution.Slot{Action: action, Channel: channelOf(s, action, def)})
	}
	if d.GetDeferred() {
		out.Shown, _, err = t.activated(ctx, c.loop, d.GetEventId(), time.Time{})
	}
	return out, err
}

// servedSend reads what a decision on a send time served: one slot, at the time that was chosen, or that Activate named.
func (t *Tracker) servedSend(ctx context.Context, c *candidate, record *logv1.Record) (attribution.Served, error) {
	r, err := eventlog.ToDecision(record)
	if err != nil {
		return attribution.Served{}, fmt.Errorf("read the decision at position %d: %w", c.position, err)
	}
	shown, moved, err := t.activated(ctx, c.loop, r.EventID, r.Time)
	at, sends := r.SendAt()
	if err != nil || !sends {
		return attribution.Served{Slots: make([]attribution.Slot, 1)}, err
	}
	if !moved.IsZero() {
		at = moved
	}
	c.sendAction = r.ActionID(r.Choices[0].Served())
	out := attribution.Served{Shown: shown || !r.Deferred, Sent: at, Slots: []attribution.Slot{{Action: c.sendAction, Channel: r.Choices[0].Reached.Channel}}}
	if def, ok := t.o.Loops.Definition(c.loop); ok && out.Slots[0].Channel == "" && def.Loop.Send != nil {
		out.Slots[0].Channel = def.Loop.Send.Subject.Channel
	}
	return out, nil
}

// aheadOf returns how much later than its decision something may be sent.
func aheadOf(def *learn.Definition) time.Duration {
	if def.Loop.Send == nil {
		return 0
	}
	return def.Loop.Send.Horizon + sendSlack
}

// sendSlack is how much later than a loop allows for a send may be: paced, or put off by the sender.
const sendSlack = 24 * time.Hour

// channelOf returns the channel over which a slot reached the user: as it was logged, which takes a contact policy, else as
// the loop declares it of the action.
func channelOf(s *logv1.Slot, action string, def *learn.Definition) string {
	if s.GetChannel() != "" || def == nil {
		return s.GetChannel()
	}
	for i, a := range def.Loop.Actions {
		if a.ID == action && i < len(def.Loop.Subjects) {
			return def.Loop.Subjects[i].Channel
		}
	}
	return ""
}

// activated reports whether an event is activated, and the time of showing or sending that the first activation with one named that can be: not from long before it was decided.
func (t *Tracker) activated(ctx context.Context, loop, eventID string, decided time.Time) (yes bool, at time.Time, err error) {
	history, err := t.o.Events.History(ctx, loop, eventID)
	if err != nil {
		return false, at, fmt.Errorf("read the history of an event: %w", err)
	}
	for _, e := range history {
		if a := e.Record.GetActivation(); a != nil {
			yes = true
			if n := a.GetEventTimeUnixNanos(); n != 0 && at.IsZero() && time.Unix(0, n).After(decided.Add(-10*time.Minute)) {
				at = time.Unix(0, n)
			}
		}
	}
	return yes, at, nil
}
