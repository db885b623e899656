package server

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/learn"
)

// scrape reads the state of the other parts when metrics are collected. They count for themselves; nothing is counted
// twice, and nothing costs a call anything.
type scrape struct {
	deps     Deps
	inFlight *inFlight
	meter    metric.Meter
	made     []metric.Observable
	errs     []error

	running, ready                              metric.Int64ObservableGauge
	decisions, activations, events              metric.Int64ObservableCounter
	fallbacks, excluded, warned, defaulted      metric.Int64ObservableCounter
	poison, refusedModels                       metric.Int64ObservableCounter
	logDamaged, logErrors                       metric.Int64ObservableCounter
	rewards, capped, openEvents, held, reloadOK metric.Int64ObservableGauge
	snapshotNumber, snapshotEvents              metric.Int64ObservableGauge
	challengers                                 challengerInstruments
	track                                       trackInstruments
	lagRecords                                  metric.Int64ObservableGauge
	lagSeconds, snapshotAge, syncAge            metric.Float64ObservableGauge
	logBytes, logSegments, logQueue, logBad     metric.Int64ObservableGauge
}

// observe registers the instruments that are read at collection.
func (m *metrics) observe(deps Deps, limit *inFlight, ready func() bool) error {
	s := &scrape{deps: deps, inFlight: limit, meter: m.meter}
	s.makeServer()
	s.makeLoops()
	s.makeLog()
	s.makeChallengers()
	s.makeTrack()
	if err := errors.Join(s.errs...); err != nil {
		return err
	}
	_, err := m.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		s.collect(o, ready())
		s.collectTrack(ctx, o)
		return nil
	}, s.made...)
	return err
}

func (s *scrape) counter(name, description string) metric.Int64ObservableCounter {
	i, err := s.meter.Int64ObservableCounter(name, metric.WithDescription(description))
	s.made, s.errs = append(s.made, i), append(s.errs, err)
	return i
}

func (s *scrape) gauge(name, description string) metric.Int64ObservableGauge {
	i, err := s.meter.Int64ObservableGauge(name, metric.WithDescription(description))
	s.made, s.errs = append(s.made, i), append(s.errs, err)
	return i
}

func (s *scrape) seconds(name, description string) metric.Float64ObservableGauge {
	i, err := s.meter.Float64ObservableGauge(name, metric.WithDescription(description), metric.WithUnit("s"))
	s.made, s.errs = append(s.made, i), append(s.errs, err)
	return i
}

func (s *scrape) makeServer() {
	s.running = s.gauge("in_flight", "Calls that are running.")
	s.ready = s.gauge("ready", "1 while /readyz says yes.")
}

func (s *scrape) makeLoops() {
	s.decisions = s.counter("decisions", "Decisions in the log, by loop.")
	s.activations = s.counter("activations", "Activations in the log, by loop.")
	// An outcome may still change, as from early to joined: a counter that falls would look like a restart.
	s.rewards = s.gauge("rewards", "Rewards in the log, by loop and what has become of them so far.")
	s.events = s.counter("events", "Events that have ended, by loop and ending.")
	s.fallbacks = s.counter("fallbacks", "Decisions that were not the policy's own choice, by loop and reason.")
	s.warned = s.counter("warned", "Actions that were served although a guardrail warns of them, by loop and reason.")
	s.excluded = s.counter("excluded", "Actions that could not be chosen, by loop and reason.")
	s.defaulted = s.counter("defaulted", "User features for which the default stood in, by loop and feature.")
	s.poison = s.counter("poison", "Log records that could not be folded, by loop and reason.")
	s.refusedModels = s.counter("models_refused", "Models that were not published because they were not sane, by loop.")
	s.lagRecords = s.gauge("learner_lag_records", "Log records that are not folded yet, by loop.")
	s.lagSeconds = s.seconds("learner_lag", "Age of the oldest record that is not folded yet, by loop.")
	s.openEvents = s.gauge("open_events", "Events whose window is open, by loop.")
	s.held = s.gauge("held", "Rewards and activations whose event is not known yet, by loop.")
	s.capped = s.gauge("rewards_capped", "Rewards that the model counts as less than they were, being far beyond all before, by loop.")
	s.snapshotNumber = s.gauge("snapshot_number", "Number of the snapshot that decides, by loop.")
	s.snapshotAge = s.seconds("snapshot_age", "Time since the snapshot that decides was published, by loop.")
	s.snapshotEvents = s.gauge("snapshot_events", "Events that the model that decides has learned from, by loop.")
	s.reloadOK = s.gauge("last_reload_ok", "0 while the loop's file is not the one in force because it has a mistake.")
}

