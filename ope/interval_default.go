package ope

import "math"

// Evidence is what the default interval of an estimate is computed from.
type Evidence struct {
	Moments        *Moments // flushed; of units' sums where rows are not independent
	SelfNormalised bool
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
// the delta method cover 75 to 89% at 100 to 200 effective samples, and 91 to 95% at 600 and more.
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
//	SNIPS, SNDR  Wilson                   the bootstrap of the ratio, which is narrower and covers no less
//	DR           Wilson                   Cressie-Read
//	IPS          Score                    Cressie-Read; also with many, where it is the narrower one, as it is
//	                                      when the noise of the weights' sum is most of the variance
//	others       Delta                    Delta
//
// An interval by Cressie-Read is one of the policy's value rather than of the estimate, which may lie outside: IPS ignores that
// weights have the mean 1, the interval does not.
func (e *Evidence) Default(alpha float64) Interval {
	few := e.Effective < FewEffective
	switch {
	case e.SelfNormalised:
		if few && e.Bootstrapped.Width() > 0 {
			return e.Bootstrapped
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
