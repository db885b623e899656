package server

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// trackInstruments are what is read of a Tracker at collection.
type trackInstruments struct {
	reports, unattributed, evicted metric.Int64ObservableCounter
	decisions                      metric.Int64ObservableGauge
}

// trackPatience is how long a collection waits for reports that are being looked up.
const trackPatience = time.Second

func (s *scrape) makeTrack() {
	s.track.reports = s.counter("track_reports", "Reports without an event id, by outcome.")
	s.track.unattributed = s.counter("track_unattributed", "Reports without an event id that no decision has, by reason.")
	s.track.evicted = s.counter("track_evicted", "Decisions and reports that were forgotten before their window's end for want of room.")
	s.track.decisions = s.gauge("track_decisions", "Decisions that are remembered for reports without an event id.")
}

func (s *scrape) collectTrack(ctx context.Context, o metric.Observer) {
	if s.deps.Tracker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, trackPatience)
	defer cancel()
	stats, err := s.deps.Tracker.Stats(ctx)
	if err != nil {
		return // The other metrics are still to be had.
	}
	unattributed := uint64(0)
	for reason, n := range stats.Unattributed {
		unattributed += n
		o.ObserveInt64(s.track.unattributed, int64(n), metric.WithAttributes(attribute.String("reason", string(reason))))
	}
	for outcome, n := range map[string]uint64{
		"attributed": stats.Attributed, "duplicate": stats.Duplicates, "unattributed": unattributed,
	} {
		o.ObserveInt64(s.track.reports, int64(n), metric.WithAttributes(attribute.String("outcome", outcome)))
	}
	o.ObserveInt64(s.track.evicted, int64(stats.Evicted))
	o.ObserveInt64(s.track.decisions, int64(stats.Decisions))
}
