package learn

import (
	"cmp"
	"math"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// MaxReward bounds what is learned from, whatever range a loop allows: squares and sums of it stay far from overflow.
const MaxReward = 1e12

// MaxRewardsPerEvent bounds how many rewards one event takes.
const MaxRewardsPerEvent = 1024

// claim is a reward as it stands in the log, before it is known what becomes of it.
type claim struct {
	position eventlog.Position
	id       string
	metric   string
	slot     string
	value    float64
	at       int64 // when it happened, by the caller's clock, else its receipt
	origin   origin
}

func newClaim(pos eventlog.Position, received int64, r *logv1.Reward) claim {
	at := r.GetEventTimeUnixNanos()
	if at == 0 {
		at = received
	}
	return claim{
		position: pos, id: r.GetRewardId(), metric: r.GetMetric(), slot: r.GetSlotId(), value: r.GetValue(), at: at,
		origin: origin{agent: r.GetUserAgent(), ip: r.GetIp(), machine: r.GetMachine()},
	}
}

// reward is an accepted claim.
type reward struct {
	position eventlog.Position
	id       string
	value    float64
	at       int64
	slot     uint16
	metric   uint16
}

// canonically orders rewards by time and id, so that sums do not depend on the order of arrival.
func canonically(a, b reward) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
}

// metric returns the index of the named metric; without a name it is the loop's own, the first.
func (s *RewardSpec) metric(name string) (uint16, bool) {
	if name == "" {
		return 0, true
	}
	for i := range s.Metrics {
		if s.Metrics[i].Name == name {
			return uint16(i), true
		}
	}
	return 0, false
}

// check returns the outcome that the value alone decides, and false when there is none.
func (s *RewardSpec) check(value float64) (Outcome, bool) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return NotFinite, true
	case value < s.Min || value > s.Max || math.Abs(value) > MaxReward:
		return OutOfRange, true
	default:
		return 0, false
	}
}

// weight returns the weight of a metric in the reward.
func (s *RewardSpec) weight(metric int) float64 {
	if len(s.Metrics) == 0 {
		return 1
	}
	return s.Metrics[metric].Weight
}

// worth returns what a slot is worth: the weighted sum of its metrics, or the default and false without a reward.
// A metric that nothing was reported of adds nothing. rewards are in canonical order.
func (s *RewardSpec) worth(rewards []reward, slot int) (float64, bool) {
	total, any := 0.0, false
	for m := range max(1, len(s.Metrics)) {
		value, ok := s.aggregate(rewards, uint16(slot), uint16(m))
		if !ok {
			continue
		}
		// The conversion forbids a fused multiply-add: the bits are the same on every machine.
		total, any = total+float64(s.weight(m)*value), true
	}
	if !any {
		return s.Default, false
	}
	return total, true
}

// aggregate makes one value of a slot's rewards of one metric, and returns false when there are none.
func (s *RewardSpec) aggregate(rewards []reward, slot, metric uint16) (value float64, ok bool) {
	n, first := 0, eventlog.Position(0)
	for i := range rewards {
		r := &rewards[i]
		if r.slot != slot || r.metric != metric {
			continue
		}
		n++
		if n == 1 {
			value, first = r.value, r.position
			continue
		}
		switch s.Aggregation {
		case Earliest: // The canonical order begins with it.
		case First:
			if r.position < first {
				value, first = r.value, r.position
			}
		case Sum, Mean:
			value += r.value
		case Min:
			value = min(value, r.value)
		case Max:
			value = max(value, r.value)
		case Last:
			value = r.value
		}
	}
	if s.Aggregation == Mean && n > 0 {
		value /= float64(n)
	}
	return value, n > 0
}

// Takes returns the name under which a report of a metric is logged, and false where the loop does not have the metric or
// does not take the value. Without a name it is the loop's own, where the loop has but one.
func (s *RewardSpec) Takes(metric string, value float64) (string, bool) {
	if _, bad := s.check(value); bad {
		return "", false
	}
	if metric == "" && len(s.Metrics) == 1 {
		return s.Metrics[0].Name, true
	}
	if metric == "" {
		return "", len(s.Metrics) == 0
	}
	_, ok := s.metric(metric)
	return metric, ok
}
