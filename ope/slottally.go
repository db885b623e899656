package ope

import "math"

// slots is the tally of an estimator that has a ratio for each slot.
type slots struct {
	name    string
	of      SlotEstimator
	rows    *[]SlateRow
	options *Options
	terms   []Terms // of the last slate
	moments SlotMoments
	grouped *SlotGroups // nil unless they are to be resampled
	pdis    *PDIS       // nil unless its interval is asked for
}

func newSlots(spec Spec, rows *[]SlateRow, options *Options) *slots {
	s := &slots{name: spec.Name, of: spec.Slot, rows: rows, options: options}
	switch options.Method {
	case Resampled:
		s.grouped = &SlotGroups{}
	case ByLikelihood:
		// The range of rewards in Options is that of slates.
		s.pdis = NewPDIS(Range{0, math.Inf(1)}, nothingSeen())
	}
	return s
}

func (s *slots) add(_ *Sample, at place) {
	s.terms = s.of.AppendTerms(s.terms[:0], *s.rows)
	s.moments.Add(s.terms, at.stands)
	if s.grouped != nil {
		s.grouped.Add(s.terms, at.stands)
	}
	if s.pdis != nil {
		s.pdis.Add(s.terms, *s.rows, at.stands)
	}
}

func (s *slots) estimate(seen) Estimate {
	out := Estimate{
		Name: s.name, Value: s.moments.Value(), StandardError: math.Sqrt(s.moments.Variance()), Lambda: math.NaN(),
	}
	switch method := s.options.Method; method {
	case Default, ByDelta:
		out.set(around(out.Value, normalQuantile(1-s.options.Alpha/2)*out.StandardError, "delta"))
	case Resampled:
		out.set(s.grouped.Interval(s.options.Bootstrap, s.options.Alpha))
	case ByLikelihood:
		out.set(s.pdis.Interval(s.options.Alpha))
	default:
		out.set(everything("none: " + string(method) + " is not of a ratio in each slot"))
	}
	return out
}

// groups implements tally: they are resampled by SlotGroups, with the same draws.
func (s *slots) groups() (*Groups, bool) { return nil, false }
