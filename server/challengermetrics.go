package server

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/challenger"
)

// challengerInstruments are read at collection. Challengers are files: few, and known.
type challengerInstruments struct {
	gain, lower metric.Float64ObservableGauge
	events, lag metric.Int64ObservableGauge
	promotions  metric.Int64ObservableCounter
}

func (s *scrape) makeChallengers() {
	c := &s.challengers
	c.gain = s.value("challenger_gain", "Gain per event over the policy in force, by loop and challenger.")
	c.lower = s.value("challenger_gain_lower", "Lower bound of the gain, however often one looks, by loop and challenger.")
	c.events = s.gauge("challenger_events", "Events that a challenger was evaluated on, by loop and challenger.")
	c.lag = s.gauge("challenger_lag_records", "Log records that the evaluation of challengers has not read yet, by loop.")
	c.promotions = s.counter("promotions", "Promotions of challengers since the start, by loop and whether promoted or taken back.")
}

func (s *scrape) value(name, description string) metric.Float64ObservableGauge {
	i, err := s.meter.Float64ObservableGauge(name, metric.WithDescription(description))
	s.made, s.errs = append(s.made, i), append(s.errs, err)
	return i
}

func (s *scrape) collectChallengers(o metric.Observer) {
	if s.deps.Challengers == nil {
		return
	}
	for _, name := range s.deps.Loops.Loops() {
		st, ok := s.deps.Challengers.Status(name)
		if !ok {
			continue
		}
		loop := attribute.String("loop", name)
		o.ObserveInt64(s.challengers.lag, int64(st.LagRecords), metric.WithAttributes(loop))
		o.ObserveInt64(s.challengers.promotions, int64(st.Promoted), metric.WithAttributes(loop, attribute.String("kind", "promoted")))
		o.ObserveInt64(s.challengers.promotions, int64(st.TakenBack), metric.WithAttributes(loop, attribute.String("kind", "taken_back")))
		for i := range st.Challengers {
			s.collectChallenger(o, loop, &st.Challengers[i])
		}
	}
}

func (s *scrape) collectChallenger(o metric.Observer, loop attribute.KeyValue, c *challenger.Challenger) {
	if c.State == challenger.Broken {
		return
	}
	of := metric.WithAttributes(loop, attribute.String("challenger", c.Name))
	o.ObserveInt64(s.challengers.events, int64(c.Evidence.Events), of)
	if g := c.Evidence.Gain; !math.IsNaN(g) && !math.IsInf(g, 0) {
		o.ObserveFloat64(s.challengers.gain, g, of)
	}
	if l := c.Evidence.Lower; !math.IsNaN(l) && !math.IsInf(l, 0) {
		o.ObserveFloat64(s.challengers.lower, l, of)
	}
}
