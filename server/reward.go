package server

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// maxSkew is how far a caller's clock may be from ours.
const maxSkew = 10 * time.Minute

// rewardOf makes a log record of a reward that keeps its message's rules, and refuses what the loop or the event does
// not know. event is nil when it is not known yet; then its slots cannot be checked, and the learner says what became
// of the reward.
func rewardOf(m *nextbestv1.RewardRequest, spec *learn.RewardSpec, event *decision.Record, now time.Time) (*logv1.Reward, error) {
	if err := checkRewardValue(m.GetValue(), spec); err != nil {
		return nil, err
	}
	metric, err := metricOf(m.GetMetric(), spec)
	if err != nil {
		return nil, err
	}
	at, err := rewardTime(m, event, now)
	if err != nil {
		return nil, err
	}
	if err := checkRewardSlot(m.GetSlotId(), event); err != nil {
		return nil, err
	}
	if err := checkServed(m.GetSlotId(), event); err != nil {
		return nil, err
	}
	ip, err := addressOf(m.GetIp(), spec)
	if err != nil {
		return nil, err
	}
	return &logv1.Reward{
		Loop: m.GetLoop(), EventId: m.GetEventId(), RewardId: m.GetRewardId(), Value: m.GetValue(), Metric: metric,
		SlotId: m.GetSlotId(), EventTimeUnixNanos: at, UserAgent: m.GetUserAgent(), Ip: ip, Machine: m.GetMachine(),
	}, nil
}

func checkRewardValue(x float64, spec *learn.RewardSpec) error {
	if problem := problemOfNumber(x); problem != "" {
		return invalid("value", problem)
	}
	if x < spec.Min || x > spec.Max {
		return invalid("value", fmt.Sprintf("is %v, and the loop takes %s", x, rangeText(spec.Min, spec.Max)))
	}
	return nil
}

func rangeText(least, most float64) string {
	switch {
	case math.IsInf(least, -1):
		return fmt.Sprintf("at most %v", most)
	case math.IsInf(most, 1):
		return fmt.Sprintf("at least %v", least)
	}
	return fmt.Sprintf("%v to %v", least, most)
}

// metricOf returns the metric's name as the loop has it. Absent is the loop's own, if that is clear.
func metricOf(name string, spec *learn.RewardSpec) (string, error) {
	names := make([]string, len(spec.Metrics))
	for i, m := range spec.Metrics {
		names[i] = m.Name
	}
	switch {
	case slices.Contains(names, name) || name == "" && len(names) == 0:
		return name, nil
	case name == "" && len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", invalid("metric", fmt.Sprintf("%q is unknown: the loop has one metric, without a name", name))
	case name == "":
		return "", invalid("metric", "must be given, for the loop has several: "+strings.Join(names, ", "))
	}
	return "", invalid("metric", fmt.Sprintf("%q is unknown: the loop has %s", name, strings.Join(names, ", ")))
}

// rewardTime returns the caller's time in unix nanoseconds, 0 when there is none.
func rewardTime(m *nextbestv1.RewardRequest, event *decision.Record, now time.Time) (int64, error) {
	if m.GetTime() == nil {
		return 0, nil
	}
	if err := m.GetTime().CheckValid(); err != nil {
		return 0, invalid("time", "is not a valid time")
	}
	at := m.GetTime().AsTime()
	switch {
	case at.Unix() <= 0:
		return 0, invalid("time", "is before 1970")
	case at.After(now.Add(maxSkew)):
		return 0, invalid("time", fmt.Sprintf("is more than %s ahead of the server's clock", maxSkew))
	case event != nil && at.Before(event.Time.Add(-maxSkew)):
		return 0, invalid("time", fmt.Sprintf("is more than %s before the event", maxSkew))
	}
	return at.UnixNano(), nil
}

// checkServed refuses a reward for a slot of a known event in which nothing was served.
func checkServed(id string, event *decision.Record) error {
	if event == nil {
		return nil
	}
	slot := max(0, slices.IndexFunc(event.Slots, func(s decision.SlotSpec) bool { return s.ID == id }))
	switch {
	case event.Choices[slot].Filled():
		return nil
	case event.Slotted:
		return invalid("slotId", "nothing was served in this slot, so there is nothing to reward")
	}
	return invalid("eventId", "no action was served for this event, so there is nothing to reward")
}

// checkRewardSlot refuses a slot that a known event does not have.
func checkRewardSlot(id string, event *decision.Record) error {
	if id == "" || event == nil {
		return nil
	}
	if !event.Slotted {
		return invalid("slotId", fmt.Sprintf("%q is unknown: the event has no slots", id))
	}
	if !slices.ContainsFunc(event.Slots, func(s decision.SlotSpec) bool { return s.ID == id }) {
		return invalid("slotId", fmt.Sprintf("%q is none of the event's slots", id))
	}
	return nil
}
