package ope

import "math"

// LikelihoodValue returns the maximum empirical likelihood estimate of the value of a policy: samples get the probabilities of
// the largest product under which weights have the mean 1 that they must have (Karampatziakis, Langford, Mineiro, 2020). It
// needs all samples at once; CressieRead is nearly the same from sums. The range of weights reaches from below 1 to above 1.
// NaN where there are no samples. Evaluation does not use it: it is here to be compared with the mle of VowpalWabbit/estimators.
func LikelihoodValue(weights, rewards []float64, between Range) float64 {
	n := float64(len(weights))
	for _, w := range weights {
		between = between.with(w)
	}
	beta := likelihoodMultiplier(weights, between)
	value, probability, reward := 0.0, 0.0, 0.0
	for i, w := range weights {
		p := 1 / ((w-1)*beta + n)
		probability += p * w
		value += p * w * rewards[i]
		reward += rewards[i] / n
	}
	return value + max(0, 1-probability)*reward
}

// likelihoodMultiplier returns the multiplier of the constraint on the weights' mean, at the end of what it can be where the
// constraint cannot be met.
func likelihoodMultiplier(weights []float64, between Range) float64 {
	n := float64(len(weights))
	low, high := 0.0, n/(1-between.Least)
	if !math.IsInf(between.Most, 1) {
		low = n / (1 - between.Most)
	}
	for _, w := range weights {
		// No probability is above 1.
		if w < 1 {
			high = min(high, (n-1)/(1-w))
		} else if w > 1 {
			low = max(low, (n-1)/(1-w))
		}
	}
	gradient := func(beta float64) float64 {
		sum := 0.0
		for _, w := range weights {
			sum += (w - 1) / ((w-1)*beta + n)
		}
		return sum
	}
	atLow, atHigh := gradient(low), gradient(high)
	switch {
	case atLow*atHigh < 0:
		return crossing(gradient, low, high)
	case atLow < 0:
		return low
	}
	return high
}

// crossing returns where a continuous function changes sign between a and b, to the last bits. Halving takes some 60 calls
// whatever the function.
func crossing(f func(float64) float64, a, b float64) float64 {
	positive := f(a) > 0
	for range 200 {
		middle := a + (b-a)/2
		if middle == a || middle == b {
			break
		}
		if (f(middle) > 0) == positive {
			a = middle
		} else {
			b = middle
		}
	}
	return a
}