func (s *scrape) makeLog() {
	s.logBytes = s.gauge("log_size_bytes", "Size of the event log on disk.")
	s.logSegments = s.gauge("log_segments", "Files of the event log.")
	s.logDamaged = s.counter("log_damaged_frames", "Damaged frames found in the event log, and skipped.")
	s.logErrors = s.counter("log_errors", "Writes and syncs of the event log that failed.")
	s.logQueue = s.gauge("log_queue_bytes", "Bytes that the event log has accepted and not written yet.")
	s.logBad = s.gauge("log_failed", "1 while the event log takes no records.")
	s.syncAge = s.seconds("log_sync_age", "Time since the event log was last synced to disk.")
}

func (s *scrape) collect(o metric.Observer, ready bool) {
	now := s.deps.Now()
	o.ObserveInt64(s.running, s.inFlight.running.Load())
	o.ObserveInt64(s.ready, oneIf(ready))
	s.collectLog(o, now)
	for _, name := range s.deps.Loops.Loops() {
		if status, ok := s.deps.Loops.Status(name); ok {
			s.collectLoop(o, name, status, now)
		}
	}
	s.collectReloads(o)
	s.collectChallengers(o)
}

func (s *scrape) collectLoop(o metric.Observer, name string, status learn.Status, now time.Time) {
	loop := metric.WithAttributes(attribute.String("loop", name))
	o.ObserveInt64(s.decisions, int64(status.Decisions), loop)
	o.ObserveInt64(s.activations, int64(status.Activations), loop)
	o.ObserveInt64(s.refusedModels, int64(status.Refused), loop)
	o.ObserveInt64(s.snapshotEvents, int64(status.Snapshot.Events), loop)
	o.ObserveInt64(s.snapshotNumber, int64(status.Snapshot.Number), loop)
	o.ObserveInt64(s.lagRecords, int64(status.LagRecords), loop)
	o.ObserveFloat64(s.lagSeconds, status.LagSeconds, loop)
	o.ObserveInt64(s.openEvents, int64(status.OpenEvents), loop)
	o.ObserveInt64(s.held, int64(status.Held), loop)
	o.ObserveInt64(s.capped, int64(status.Capped), loop)
	if !status.Snapshot.Published.IsZero() {
		o.ObserveFloat64(s.snapshotAge, now.Sub(status.Snapshot.Published).Seconds(), loop)
	}
	for outcome, n := range status.Rewards {
		o.ObserveInt64(s.rewards, int64(n), loop, metric.WithAttributes(attribute.String("outcome", outcome)))
	}
	counts(o, s.events, name, "ending", status.Events)
	counts(o, s.fallbacks, name, "reason", status.Fallbacks)
	counts(o, s.excluded, name, "reason", status.Excluded)
	counts(o, s.warned, name, "reason", status.Warned)
	counts(o, s.defaulted, name, "feature", status.Defaulted)
	counts(o, s.poison, name, "reason", status.Poison)
}

func counts(o metric.Observer, c metric.Int64ObservableCounter, loop, label string, by map[string]uint64) {
	for value, n := range by {
		o.ObserveInt64(c, int64(n), metric.WithAttributes(attribute.String("loop", loop), attribute.String(label, value)))
	}
}

func (s *scrape) collectLog(o metric.Observer, now time.Time) {
	log := s.deps.Log.Stats()
	o.ObserveInt64(s.logBytes, log.Bytes)
	o.ObserveInt64(s.logSegments, int64(log.Segments))
	o.ObserveInt64(s.logDamaged, int64(log.Damaged))
	o.ObserveInt64(s.logErrors, int64(log.WriteErrors+log.SyncErrors))
	o.ObserveInt64(s.logQueue, int64(log.QueuedBytes))
	o.ObserveInt64(s.logBad, oneIf(log.Failed != nil))
	if !log.LastSync.IsZero() {
		o.ObserveFloat64(s.syncAge, now.Sub(log.LastSync).Seconds())
	}
}

// collectReloads covers loops that were never in force as well: their file has always had a mistake.
func (s *scrape) collectReloads(o metric.Observer) {
	if s.deps.Reloads == nil {
		return
	}
	failed := s.deps.Reloads.ReloadErrors()
	for name := range failed {
		o.ObserveInt64(s.reloadOK, 0, metric.WithAttributes(attribute.String("loop", name)))
	}
	for _, name := range s.deps.Loops.Loops() {
		if _, bad := failed[name]; !bad {
			o.ObserveInt64(s.reloadOK, 1, metric.WithAttributes(attribute.String("loop", name)))
		}
	}
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
