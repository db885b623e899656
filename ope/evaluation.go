package ope

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Options are the choices of an evaluation. Zero values mean the defaults.
type Options struct {
	// Alpha is the probability with which an interval may miss, above 0 and up to 0.5 (0.05).
	Alpha float64
	// Method is how intervals are computed; empty means the default of each estimator.
	Method Method
	// Bootstrap is for Method Resampled: 1000 rounds where it says none, at least 2/Alpha and at most MostRounds.
	Bootstrap Bootstrap
	// Rewards is the true range of rewards, where it is known: the zero value means that it is not.
	Rewards Range
}

// Method is how an interval is computed.
type Method string

// The methods. Those of sequences may be looked at as often as one likes while the log grows, and hold for a log that was
// written by a policy that learns from it.
const (
	Default         Method = ""
	ByDelta         Method = "delta"
	Resampled       Method = "bootstrap"
	ByLikelihood    Method = "cressie_read"
	BySequence      Method = "sequence"
	ByGammaSequence Method = "gamma_exponential"
)

// always reports whether intervals of the method may be looked at at all times.
func (m Method) always() bool { return m == BySequence || m == ByGammaSequence }

// Methods are all methods but the default.
func Methods() []Method {
	return []Method{ByDelta, Resampled, ByLikelihood, BySequence, ByGammaSequence}
}

// MostRounds bounds the rounds of a bootstrap: beyond it, what the rounds add to the error of an interval is nothing.
const MostRounds = 100_000

// mostAlpha is where an interval is as likely to miss as not. Beyond it, intervals would be of no use.
const mostAlpha = 0.5

// leastRounds is how many rounds it takes until each end of a percentile interval, at alpha/2, has one round beyond it.
func leastRounds(alpha float64) int {
	const rounding = 1e-9 // 2/alpha may come out above the whole number that is meant.
	return int(min(math.Ceil(2/alpha*(1-rounding)), math.MaxInt32))
}

// Check returns an error that says which choice is not possible.
func (o *Options) Check() error {
	switch {
	case !(o.Alpha > 0 && o.Alpha <= mostAlpha):
		return fmt.Errorf("alpha is %v, want a probability above 0 and up to %v", o.Alpha, mostAlpha)
	case o.Method != Default && !slices.Contains(Methods(), o.Method):
		return fmt.Errorf("unknown interval %q, want one of %s", o.Method, strings.Trim(fmt.Sprint(Methods()), "[]"))
	case o.Bootstrap.Rounds < 2 || o.Bootstrap.Rounds > MostRounds:
		return fmt.Errorf("a bootstrap of %d rounds, want at least 2 and at most %d", o.Bootstrap.Rounds, MostRounds)
	case o.Method == Resampled && o.Bootstrap.Rounds < leastRounds(o.Alpha):
		return fmt.Errorf("a bootstrap of %d rounds: alpha %v needs at least %d rounds", o.Bootstrap.Rounds, o.Alpha, leastRounds(o.Alpha))
	case o.Rewards.Least > o.Rewards.Most || math.IsInf(o.Rewards.Most-o.Rewards.Least, 0):
		return fmt.Errorf("rewards from %v to %v, want a finite range", o.Rewards.Least, o.Rewards.Most)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	if o.Bootstrap.Rounds == 0 {
		o.Bootstrap.Rounds = 1000
	}
	return o
}

// Result is what an evaluation found.
type Result struct {
	// Estimates are in the order of the specs.
	Estimates []Estimate
	// Gain is the value less that of the logging policy on the same decisions, by the estimator that Headline names: the
	// two share their noise. GainSequence is the same with an interval that may be looked at at all times.
	Gain, GainSequence Estimate
	Diagnostics        Diagnostics
	Verdict            Verdict
}

// Evaluation folds samples, in the order of the log, into estimates, diagnostics and a verdict. Its memory does not depend on
// how many there are.
type Evaluation struct {
	given     Columns
	options   Options
	tallies   []tally
	gain      *sums
	diagnosis *diagnosing
	units     Units
}

// New returns an evaluation of samples that have the given columns. Estimators that lack a column are reported as such. An
// error says which option is not possible, or which estimator is one of slates: for NewSlateEvaluation.
func New(given Columns, specs []Spec, options Options) (*Evaluation, error) {
	slates, err := OfSlates(specs)
	if err != nil {
		return nil, err
	}
	if slates {
		return nil, fmt.Errorf("estimator %s is of slates, and these are single decisions", specs[0].Name)
	}
	e, err := newEvaluation(given, options)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		e.tallies = append(e.tallies, e.newTally(spec))
	}
	if headline := Headline(given); given.Has(headline.Needs()) {
		e.setGain(headline)
	}
	return e, nil
}

// newEvaluation returns one without estimators.
func newEvaluation(given Columns, options Options) (*Evaluation, error) {
	options = options.withDefaults()
	if err := options.Check(); err != nil {
		return nil, err
	}
	return &Evaluation{given: given, options: options, diagnosis: newDiagnosing(given)}, nil
}

func (e *Evaluation) setGain(headline Estimator) {
	e.gain = e.newSums(gainOf{Estimator: headline})
	if e.gain.grouped == nil {
		e.gain.grouped = &Groups{}
	}
}

