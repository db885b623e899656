package ope

import "math"

// tightestAt is the number of samples at which sequences are narrowest: where a first decision is often due.
const tightestAt = 10_000

// followWeights makes what follows single weights, where the method wants it and the estimator is one of weights.
func (s *sums) followWeights() {
	s.likelihoodOf = likelihoodOf(s.estimator)
	switch s.options.Method {
	case Default:
		if s.likelihoodOf == ofMeans || s.likelihoodOf == ofModels {
			s.likelihood = s.options.newLikelihood()
		}
	case ByLikelihood:
		if s.likelihoodOf != ofNothing {
			s.likelihood = s.options.newLikelihood()
		}
	case ByGammaSequence:
		if s.likelihoodOf.weights() && s.options.Rewards != (Range{}) {
			s.sequence = NewGammaExponential(s.options.Rewards)
		}
	}
}

func (o *Options) newLikelihood() *CressieRead {
	return NewCressieRead(Range{0, math.Inf(1)}, o.rewardsOrSeen())
}

// rewardsOrSeen is the range of rewards that was given, else one that what is seen widens.
func (o *Options) rewardsOrSeen() Range {
	if o.Rewards == (Range{}) {
		return Range{math.Inf(1), math.Inf(-1)}
	}
	return o.Rewards
}

// likelihood says which of the sums that an empirical likelihood is made of an estimator has.
type likelihood int

const (
	ofNothing likelihood = iota
	ofMeans              // weights and rewards: IPS
	ofRatios             // the same, self-normalised: SNIPS
	ofModels             // weights, rewards and a model: DR
)

func (l likelihood) weights() bool { return l == ofMeans || l == ofRatios }

func likelihoodOf(e Estimator) likelihood {
	unclipped := func(clip float64) bool { return clip == 0 || math.IsInf(clip, 1) }
	switch e := e.(type) {
	case IPS:
		if unclipped(e.Clip) {
			return ofMeans
		}
	case DR:
		if unclipped(e.Clip) {
			return ofModels
		}
	case SNIPS:
		return ofRatios
	case slateTerms:
		return e.likelihood()
	}
	return ofNothing
}

func (s *sums) follow(x *Sample, at place) {
	switch {
	case s.likelihood != nil && s.likelihoodOf == ofModels:
		s.likelihood.AddModelled(x.weight()*at.stands, x.Reward, x.QLogged, x.QTarget*at.stands, at.stands)
	case s.likelihood != nil:
		s.likelihood.Add(x.weight()*at.stands, x.Reward, at.stands)
	case s.sequence != nil:
		s.sequence.Add(x.weight()*at.stands, x.Reward, at.stands-1)
	}
}

// seen is what intervals need beside an estimator's own sums.
type seen struct {
	effective float64 // number of samples, by Kish
	rewards   Range
	// heavy is the mean weight under the evaluated policy, Σw²/Σw, light the least seen, and model the mean of q_π; NaN where
	// there are none.
	heavy, light, model float64
	// unit is how many samples the unit of a sample has in the mean: 1 where there are no units.
	unit float64
}

// interval computes that of a method; everything where the method is not for this estimator.
func (s *sums) interval(m Method, of seen) Interval {
	alpha := s.options.Alpha
	switch m {
	case Default:
		return s.usual(of)
	case Resampled:
		return everything(string(m)) // All estimators' are drawn at once.
	case BySequence:
		// Of samples, not of units: the draws are independent, which is what the sequence rests on.
		s.moments.Flush()
		return DeltaSequence(s.moments, s.estimator.SelfNormalised(), alpha, tightestAt)
	case ByLikelihood:
		switch {
		case s.likelihood == nil:
			return everything("none: cressie_read is of ips, snips and dr")
		case s.dependent(s.spread()):
			return everything("none: cressie_read takes decisions for independent, and those of a unit are not")
		}
		return s.likelihood.Interval(alpha)
	case ByGammaSequence:
		if s.sequence == nil {
			return everything("none: gamma_exponential is of ips and snips, with a range of rewards")
		}
		return s.sequence.Interval(alpha)
	case ByDelta:
		return Delta(s.spread(), s.estimator.SelfNormalised(), alpha)
	}
	return everything("none: there is no interval " + string(m))
}

// usual is the default interval. Where units matter, an empirical likelihood, which takes samples for independent, is
// replaced by resampling units.
func (s *sums) usual(of seen) Interval {
	spread := s.spread()
	_, modelled := s.estimator.(SNDR)
	e := Evidence{
		Moments: spread, SelfNormalised: s.estimator.SelfNormalised(), Modelled: modelled, Rewards: of.rewards,
		Effective: of.effective, Weighted: s.likelihood,
	}
	if s.likelihood != nil && s.dependent(spread) {
		e.Weighted = nil
		if of.effective < FewEffective {
			return s.bootstrapped(e.BootstrapAlpha(s.options.Alpha))
		}
	}
	if e.NeedsBootstrap() {
		e.Bootstrapped = s.bootstrapped(e.BootstrapAlpha(s.options.Alpha))
	}
	return e.Default(s.options.Alpha)
}

// mostDesignEffect is up to which ratio of variances samples of a unit count as independent: the noise of the ratio.
const mostDesignEffect = 1.1

// dependent reports whether the variance of units' sums is more than that of samples that do not depend on each other (Kish's
// design effect).
func (s *sums) dependent(units *Moments) bool {
	ratio := s.estimator.SelfNormalised()
	return s.units && !(units.Variance(ratio) <= mostDesignEffect*s.moments.Variance(ratio))
}

// gain is the interval of a difference to the logging policy. Like an estimate, it is resampled where the effective sample
// is small; otherwise the delta method does: a difference is of no known range.
func (s *sums) gain(of seen) Interval {
	spread := s.spread()
	delta := func(m *Moments) Interval { return Delta(m, s.estimator.SelfNormalised(), s.options.Alpha) }
	usual := delta(spread)
	if of.effective < FewEffective {
		e := Evidence{Effective: of.effective}
		usual = s.bootstrapped(e.BootstrapAlpha(s.options.Alpha))
	}
	return s.reckonUnseen(usual, spread, of.unit, of, delta)
}

// gainSequence is the same at all times.
func (s *sums) gainSequence(of seen) Interval {
	sequence := func(m *Moments) Interval {
		return DeltaSequence(m, s.estimator.SelfNormalised(), s.options.Alpha, tightestAt)
	}
	s.moments.Flush() // Of samples, not of units: the draws are independent, which is what the sequence rests on.
	return s.reckonUnseen(sequence(s.moments), s.moments, 1, of, sequence)
}

func (s *sums) bootstrapped(alpha float64) Interval {
	if float64(s.options.Bootstrap.Rounds)*alpha < 2 {
		return everything("ratio_bootstrap") // Too few rounds for such a tail.
	}
	return s.options.Bootstrap.Intervals([]*Groups{s.grouped}, []bool{s.estimator.SelfNormalised()}, alpha)[0]
}
