// Package attribution says which decision a report belongs to, where the caller knows no event id. It is pure.
//
// A report is of a user, and may name a loop, an action and a channel. Of the user's decisions the last one has it (last
// touch) that fits everything that is given:
//
//	test           a decision passes when
//	no_decision    it is of the loop that is named
//	metric         its loop has the metric, and takes the value
//	before_decision it was made, and sent, before the report's time, or at most Skew later
//	too_late       the report's time and its receipt are within the loop's reward window, which begins with the send where a
//	               time to send was decided on
//	nothing_served something was served
//	other_action   in some slot the action that is named was served
//	other_channel  over the channel that is named, in the same slot
//	not_activated  it needs no activation, or has it
//
// The later decision is the last, of two of the same time the one that stands later in the log. Decisions that are later
// than the report, within Skew, come after all that are not, the earliest first: they are there for callers' clocks that
// are a little slow, and must not take a click from what was clicked. One decision has a report, never several.
package attribution

import (
	"iter"
	"slices"
	"time"
)

// Skew is how much later than the report's time a decision may be.
const Skew = 5 * time.Second

// Reason says why a report is nobody's: the test that the decision failed which passed the most of them. "" is none.
type Reason string

// The reasons, in the order of the tests.
const (
	NoDecision     Reason = "no_decision"
	OtherMetric    Reason = "metric"
	BeforeDecision Reason = "before_decision"
	TooLate        Reason = "too_late"
	NothingServed  Reason = "nothing_served"
	OtherAction    Reason = "other_action"
	OtherChannel   Reason = "other_channel"
	NotActivated   Reason = "not_activated"
)

// Reasons returns the reasons in the order of the tests.
func Reasons() []Reason {
	return []Reason{NoDecision, OtherMetric, BeforeDecision, TooLate, NothingServed, OtherAction, OtherChannel, NotActivated}
}

// further returns the reason of the later test.
func further(a, b Reason) Reason {
	if all := Reasons(); slices.Index(all, a) < slices.Index(all, b) {
		return b
	}
	return a
}

// Report is what somebody did. Empty fields ask for nothing.
type Report struct {
	Loop, Action, Channel string
	At                    time.Time // when it happened, by the caller
	Received              time.Time
}

// Decision is one of the user's.
type Decision struct {
	Loop    string
	Decided time.Time
	Window  time.Duration // of its loop, for rewards
	Takes   bool          // its loop has the metric, and takes the value
	Ahead   time.Duration // how much later it may be sent, of a loop of send times; else 0
	// Served returns what the decision served. It is called only where the tests before have been passed.
	Served func() (Served, error)
}

// Served is what a decision served.
type Served struct {
	Slots []Slot    // none: the decision is gone
	Shown bool      // it needs no activation, or has it
	Sent  time.Time // of a decision on a send time: when it is sent; else zero
}

// Slot is one place and what filled it.
type Slot struct {
	Action  string // "" nothing
	Channel string // "" none
}

// Credit is a decision that has a report.
type Credit struct {
	Decision   int // number in the sequence, from 0
	Slot       int
	WithinSkew bool // it is later than the report
}

// Pick returns who has the report, or why nobody has. The decisions come newest first: by time, then by place in the log.
// It stops at the one that has it.
func Pick(r Report, newestFirst iter.Seq[Decision]) (Credit, Reason, error) {
	why, n := NoDecision, -1
	var late Credit
	var lateAt time.Time
	for d := range newestFirst {
		n++
		slot, reason, err := r.test(&d)
		switch {
		case err != nil:
			return Credit{}, "", err
		case reason != "":
			why = further(why, reason)
		case !d.Decided.After(r.At):
			return Credit{Decision: n, Slot: slot}, "", nil
		case lateAt.IsZero() || d.Decided.Before(lateAt):
			late, lateAt = Credit{Decision: n, Slot: slot, WithinSkew: true}, d.Decided
		}
	}
	if !lateAt.IsZero() {
		return late, "", nil
	}
	return Credit{}, why, nil
}

// test returns the slot that the report is of, or the first test that the decision fails.
func (r *Report) test(d *Decision) (int, Reason, error) {
	switch {
	case r.Loop != "" && r.Loop != d.Loop:
		return 0, NoDecision, nil
	case !d.Takes:
		return 0, OtherMetric, nil
	case d.Decided.After(r.At.Add(Skew)):
		return 0, BeforeDecision, nil
	case r.after(d.Decided.Add(d.Ahead + d.Window)):
		return 0, TooLate, nil
	}
	s, err := d.Served()
	if err != nil {
		return 0, "", err
	}
	slot, reason := r.slot(s.Slots)
	switch {
	case s.Sent.IsZero() || reason == NoDecision:
	case s.Sent.After(r.At.Add(Skew)):
		return 0, BeforeDecision, nil
	case r.after(s.Sent.Add(d.Window)):
		return 0, TooLate, nil
	}
	if reason == "" && !s.Shown {
		reason = NotActivated
	}
	return slot, reason, nil
}

// after reports whether the report happened, or came, after a window's end.
func (r *Report) after(closes time.Time) bool { return r.At.After(closes) || r.Received.After(closes) }

// slot returns the first slot that fits, or what the one lacks that fits most.
func (r *Report) slot(slots []Slot) (int, Reason) {
	if len(slots) == 0 {
		return 0, NoDecision
	}
	why := NothingServed
	for i, s := range slots {
		switch {
		case s.Action == "":
		case r.Action != "" && r.Action != s.Action:
			why = further(why, OtherAction)
		case r.Channel != "" && r.Channel != s.Channel:
			why = further(why, OtherChannel)
		default:
			return i, ""
		}
	}
	return 0, why
}
