package ope

import "math"

// place says what a sample counts for: how many decisions it stands for, and the group of its unit (-1: it is a unit of its
// own).
type place struct {
	stands float64
	group  int
}

// tally folds samples into one estimate.
type tally interface {
	add(s *Sample, at place)
	estimate(seen) Estimate
	// groups returns what a bootstrap draws from, nil where there is nothing to draw, and whether its terms have a ratio.
	groups() (*Groups, bool)
}

func (e *Evaluation) newTally(spec Spec) tally {
	switch {
	case spec.Unable != "":
		out := unable(spec.Name, 0, e.given)
		out.Unable = spec.Unable
		return missing{out}
	case !e.given.Has(spec.Needs()):
		return missing{unable(spec.Name, spec.Needs(), e.given)}
	case spec.Tuning != nil:
		return e.newTuned(spec)
	case spec.Weighted != nil:
		of := *spec.Weighted
		return &weightedLoggers{spec.Name, &of, e.options.Alpha, e.options.Method}
	}
	return &constant{spec.Name, e.newSums(spec.Estimator)}
}

// missing is the tally of an estimator that lacks columns.
type missing struct{ of Estimate }

func (missing) add(*Sample, place)       {}
func (m missing) estimate(seen) Estimate { return m.of }
func (missing) groups() (*Groups, bool)  { return nil, false }

// constant is the tally of an estimator without anything to choose.
type constant struct {
	name string
	*sums
}

func (f *constant) estimate(of seen) Estimate {
	out := f.value(f.name)
	out.set(f.interval(f.options.Method, of))
	return out
}

// tuned is the tally of an estimator whose parameter is chosen at the end.
type tuned struct {
	name string
	of   *Tuned
	sums []*sums // of each candidate, without moments of their own
}

func (e *Evaluation) newTuned(spec Spec) *tuned {
	t := &tuned{name: spec.Name, of: NewTuned(*spec.Tuning)}
	for i := range t.of.Candidates {
		c := &t.of.Candidates[i]
		s := e.newSums(c.Estimator)
		s.moments = &c.Moments
		t.sums = append(t.sums, s)
	}
	return t
}

func (t *tuned) add(s *Sample, at place) {
	for i, terms := range t.of.Add(s, at.stands) {
		t.sums[i].group(terms, at)
		t.sums[i].follow(s, at)
	}
}

func (t *tuned) estimate(of seen) Estimate {
	chosen := t.of.Choose()
	s := t.sums[chosen]
	out := s.value(t.name)
	out.Lambda = t.of.Candidates[chosen].Lambda
	out.set(s.interval(s.options.Method, of))
	return out
}

func (t *tuned) groups() (*Groups, bool) { return t.sums[t.of.Choose()].groups() }

// weightedLoggers is the tally of an estimator whose weights of logging policies are chosen at the end.
type weightedLoggers struct {
	name   string
	of     *MultiWeighted
	alpha  float64
	method Method
}

func (w *weightedLoggers) add(s *Sample, at place) { w.of.Add(s, at.stands) }

func (w *weightedLoggers) estimate(seen) Estimate {
	out := Estimate{
		Name: w.name, Value: w.of.Value(), StandardError: math.Sqrt(w.of.Variance()), Lambda: math.NaN(),
	}
	if w.method == Default || w.method == ByDelta {
		out.set(around(out.Value, normalQuantile(1-w.alpha/2)*out.StandardError, "delta"))
	} else {
		out.set(everything("none: " + string(w.method) + " is not of weighted loggers"))
	}
	return out
}

func (w *weightedLoggers) groups() (*Groups, bool) { return nil, false }

// sums are what intervals of one estimator are computed from. Only what the method needs is kept.
type sums struct {
	estimator Estimator
	options   *Options
	moments   *Moments
	grouped   *Groups // nil where neither a bootstrap nor units need it
	units     bool

	likelihoodOf likelihood
	likelihood   *CressieRead      // nil where it is not wanted, or the estimator has no such sums
	sequence     *GammaExponential // likewise
}

func (e *Evaluation) newSums(of Estimator) *sums {
	s := &sums{estimator: of, options: &e.options, moments: &Moments{}, units: e.given.Has(HasUnit)}
	if s.units || e.options.Method == Resampled || e.options.Method == Default && of.SelfNormalised() {
		s.grouped = &Groups{}
	}
	s.followWeights()
	return s
}

func (s *sums) name() string { return s.estimator.Name() }

func (s *sums) add(x *Sample, at place) {
	t := s.estimator.Terms(x).times(at.stands)
	s.moments.Add(t)
	s.group(t, at)
	s.follow(x, at)
}

func (s *sums) group(t Terms, at place) {
	switch {
	case s.grouped == nil:
	case at.group >= 0:
		s.grouped.AddUnit(at.group, t)
	default:
		s.grouped.Add(t)
	}
}

func (s *sums) groups() (*Groups, bool) { return s.grouped, s.estimator.SelfNormalised() }

// value returns the estimate without an interval.
func (s *sums) value(name string) Estimate {
	s.moments.Flush()
	return Estimate{
		Name: name, Value: s.moments.Value(s.estimator.SelfNormalised()), Lambda: math.NaN(),
		StandardError: math.Sqrt(s.spread().Variance(s.estimator.SelfNormalised())),
		Lower:         math.Inf(-1), Upper: math.Inf(1),
	}
}

// spread returns the moments that variances are computed from: of units where there are any, else of samples.
func (s *sums) spread() *Moments {
	s.moments.Flush()
	if s.units {
		return s.grouped.Moments()
	}
	return s.moments
}
