package track

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/nextbest/nextbest/attribution"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Report is what somebody did, without an event id. UserID is required; empty fields ask for nothing.
type Report struct {
	TrackID   string // generated when empty
	UserID    string
	Loop      string
	ActionID  string
	Channel   string
	Metric    string // "" is the loop's own
	Value     float64
	At        time.Time // when it happened, by the caller; zero is now
	UserAgent string
	IP        string
	Machine   bool // the sender's own word
}

// Outcome is what became of a report.
type Outcome string

// The outcomes.
const (
	Attributed   Outcome = "attributed"   // the event has it as a reward
	Duplicate    Outcome = "duplicate"    // the event had it already
	Unattributed Outcome = "unattributed" // no decision has it; the track id may be sent again, and is tried again
)

// Answer says what became of a report. Of an unattributed one there is the reason alone.
type Answer struct {
	TrackID  string
	Outcome  Outcome
	Reason   attribution.Reason
	Loop     string
	EventID  string
	SlotID   string // "" where the event has no slots
	ActionID string // that was served; "" of a duplicate whose decision is gone
	RewardID string
}

// ConflictError says that a track id was used for another report.
type ConflictError struct{ TrackID string }

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("track id %q was used for another report", e.TrackID)
}

// The limits of a report's ids are those of the API (proto/nextbest/v1/track.proto).
const (
	maxUser   = 256
	maxID     = 128
	maxTrack  = 120
	maxAgent  = 2048
	maxMetric = 64
	maxSkew   = 10 * time.Minute // of a caller's clock that runs ahead
)

// check refuses what no loop could take.
func (r *Report) check(now time.Time) (netip.Addr, error) {
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"userId", r.UserID, maxUser}, {"loop", r.Loop, maxID}, {"actionId", r.ActionID, maxID}, {"channel", r.Channel, maxID},
		{"metric", r.Metric, maxMetric}, {"trackId", r.TrackID, maxTrack}, {"userAgent", r.UserAgent, maxAgent},
	} {
		if len(f.value) > f.most {
			return netip.Addr{}, invalid(f.name, fmt.Sprintf("has %d bytes, and may have %d", len(f.value), f.most))
		}
		if strings.ToValidUTF8(f.value, "") != f.value {
			return netip.Addr{}, invalid(f.name, "is not UTF-8")
		}
	}
	switch {
	case r.UserID == "":
		return netip.Addr{}, invalid("userId", "must be given")
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
		return netip.Addr{}, invalid("value", "must be a finite number")
	case !r.At.IsZero() && r.At.Unix() <= 0:
		return netip.Addr{}, invalid("time", "is before 1970")
	case r.At.After(now.Add(maxSkew)):
		return netip.Addr{}, invalid("time", fmt.Sprintf("is more than %s ahead of the server's clock", maxSkew))
	case r.IP == "":
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(r.IP)
	if err != nil {
		return netip.Addr{}, invalid("ip", "is not an IP address")
	}
	return ip, nil
}

func invalid(field, problem string) error {
	return &decision.InputError{Field: field, Problem: problem}
}

// at returns when it happened: the receipt where the caller does not say.
func (r *Report) at(received time.Time) time.Time {
	if r.At.IsZero() {
		return received
	}
	return r.At
}

// nanos returns the caller's time for a record; 0 where there is none.
func (r *Report) nanos() int64 {
	if r.At.IsZero() {
		return 0
	}
	return r.At.UnixNano()
}

// rewardID names the reward of a report. Rewards that callers name themselves may not begin so by accident: the event they
// would have to be of is found by the log.
func rewardID(trackID string) string { return "track:" + trackID }

// reward is the record of an attributed report.
func (r *Report) reward(c *candidate, credit attribution.Credit, spec *learn.RewardSpec, ip netip.Addr) *logv1.Reward {
	metric, _ := spec.Takes(r.Metric, r.Value)
	return &logv1.Reward{
		Loop: c.loop, EventId: c.decision.GetEventId(), RewardId: rewardID(r.TrackID), Value: r.Value, Metric: metric,
		SlotId: c.slotID(credit.Slot), EventTimeUnixNanos: r.nanos(),
		UserAgent: r.UserAgent, Ip: spec.Address.Keep(ip), Machine: r.Machine,
		Attribution: &logv1.Attribution{
			TrackId: r.TrackID, UserId: r.UserID, Loop: r.Loop, ActionId: r.ActionID, Channel: r.Channel,
			Decision: uint64(c.position), WithinSkew: credit.WithinSkew,
		},
	}
}

// nobodys is the record of a report that no decision has. What did it is left out: nothing will be judged by it.
func (r *Report) nobodys(why attribution.Reason) *logv1.Track {
	return &logv1.Track{
		TrackId: r.TrackID, UserId: r.UserID, Loop: r.Loop, ActionId: r.ActionID, Channel: r.Channel,
		Metric: r.Metric, Value: r.Value, EventTimeUnixNanos: r.nanos(), Machine: r.Machine, Reason: string(why),
	}
}

// same reports whether a reward is what the report became. The time is not compared, as with rewards.
func (r *Report) same(w *logv1.Reward) bool {
	a := w.GetAttribution()
	return a.GetUserId() == r.UserID && a.GetLoop() == r.Loop && a.GetActionId() == r.ActionID && a.GetChannel() == r.Channel &&
		w.GetValue() == r.Value && cmp.Or(r.Metric, w.GetMetric()) == w.GetMetric()
}
