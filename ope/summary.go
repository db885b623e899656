package ope

import "math"

// Summary is what the bounds of a mean are computed from: how many values, their mean, and the variance with n in its
// denominator. Evaluation uses none of these bounds, which need a range of weighted rewards that is rarely known: they are here
// to be compared with the reference, and for those who know the range.
type Summary struct {
	N, Mean, Variance float64
}

// Summary returns that of the linear terms, where each sample counts once.
func (m *Moments) Summary() Summary {
	return Summary{m.N, m.Mean[linear], m.Co[linear][linear] / m.N}
}

// HoeffdingLower returns a lower bound of the mean of values in [0, most] that fails with probability delta at most
// (Hoeffding, Probability inequalities for sums of bounded random variables, 1963, theorem 2). It is a guarantee only if most
// is what values can reach, not the largest that was seen.
func (s Summary) HoeffdingLower(most, delta float64) float64 {
	return s.Mean - most*math.Sqrt(math.Log(1/delta)/(2*s.N))
}

// BernsteinLower returns a lower bound of the mean of values in [0, most] (Maurer, Pontil, Empirical Bernstein bounds and
// sample variance penalization, 2009, theorem 4), subject to the same condition as Hoeffding's.
func (s Summary) BernsteinLower(most, delta float64) float64 {
	return s.Mean - s.bernstein(most, delta)
}

// bernstein returns how far the mean of values in an interval of the given length may be on one side.
func (s Summary) bernstein(length, delta float64) float64 {
	l := math.Log(2 / delta)
	return 7*length*l/(3*(s.N-1)) + math.Sqrt(2*l*s.Variance/(s.N-1))
}

// StudentLower returns a lower bound of the mean from Student's t distribution, which holds for values that are normal, and
// otherwise for many.
func (s Summary) StudentLower(delta float64) float64 {
	return s.Mean - studentQuantile(1-delta, s.N-1)*math.Sqrt(s.Variance/(s.N-1))
}

// EmpiricalBernstein returns the two-sided interval of the mean of values in [least, most] that misses with probability alpha
// at most, whatever their distribution and number (Maurer, Pontil, 2009, theorem 4, with alpha/2 on each side). The range is
// the true one: for importance-weighted rewards the largest weight that the logging policy allows, times the largest reward.
// Without a finite range it says nothing.
func (s Summary) EmpiricalBernstein(least, most, alpha float64) Interval {
	const method = "empirical_bernstein"
	half := s.bernstein(most-least, alpha/2)
	if s.N < 2 || math.IsNaN(half) {
		return everything(method)
	}
	return Interval{max(least, s.Mean-half), min(most, s.Mean+half), method}
}
