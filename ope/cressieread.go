package ope

import "math"

// Range is the smallest and the largest number that something can be: the true ones, not those that were seen.
type Range struct{ Least, Most float64 }

// CressieRead estimates the value of a policy by empirical likelihood with the power divergence -2: the samples, and one more
// that was not seen, are given the probabilities nearest to equal ones under which weights have the mean 1 that they must have
// (Karampatziakis, Langford, Mineiro, Empirical likelihood for contextual bandits, 2020, with the divergence of Cressie, Read,
// Multinomial goodness-of-fit tests, 1984, which has a closed form). What it knows of the weights' mean makes intervals
// narrow, the unseen sample makes them cover where large weights are rare.
//
// Its state is sums, which merge exactly. Make one with NewCressieRead.
type CressieRead struct {
	weights, rewards Range
	model, offsets   Range    // of q, and of m
	n                exactSum // samples, and those that they stand for
	w, ww            exactSum // Σ w, Σ w²
	y, wy, yy        exactSum // of the terms y = m + w·(r - q)
	r                exactSum // Σ r over all that samples stand for
}

// NewCressieRead takes the range of weights, from below 1 to above 1 and perhaps to infinity, and that of rewards. Both are
// widened by what is added. Without a range of rewards, give the least as +Inf and the most as -Inf: what is seen counts.
func NewCressieRead(weights, rewards Range) *CressieRead {
	return &CressieRead{weights: weights, rewards: rewards, model: nothingSeen(), offsets: nothingSeen()}
}

// Add adds a sample with importance weight w and reward r that stands for count samples, of which the others were dropped
// since their rewards are worth nothing: w has already been divided by the probability of being kept.
func (c *CressieRead) Add(w, r, count float64) { c.AddModelled(w, r, 0, 0, count) }

// AddModelled adds a sample of a doubly robust estimate, whose terms are m + w·(r - q): q is what a model expects of the
// served action, m what it expects of the evaluated policy. Value makes sense without a model alone.
func (c *CressieRead) AddModelled(w, r, q, m, count float64) {
	y := m + w*(r-q)
	c.n.add(count)
	c.w.add(w)
	c.ww.add(w * w)
	c.y.add(y)
	c.wy.add(w * y)
	c.yy.add(y * y)
	c.r.add(r * count)
	c.weights = c.weights.with(w)
	c.rewards = c.rewards.with(r)
	c.model = c.model.with(q)
	c.offsets = c.offsets.with(m)
}

func nothingSeen() Range { return Range{math.Inf(1), math.Inf(-1)} }

func (a Range) with(x float64) Range { return Range{min(a.Least, x), max(a.Most, x)} }

func (a Range) union(b Range) Range { return Range{min(a.Least, b.Least), max(a.Most, b.Most)} }

// Merge adds the samples of another.
func (c *CressieRead) Merge(o *CressieRead) {
	mine, others := c.sums(), o.sums()
	for i := range mine {
		mine[i].merge(others[i])
	}
	c.weights, c.rewards = c.weights.union(o.weights), c.rewards.union(o.rewards)
	c.model, c.offsets = c.model.union(o.model), c.offsets.union(o.offsets)
}

func (c *CressieRead) sums() [7]*exactSum {
	return [7]*exactSum{&c.n, &c.w, &c.ww, &c.y, &c.wy, &c.yy, &c.r}
}

// Effective returns Kish's effective number of samples, (Σw)²/Σw².
func (c *CressieRead) Effective() float64 {
	w := c.w.value()
	return w * w / c.ww.value()
}

// modelled reports whether a model expected anything other than 0.
func (c *CressieRead) modelled() bool {
	zero := Range{}
	return c.n.value() > 0 && (c.model != zero || c.offsets != zero)
}

// unseen returns the weight that brings the mean of all weights nearest to 1.
func (c *CressieRead) unseen() float64 {
	if c.w.value() < c.n.value() {
		return c.weights.Most
	}
	return c.weights.Least
}

