package ope

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// GammaExponential is a confidence sequence of the value of a policy: with probability 1-alpha at least, all intervals of all
// times together cover the mean of the values that the contexts so far had in expectation. So it may be looked at whenever one
// likes, and the log may be written by a policy that learns from it. It holds for any number of samples and any weights.
//
// Each side bets on the weighted rewards, scaled so that they are at least 0 and have a mean of at most 1, with a mixture over
// bets for a gamma distribution of parameter 1 (Howard, Ramdas, McAuliffe, Sekhon, Time-uniform, nonparametric, nonasymptotic
// confidence sequences, 2021, proposition 9 and theorem 4; Karampatziakis, Mineiro, Ramdas, Off-policy confidence sequences,
// 2021). The zero value is not usable: make one with NewGammaExponential.
type GammaExponential struct {
	// Unclipped predicts scaled rewards above their largest possible mean, 1, where the mean so far is above it. It is for
	// comparison with VowpalWabbit/estimators, which does; the inequality behind the guarantee then need not hold.
	Unclipped bool

	rewards   Range
	n         float64
	low, high bets // on w·(r - least) and w·(most - r), in units of the range
}

// bets is what one side has seen.
type bets struct {
	sum      float64 // of scaled weighted rewards
	variance float64 // Σ of their squared deviations from what was predicted of each before it came
}

// NewGammaExponential takes the range of rewards, which rewards added later do not leave.
func NewGammaExponential(rewards Range) *GammaExponential { return &GammaExponential{rewards: rewards} }

// Add adds the next sample, of weight w and reward r, that came after dropped others whose rewards were worth nothing. w has
// been divided by the probability of being kept. Rewards outside the range are clipped.
func (g *GammaExponential) Add(w, r, dropped float64) {
	r = min(max(r, g.rewards.Least), g.rewards.Most)
	length := g.rewards.Most - g.rewards.Least
	most := 1.0
	if g.Unclipped {
		most = math.Inf(1)
	}
	g.low.add(g.n, w*(r-g.rewards.Least)/length, dropped, most)
	g.high.add(g.n, w*(g.rewards.Most-r)/length, dropped, most)
	g.n += 1 + dropped
}

// add adds x at time n, after zeros, with predictions of at most most. Σ of (a/(n+1+k))² over k zeros is
// a²·(ψ'(n+1) - ψ'(n+1+k)).
func (b *bets) add(n, x, zeros, most float64) {
	before := b.sum + 0.5
	if clipped := min(zeros, math.Ceil(before/most-(n+1))); clipped > 0 {
		b.variance += clipped * most * most
		n, zeros = n+clipped, zeros-clipped
	}
	if zeros > 0 {
		b.variance += before * before * (mathext.Zeta(2, n+1) - mathext.Zeta(2, n+1+zeros))
	}
	predicted := min(most, before/(n+zeros+1))
	b.variance += (x - predicted) * (x - predicted)
	b.sum += x
}

// Interval returns the interval as of now.
func (g *GammaExponential) Interval(alpha float64) Interval {
	const method = "gamma_exponential_sequence"
	length := g.rewards.Most - g.rewards.Least
	if !(length > 0) || math.IsInf(length, 0) {
		return everything(method)
	}
	lower, upper := g.low.lower(g.n, alpha/2), g.high.lower(g.n, alpha/2)
	return Interval{g.rewards.Least + length*lower, g.rewards.Most - length*upper, method}
}

// lower returns the largest mean against which the bets won 1/alpha.
func (b *bets) lower(n, alpha float64) float64 {
	if n == 0 {
		return 0
	}
	excess := func(mean float64) float64 {
		return logWealth(b.sum-n*mean, b.variance, 1) + math.Log(alpha)
	}
	most := min(1, b.sum/n)
	switch {
	case excess(0) <= 0:
		return 0
	case excess(most) >= 0:
		return most
	}
	return crossing(excess, 0, most)
}

// logWealth returns the logarithm of the gamma-exponential mixture of bets on a sum s with variance v, for scale 1 and
// parameter rho (Howard et al., 2021, eq. 67).
func logWealth(s, v, rho float64) float64 {
	return s + v + rho*math.Log(rho) - (v+rho)*math.Log(s+v+rho) + logLowerGamma(v+rho, s+v+rho) - logLowerGamma(rho, rho)
}

// logLowerGamma returns the logarithm of the lower incomplete gamma function.
func logLowerGamma(a, x float64) float64 {
	gamma, _ := math.Lgamma(a)
	return math.Log(mathext.GammaIncReg(a, x)) + gamma
}

// DeltaSequence returns the interval of an estimate that belongs to an asymptotic confidence sequence: as the number of samples
// grows, all intervals of all later times together miss with probability alpha (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
// Time-uniform central limit theory and asymptotic confidence sequences, 2021, theorem 2.2), for estimates of a log that a
// learning policy writes too, and with the delta method's variance for self-normalised ones. It is narrowest, among such
// sequences, at the given number of samples, to be chosen beforehand. Moments must be flushed.
func DeltaSequence(m *Moments, selfNormalised bool, alpha, tightestAt float64) Interval {
	spread := math.Sqrt(m.Variance(selfNormalised) * m.N)
	return around(m.Value(selfNormalised), spread*mixtureMargin(m.N, alpha, tightestAt), "delta_sequence")
}

// mixtureMargin returns the half-width after n values of variance 1.
func mixtureMargin(n, alpha, tightestAt float64) float64 {
	rho2 := mixtureVariance(alpha, tightestAt)
	spread := n*rho2 + 1
	return math.Sqrt(2 * spread / (n * n * rho2) * math.Log(math.Sqrt(spread)/alpha))
}

// mixtureVariance returns ρ² for which the margin is least at n: x/n with x - ln(1+x) = -2 ln(alpha) (the same paper, appendix
// B.2, where x + 1 is a branch of Lambert's function). The iteration shrinks errors by 1/(1+x), some 1/8.
func mixtureVariance(alpha, n float64) float64 {
	l := -2 * math.Log(alpha)
	x := l
	for range 60 {
		x = l + math.Log1p(x)
	}
	return x / n
}
