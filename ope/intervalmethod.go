package ope

import "math"

// tightestAt is the number of samples at which sequences are narrowest: where a first decision is often due.
const tightestAt = 10_000

// followWeights makes what follows single weights, where the method wants it and the estimator is one of weights.
func (s *sums) followWeights() {
	switch s.options.Method {
	case ByLikelihood:
		if isWeighting(s.estimator) {
			s.likelihood = NewCressieRead(Range{0, math.Inf(1)}, s.options.rewardsOrSeen())
		}
	case ByGammaSequence:
		if isWeighting(s.estimator) && s.options.Rewards != (Range{}) {
			s.sequence = NewGammaExponential(s.options.Rewards)
		}
	}
}

// rewardsOrSeen is the range of rewards that was given, else one that what is seen widens.
func (o *Options) rewardsOrSeen() Range {
	if o.Rewards == (Range{}) {
		return Range{math.Inf(1), math.Inf(-1)}
	}
	return o.Rewards
}

// isWeighting reports whether an estimator is of weights and rewards alone, so that intervals of those are its own.
func isWeighting(e Estimator) bool {
	switch e := e.(type) {
	case IPS:
		return e.Clip == 0 || math.IsInf(e.Clip, 1)
	case SNIPS:
		return true
	}
	return false
}

func (s *sums) follow(x *Sample, at place) {
	switch {
	case s.likelihood != nil:
		s.likelihood.Add(x.weight()*at.stands, x.Reward, at.stands)
	case s.sequence != nil:
		s.sequence.Add(x.weight()*at.stands, x.Reward, at.stands-1)
	}
}

// interval computes that of a method; everything where the method is not for this estimator.
func (s *sums) interval(m Method) Interval {
	switch m {
	case Resampled:
		return everything(string(m)) // All estimators' are drawn at once.
	case BySequence:
		return DeltaSequence(s.spread(), s.estimator.SelfNormalised(), s.options.Alpha, tightestAt)
	case ByLikelihood:
		if s.likelihood == nil {
			return everything("none: cressie_read is of ips and snips")
		}
		return s.likelihood.Interval(s.options.Alpha)
	case ByGammaSequence:
		if s.sequence == nil {
			return everything("none: gamma_exponential is of ips and snips, with a range of rewards")
		}
		return s.sequence.Interval(s.options.Alpha)
	}
	return Delta(s.spread(), s.estimator.SelfNormalised(), s.options.Alpha)
}