// Headline is the estimator that gains are computed with: doubly robust where there is a model, else self-normalised IPS.
func Headline(given Columns) Estimator {
	if given.Has(HasModel) {
		return DR{}
	}
	return SNIPS{}
}

// Add adds the next sample. The error is a *FieldError, and the sample is not added then.
func (e *Evaluation) Add(s *Sample) error {
	if err := s.Check(e.given); err != nil {
		return err
	}
	at := place{stands: 1, group: -1}
	if e.given.Has(HasKept) {
		at.stands = 1 / s.Kept
	}
	if e.given.Has(HasUnit) {
		at.group = e.units.Group(s.Unit)
	}
	e.diagnosis.add(s, at)
	for _, t := range e.tallies {
		t.add(s, at)
	}
	if e.gain != nil {
		if e.diagnosis.n == 1 {
			e.gain.offsetBy(s.Reward)
		}
		e.gain.add(s, at)
	}
	return nil
}

// Known is what a source knows of its log that samples do not show.
type Known struct {
	// Censored counts decisions whose reward was not known yet, and NotServed those that say nothing about the policy
	// (fallbacks, decisions that were never activated).
	Censored, NotServed float64
	// StoodIn counts the decisions, censored ones included, in which the policy could not do what it is for, so that another had to stand in.
	StoodIn float64
	// Damaged counts places of the log that could not be read.
	Damaged float64
	// Unmet are actions that the policy might serve and that no decision could: what it would do with them is not in its
	// probabilities.
	Unmet []string
	// CalibrationZ is how many standard deviations the served actions' probabilities are away from what the logged
	// distributions make expect: 0 where those are not known.
	CalibrationZ float64
}

// Result sums up what was added; more may be added after it.
func (e *Evaluation) Result(known Known) Result {
	r := Result{Diagnostics: e.diagnosis.diagnostics(e.options.Alpha)}
	r.Diagnostics.Known = known
	of := e.diagnosis.seen(&r.Diagnostics, e.rewards(&r.Diagnostics))
	for _, t := range e.tallies {
		r.Estimates = append(r.Estimates, t.estimate(of))
	}
	if e.options.Method == Resampled {
		e.resample(r.Estimates)
	}
	r.Gain, r.GainSequence = e.gains(of)
	r.Verdict = e.verdict(&r)
	return r
}

// offsetBy sets the offset of a gain, before its first sample.
func (s *sums) offsetBy(reward float64) {
	if g := s.estimator.(gainOf); g.SelfNormalised() {
		s.estimator = gainOf{g.Estimator, reward}
	}
}

func (e *Evaluation) gains(of seen) (gain, sequence Estimate) {
	if e.gain == nil {
		none := unable("gain", Headline(e.given).Needs(), e.given) // Of slates, where any estimator can be computed there is one.
		return none, none
	}
	gain = e.gain.value(e.gain.name())
	sequence = gain
	sequence.set(e.gain.gainSequence(of))
	if e.options.Method.always() { // Who looks often has no use for the other, which may be resampled.
		return sequence, sequence
	}
	gain.set(e.gain.gain(of))
	return gain, sequence
}

// rewards is the range of rewards that was given, else the one seen.
func (e *Evaluation) rewards(d *Diagnostics) Range {
	if e.options.Rewards == (Range{}) {
		return Range{d.RewardLeast, d.RewardMost}
	}
	return e.options.Rewards
}

func (e *Evaluation) verdict(r *Result) Verdict {
	rewards := e.rewards(&r.Diagnostics)
	// IPS is the value on the part of the policy that the log supports.
	supported := math.NaN()
	if r.Diagnostics.Unsupported > 0 {
		supported = e.diagnosis.supportedValue()
	}
	return verdict(e.given, &r.Diagnostics, supported, rewards.Least, rewards.Most)
}

// resample replaces intervals by those of a bootstrap that draws for all estimators at once.
func (e *Evaluation) resample(estimates []Estimate) {
	var groups []*Groups
	var selfNormalised []bool
	var of []int
	for i, t := range e.tallies {
		if g, ratio := t.groups(); g != nil {
			groups, selfNormalised, of = append(groups, g), append(selfNormalised, ratio), append(of, i)
		}
	}
	for k, interval := range e.options.Bootstrap.Intervals(groups, selfNormalised, e.options.Alpha) {
		estimates[of[k]].set(interval)
	}
}

// unable is the estimate of an estimator that lacks columns.
func unable(name string, needs, given Columns) Estimate { return unableFor(name, given.Missing(needs)) }

func unableFor(name string, columns []string) Estimate {
	return Estimate{
		Name: name, Value: math.NaN(), Lower: math.Inf(-1), Upper: math.Inf(1), StandardError: math.NaN(), Lambda: math.NaN(),
		Unable: "needs " + strings.Join(columns, ", "),
	}
}

// gainOf is an estimator less the logged reward: of the difference between the evaluated and the logging policy.
//
// Offset is taken off each reward of a self-normalised one, which changes nothing but the digits that are lost where rewards
// are large and much alike.
type gainOf struct {
	Estimator
	offset float64
}

// Terms implements Estimator.
func (g gainOf) Terms(s *Sample) Terms {
	t := g.Estimator.Terms(s)
	t.Ratio -= g.offset * t.Weight
	t.Linear -= s.Reward - g.offset
	return t
}
