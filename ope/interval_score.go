package ope

import "math"

// Wilson returns the interval of an estimate of a mean of rewards in a known range: the means that a test of level alpha does
// not reject when the variance is taken to change with the mean as that of coins does, m·(1-m), from what the delta method
// says at the estimate. It is Wilson's score interval (Probable inference, the law of succession, and statistical inference,
// 1927) at the number of coins that would have the estimate's variance, as for proportions in surveys with weights (Franco,
// Little, Louis, Slud, Comparative study of confidence intervals for proportions in complex sample surveys, 2019).
//
// It stays in the range and reaches farther towards the middle of it, where the delta method's misses are: a value near
// the top is more often overestimated than underestimated, since the failures of large weight are those that are not seen.
// Where all rewards are alike, so that no variance is seen, the weights' effective number stands for the number of coins.
func Wilson(m *Moments, selfNormalised bool, rewards Range, alpha float64) Interval {
	const method = "wilson"
	length := rewards.Most - rewards.Least
	p, variance := (m.Value(selfNormalised)-rewards.Least)/length, m.Variance(selfNormalised)/(length*length)
	if !(length > 0) || math.IsInf(length, 0) || !(p >= 0 && p <= 1) {
		return Delta(m, selfNormalised, alpha)
	}
	coins := p * (1 - p) / variance
	if p*(1-p) == 0 || variance == 0 {
		coins = m.effective(selfNormalised)
	}
	z := normalQuantile(1 - alpha/2)
	shrink := 1 + z*z/coins
	middle := (p + z*z/(2*coins)) / shrink
	half := z / shrink * math.Sqrt(p*(1-p)/coins+z*z/(4*coins*coins))
	if math.IsNaN(half) {
		return everything(method)
	}
	return Interval{rewards.Least + length*max(0, middle-half), rewards.Least + length*min(1, middle+half), method}
}

// effective returns Kish's effective number of samples, (Σw)²/Σw², of a self-normalised estimate, the number of others.
func (m *Moments) effective(selfNormalised bool) float64 {
	if !selfNormalised {
		return m.N
	}
	w := m.Mean[weight]
	return m.N * w * w / (w*w + m.Co[weight][weight]/m.N)
}

// Score returns the interval of an estimate whose variance grows as its distance from the least reward, as that of sums of
// rare weighted rewards does: the values that a test of level alpha does not reject when the delta method's variance is scaled
// so (Rao, Large sample tests of statistical hypotheses, 1948). Compared with Delta it reaches a little higher on both sides:
// such sums are more often under- than overestimated, since the large weights are those that are not seen.
func Score(m *Moments, selfNormalised bool, least, alpha float64) Interval {
	value, variance := m.Value(selfNormalised), m.Variance(selfNormalised)
	if !(value > least) || math.IsInf(least, 0) {
		return Delta(m, selfNormalised, alpha)
	}
	z := normalQuantile(1 - alpha/2)
	up := z * z * variance / (2 * (value - least))
	return around(value+up, math.Sqrt(up*up+z*z*variance), "score")
}
