package ope

import "math"

// Evidence is what the default interval of an estimate is computed from.
type Evidence struct {
	Moments        *Moments // flushed; of units' sums where rows are not independent
	SelfNormalised bool
	// Modelled says that what is normalised are errors of a model, added to what it expects of the policy: SNDR.
	Modelled bool
	// Rewards is the range of rewards: the true one, else that of those seen.
	Rewards Range
	// Effective is Kish's effective number of samples, that of the weights: (Σw)²/Σw².
	Effective float64
	// Weighted are the sums of IPS without a clip and of DR; nil for other estimators, and where rows are not independent.
	Weighted *CressieRead
	// Bootstrapped is the interval of Bootstrap at BootstrapAlpha, where NeedsBootstrap says so.
	Bootstrapped Interval
}

// FewEffective is the effective number of samples below which the normal approximation, even one that knows in which
// direction it errs, is not relied on. In simulations like those of the tests, of logs whose weights are skewed, intervals by
// the delta method cover 75 to 92% at 100 to 200 effective samples, and 91 to 95% at 600 and more.
const FewEffective = 400

// NeedsBootstrap reports whether Default wants Bootstrapped.
func (e *Evidence) NeedsBootstrap() bool { return e.SelfNormalised && e.Effective < FewEffective }

// BootstrapAlpha returns the probability of missing to ask of a percentile bootstrap so that it misses with alpha: percentiles
// are those of a variance with n in its denominator and of a normal distribution, and both make intervals of few samples too
// narrow (Hesterberg, What teachers should know about the bootstrap, 2015, section 3.2: expanded percentiles). Below 50
// effective samples, where even that says little, it does as at 50, so that no interval becomes wider by more than some 4%.
func (e *Evidence) BootstrapAlpha(alpha float64) float64 {
	n := max(e.Effective, 50)
	return 2 * normalTail(math.Sqrt(n/(n-1))*studentQuantile(1-alpha/2, n-1))
}

// Default returns the interval by the method that, of those here, covers best for its width:
//
//	             many effective samples   few
//	SNIPS        Wilson                   the bootstrap of the ratio, which is narrower and covers no less
//	SNDR         Wilson                   the same, and half an unseen sample at either end
//	DR           Wilson                   Cressie-Read
//	IPS          Score                    Cressie-Read; also with many, where it is the narrower one, as it is
//	                                      when the noise of the weights' sum is most of the variance
//	others       Delta                    Delta
//
// SNIPS keeps the plain bootstrap: it is meant to be no wider than the ratio bootstrap of published studies, and misses 7.0%
// where SNDR missed 11.5%. A model explains the rewards that are common; what is left to the weights are those that are rare,
// and a log of few effective samples may show none of them.
//
// An interval by Cressie-Read is one of the policy's value rather than of the estimate, which may lie outside: IPS ignores that
// weights have the mean 1, the interval does not.
func (e *Evidence) Default(alpha float64) Interval {
	few := e.Effective < FewEffective
	switch {
	case e.SelfNormalised:
		if few && e.Bootstrapped.Width() > 0 {
			return e.resampled()
		}
		return Wilson(e.Moments, true, e.Rewards, alpha)
	case e.Weighted == nil:
		return Delta(e.Moments, false, alpha)
	case e.Weighted.modelled():
		if few {
			return e.Weighted.Interval(alpha)
		}
		return Wilson(e.Moments, false, e.Rewards, alpha)
	}
	divergence, score := e.Weighted.Interval(alpha), Score(e.Moments, false, e.Rewards.Least, alpha)
	if few || !(score.Width() > 0 && score.Width() <= divergence.Width()) {
		return divergence
	}
	return score
}

// resampled is the bootstrap's interval, for SNDR with half an unseen sample.
func (e *Evidence) resampled() Interval {
	if !e.Modelled {
		return e.Bootstrapped
	}
	return e.Bootstrapped.withUnseen(e.Moments.Value(true), e.Effective, e.Rewards)
}

// withUnseen returns the interval of a self-normalised value for which half a sample that was not seen is taken into account:
// one of the mean weight, of which n effective ones were seen, whose reward is the least possible for the lower bound and the
// largest for the upper one. Half a sample of weight W/n in Σ w·(r-q)/Σ w, where the model expects what it expects of the policy,
// moves the value v by (least-v)/(2n+1), or (most-v)/(2n+1).
//
// A resample holds only what was seen. For coins, s heads of n, a whole unseen one at either end takes the Bayesian bootstrap's
// Beta(s, n-s) to Clopper and Pearson's Beta(s, n-s+1) and Beta(s+1, n-s), which always hold and cover too often (Learned-Miller,
// Thomas, A new confidence interval for the mean of a bounded random variable, 2019, do the same for any bounded numbers). Half
// a one goes half that way; for a value near an end, where the bootstrap fails, it is next to Jeffreys' Beta(s+1/2, n-s+1/2),
// whose level is right on average (Brown, Cai, DasGupta, Interval estimation for a binomial proportion, 2001). For weighted
// samples no theorem says so, simulations do. As no bound moves inwards, a value beyond the range, which SNDR may have, moves
// only one.
func (i Interval) withUnseen(value, n float64, rewards Range) Interval {
	down, up := max(0, value-rewards.Least)/(2*n+1), max(0, rewards.Most-value)/(2*n+1)
	return Interval{i.Lower - down, i.Upper + up, i.Method + "_unseen"}
}
