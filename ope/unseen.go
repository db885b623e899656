package ope

import "math"

// unseenCount is how many events that nobody saw a bound reckons with: the k with k + z·√k = ln(2/alpha), so that where none of
// a kind was seen, the normal bound of their number is the exact one of a Poisson number (Hanley, Lippman-Hand, If nothing goes
// wrong, is everything all right?, 1983: the 'rule of three' at alpha 0.1).
func unseenCount(alpha float64) float64 {
	z := normalQuantile(1 - alpha/2)
	root := (math.Sqrt(z*z+4*math.Log(2/alpha)) - z) / 2
	return root * root
}

// reckonUnseen widens the interval of a gain to what a bound says of the samples with a few more that nobody saw: with a weight
// as is usual under the evaluated policy or with the least seen, and with the least or the most that a reward can be.
//
// A variance is that of what was seen. Where a loss is rare, and the decisions that the evaluated policy would make are rare
// in the log, it may well be that none of them met one: a difference then looks certain that rests on nothing.
// Moments of units are added whole units, of size samples each.
func (s *sums) reckonUnseen(i Interval, m *Moments, size float64, of seen, bound func(*Moments) Interval) Interval {
	g, ok := s.estimator.(gainOf)
	if _, slates := g.Estimator.(slateTerms); !ok || slates || math.IsNaN(of.heavy) {
		return i // Of slates, the terms are not those of one sample.
	}
	for _, w := range [2]float64{of.heavy, of.light} {
		for _, r := range [2]float64{of.rewards.Least, of.rewards.Most} {
			x := Sample{Reward: r, Propensity: 1 / max(w, 1), Target: w / max(w, 1), QLogged: of.model, QTarget: of.model}
			t := g.Terms(&x).times(size)
			with := bound(m.with(unseenCount(s.options.Alpha), t))
			i.Lower, i.Upper = min(i.Lower, with.Lower), max(i.Upper, with.Upper)
		}
	}
	// A difference within the error of its arithmetic is none.
	slack := rounding * max(math.Abs(of.rewards.Least-g.offset), math.Abs(of.rewards.Most-g.offset))
	return Interval{i.Lower - slack, i.Upper + slack, i.Method}
}

// rounding is the error of sums and their differences, relative to the largest reward.
const rounding = 1e-9

// with returns the moments with so many samples more, all of the same terms. The moments must be flushed.
func (m *Moments) with(count float64, t Terms) *Moments {
	out := &Moments{N: m.N, Mean: m.Mean, Co: m.Co, Least: m.Least, Most: m.Most}
	out.Merge(&Moments{N: count, Mean: t.vector(), Least: t.vector(), Most: t.vector()})
	return out
}
