package eventlog

import (
	"fmt"
	"math"
	"time"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// fromWindow returns the stored form of what a decision on a send time chose among: its actions are made of it again.
func fromWindow(w *decision.SendWindow) *logv1.SendWindow {
	m := &logv1.SendWindow{
		EarliestUnix: w.Earliest.Unix(), LatestUnix: w.Latest.Unix(), GranularitySeconds: uint32(w.Granularity / time.Second),
		DoNotSend: w.DoNotSend, Campaign: w.Campaign, PerMinute: uint32(w.PerMinute), Places: w.Places, ZoneAsked: w.ZoneAsked,
		OffsetFromUnix: make([]int64, len(w.Offsets)), OffsetSeconds: make([]int32, len(w.Offsets)),
	}
	for i, o := range w.Offsets {
		m.OffsetFromUnix[i], m.OffsetSeconds[i] = o.From, int32(o.Seconds)
	}
	return m
}

// toWindow returns what a stored window says, or ErrInvalidRecord where that is impossible.
func toWindow(m *logv1.SendWindow, zone string) (*decision.SendWindow, error) {
	w := &decision.SendWindow{
		Earliest: time.Unix(m.EarliestUnix, 0).UTC(), Latest: time.Unix(m.LatestUnix, 0).UTC(),
		Granularity: time.Duration(m.GranularitySeconds) * time.Second, Zone: zone,
		DoNotSend: m.DoNotSend, Campaign: m.Campaign, PerMinute: int(m.PerMinute), ZoneAsked: m.ZoneAsked,
	}
	if len(m.Places) > 0 {
		w.Places = m.Places
	}
	switch n := len(m.OffsetFromUnix); {
	case n == 0 || n != len(m.OffsetSeconds):
		return nil, fmt.Errorf("%w: %d times and %d offsets of a time zone", ErrInvalidRecord, n, len(m.OffsetSeconds))
	case m.GranularitySeconds == 0 || m.EarliestUnix < 0 || m.LatestUnix < m.EarliestUnix || m.LatestUnix > math.MaxInt64/int64(time.Second),
		(m.LatestUnix-m.EarliestUnix)/int64(m.GranularitySeconds) > decision.MaxSendTimes:
		return nil, fmt.Errorf("%w: send times from %d to %d by %d s", ErrInvalidRecord, m.EarliestUnix, m.LatestUnix, m.GranularitySeconds)
	}
	for i, from := range m.OffsetFromUnix {
		w.Offsets = append(w.Offsets, decision.ZoneOffset{From: from, Seconds: int(m.OffsetSeconds[i])})
	}
	if n := len(w.Times()); w.Places != nil && len(w.Places) != n {
		return nil, fmt.Errorf("%w: places at %d of %d send times", ErrInvalidRecord, len(w.Places), n)
	}
	return w, nil
}
