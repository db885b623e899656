package ope

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Gaussian returns the interval of an estimate that is a mean: of values among which those that were dropped are zeros. Where
// nothing is dropped it is that of Delta. Evaluation does not use it: it is here to be compared with VowpalWabbit/estimators.
func Gaussian(m *Moments, alpha float64) Interval {
	n, sum := m.N*m.Mean[count], m.N*m.Mean[linear]
	squares := m.Co[linear][linear] + sum*m.Mean[linear]
	variance := max(0, squares-sum*sum/n) / (n - 1)
	return around(sum/n, normalQuantile(1-alpha/2)*math.Sqrt(variance/n), "gaussian")
}

// ClopperPearson returns the interval of a mean of weighted rewards as if each were a coin with the largest weight as its
// stake: that of a binomial count (Clopper, Pearson, The use of confidence or fiducial limits, 1934), at numbers that need not
// be whole. n is how many samples, sum that of w·(r - least reward)/(most - least), largest the largest weight. It is wide,
// and no guarantee. Where the weights add up to more than n, the upper bound says nothing, and neither does the lower one when
// the sum is above n. Evaluation does not use it: it is here to be compared with VowpalWabbit/estimators.
func ClopperPearson(n, sum, largest float64, rewards Range, alpha float64) Interval {
	const method = "clopper_pearson"
	length := rewards.Most - rewards.Least
	trials, successes := n/largest, sum/largest
	lower, upper := 0.0, 1.0
	if successes > 0 && trials-successes+1 > 0 {
		lower = mathext.InvRegIncBeta(successes, trials-successes+1, alpha/2)
	}
	if successes < trials {
		upper = mathext.InvRegIncBeta(successes+1, trials-successes, 1-alpha/2)
	}
	if math.IsNaN(lower+upper) || math.IsInf(length, 0) {
		return everything(method)
	}
	return Interval{rewards.Least + length*lower, rewards.Least + length*upper, method}
}
