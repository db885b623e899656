package ope

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a confidence interval of the value of a policy, in reward units. A bound is infinite where there is none.
type Interval struct {
	Lower, Upper float64
	Method       string // "delta", "ratio_bootstrap", ...
}

// Width returns how long the interval is.
func (i Interval) Width() float64 { return i.Upper - i.Lower }

// Covers reports whether a value is in the interval.
func (i Interval) Covers(value float64) bool { return i.Lower <= value && value <= i.Upper }

// everything is the interval of those who know nothing.
func everything(method string) Interval { return Interval{math.Inf(-1), math.Inf(1), method} }

// Delta returns the two-sided interval of an estimate that misses with probability alpha, by the delta method: the estimate
// plus and minus a normal quantile of its standard error. For a self-normalised estimate it is that of a ratio, in which the
// noise of the sum of weights cancels part of that of the sum of rewards. Moments must be flushed.
//
// It holds where the central limit theorem does; with few effective samples it is centred on the wrong place and too narrow.
func Delta(m *Moments, selfNormalised bool, alpha float64) Interval {
	half := normalQuantile(1-alpha/2) * math.Sqrt(m.Variance(selfNormalised))
	return around(m.Value(selfNormalised), half, "delta")
}

// around returns the interval of a given half-width, all numbers where that is not a number.
func around(value, half float64, method string) Interval {
	if math.IsNaN(value) || math.IsNaN(half) {
		return everything(method)
	}
	return Interval{value - half, value + half, method}
}

func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// normalTail returns the probability of a standard normal number above x.
func normalTail(x float64) float64 { return distuv.UnitNormal.Survival(x) }

// studentQuantile returns that of Student's t distribution with df degrees of freedom.
func studentQuantile(p, df float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(p)
}