// Value returns the estimate, NaN where nothing was added. Probability that the weights leave over gets the mean reward.
func (c *CressieRead) Value() float64 {
	n := c.n.value()
	gamma, beta := -(1+n)/n, 0.0
	if f := c.unseen(); !math.IsInf(f, 1) {
		a, b := (f+c.w.value())/(1+n), (f*f+c.ww.value())/(1+n)
		gamma, beta = (b-a)/(a*a-b), (1-a)/(a*a-b)
	}
	value := (-gamma*c.y.value() - beta*c.wy.value()) / (1 + n)
	missing := max(0, 1-(-gamma*c.w.value()-beta*c.ww.value())/(1+n))
	return value + missing*c.r.value()/n
}

// Interval returns the interval that misses with probability alpha: the values under distributions whose divergence from the
// samples is at most what an F distribution allows beyond the least possible one. It is everything where the range of rewards
// is not known and all that were seen are alike.
func (c *CressieRead) Interval(alpha float64) Interval {
	const method = "cressie_read"
	n := c.n.value()
	if length := c.rewards.Most - c.rewards.Least; n == 0 || !(length > 0) || math.IsInf(length, 0) {
		return everything(method)
	}
	t := studentQuantile(1-alpha/2, n) // F(1, n) is the square of t.
	phi := -(c.leastDivergence() + t*t) / (2 * (1 + n))
	return Interval{
		Lower:  c.bound(c.rewards.Least-c.model.Most, c.offsets.Least, 1, phi),
		Upper:  c.bound(c.rewards.Most-c.model.Least, c.offsets.Most, -1, phi),
		Method: method,
	}
}

// leastDivergence returns that of the distribution nearest to the samples.
func (c *CressieRead) leastDivergence() float64 {
	n, f := c.n.value(), c.unseen()
	if math.IsInf(f, 1) {
		return 1 + 1/n
	}
	a, b := (f+c.w.value())/(1+n), (f*f+c.ww.value())/(1+n)
	return (1 + n) * (a - 1) * (a - 1) / (b - a*a)
}

// bound returns the least value (sign 1) or the largest (sign -1) when the unseen sample has the extreme residual e = r - q and
// offset m.
func (c *CressieRead) bound(e, m, sign, phi float64) float64 {
	best := math.Inf(1)
	for _, f := range [2]float64{c.weights.Least, c.weights.Most} {
		if math.IsInf(f, 1) {
			best = min(best, c.heavyDual(e, sign).least(phi))
		} else if d := c.dual(f, m+f*e, sign); d.variance > 0 {
			best = min(best, d.least(phi))
		}
	}
	if math.IsInf(best, 1) {
		return c.rewards.Least
	}
	return min(c.rewards.Most, max(c.rewards.Least, sign*best))
}

// dual is the quadratic problem that is left of the divergence's dual when the multipliers of the constraints are eliminated.
type dual struct{ x, y, z, variance float64 }

// dual returns that with an unseen sample of weight f and term t.
func (c *CressieRead) dual(f, t, sign float64) dual {
	n := 1 + c.n.value()
	w, ww := (f+c.w.value())/n, (f*f+c.ww.value())/n
	y, wy := sign*(t+c.y.value())/n, sign*(f*t+c.wy.value())/n
	yy := (t*t + c.yy.value()) / n
	variance, covariance := ww-w*w, wy-w*y
	return dual{
		x:        y + (1-w)*covariance/variance,
		y:        covariance*covariance/variance - (yy - y*y),
		z:        (1 - w) * (1 - w) / variance / 2,
		variance: variance,
	}
}

// heavyDual returns that with an unseen sample of unbounded weight.
func (c *CressieRead) heavyDual(e, sign float64) dual {
	n, apart := c.n.value(), e*c.w.value()-c.y.value()
	return dual{
		x: sign * (e - apart/n),
		y: apart*apart/(n*(1+n)) - (e*e*c.ww.value()-2*e*c.wy.value()+c.yy.value())/(1+n),
		z: 1 / (2 * n),
	}
}

// least returns the solution, +Inf where there is none.
func (d dual) least(phi float64) float64 {
	const tiny = 1e-9
	z := phi + d.z
	switch yz := d.y * z; {
	case math.Abs(yz) <= tiny*tiny:
		return d.x - math.Sqrt2*tiny
	case z <= 0 && yz >= 0:
		return d.x - math.Sqrt(2*yz)
	}
	return math.Inf(1)
}
