package model

import "math"

// error returns the target less the prediction, in reward units.
func (o *GradientOptions) error(score, reward float64) float64 { return reward - o.predict(score) }

// predict turns a score into an expected reward.
func (o *GradientOptions) predict(score float64) float64 {
	if o.Loss == Logistic {
		return sigmoid(score + o.prior)
	}
	return score + o.DefaultReward
}

// advance returns the multiple of the rates by which the weights move, so that the score follows its gradient flow for a
// time of weight: Karampatziakis and Langford (2011), table 1. length is the score's own speed for a gradient of 1.
func (o *GradientOptions) advance(score, reward, weight, length float64) float64 {
	time := weight * length
	if !(time > 0) || math.IsInf(time, 0) {
		return 0
	}
	if o.Loss == Squared {
		return float64((reward-o.predict(score))*oneLessExp(time)) / length
	}
	// A reward in between is that share of a 1, and the rest of a 0.
	z := score + o.prior
	up, down := logisticFlow(z, float64(time*reward)), logisticFlow(-z, float64(time*(1-reward)))
	return (up - down) / length
}

// logisticFlow returns how far a score of z moves towards reward 1 in the time given: the increase d that solves
// z + d + exp(z+d) = z + exp(z) + time. The left side is convex in d, so that Newton's method comes down from any d beyond
// the solution: one is time·σ(−z), since the speed falls; and z + d stays below the logarithm of what the right side can be.
func logisticFlow(z, time float64) float64 {
	const most, beyond = 30, 32 // log-odds
	z = min(max(z, -most), most)
	time = min(time, 1e13)
	start := exp(z)
	d := min(time/(1+start), beyond-z)
	for range 100 {
		e := float64(start * exp(d))
		next := d - (d+e-start-time)/(1+e)
		if !(next < d) {
			break
		}
		d = max(next, 0)
	}
	return d
}

func sigmoid(z float64) float64 {
	if z < 0 {
		e := exp(max(z, -700))
		return e / (1 + e)
	}
	return 1 / (1 + exp(-z))
}

// logOdds returns the score of a default reward, which is taken to be a percent from certainty at least.
func logOdds(p float64) float64 {
	p = min(max(p, 0.01), 0.99)
	lo, hi := -5.0, 5.0
	for range 60 {
		if middle := (lo + hi) / 2; sigmoid(middle) < p {
			lo = middle
		} else {
			hi = middle
		}
	}
	return (lo + hi) / 2
}

// oneLessExp returns 1 − exp(−x) for x ≥ 0.
func oneLessExp(x float64) float64 {
	if x < 1e-5 {
		return x - float64(float64(x*x)*0.5)
	}
	return 1 - exp(-x)
}

// exp is e^x to about two units in the last place for |x| ≤ 700, and the same bits on every machine, which math.Exp does
// not promise: x = k·ln 2 + r, and the series of e^r.
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	const (
		ln2Hi = 6.93147180369123816490e-01 // its product with a small integer is exact
		ln2Lo = 1.90821492927058770002e-10
	)
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := x - float64(k*ln2Hi) - float64(k*ln2Lo)
	sum := 1.0
	for n := 13.0; n > 0; n-- {
		sum = 1 + float64(sum*r)/n
	}
	return math.Ldexp(sum, int(k))
}
