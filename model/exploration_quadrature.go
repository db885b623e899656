package model

import "math"

// The rules of the quadrature, found by trial: TestThompsonBySymmetry sees the error.
const (
	panelNodes = 16
	// A panel is at most widest of the least deviation of the actions whose densities reach it, and front of the scale on
	// which the highest of k draws is distributed, 1/√(2·ln k) of a deviation: each factor of the integrand is smooth
	// on the first, the product of all of them on the second.
	widest   = 3.5
	front    = 6.0
	unlikely = 1e-10 // at either end this much of the highest draw's distribution is left out
)

// grid is where panels are laid: from low to high.
//
// Below low = max(mean - 7.5·deviation) the highest draw lies with probability Φ(-7.5) at most, so every rival's range of
// ±7.5 deviations reaches low, and one that reaches x has a deviation of at least (x - low)/15: panels grow with the
// distance from low, and their number with the logarithm of the ratio of deviations, whatever the number of actions.
type grid struct {
	low, high float64
	width     float64 // of a panel, in deviations
}

// newGrid returns the range of a quadrature over rivals with deviations, above the highest fixed draw.
func newGrid(rs []rival, fixed float64) grid {
	g := grid{low: fixed, high: math.Inf(-1), width: widest}
	if len(rs) > 1 {
		g.width = min(widest, front/math.Sqrt(2*math.Log(float64(len(rs)))))
	}
	for i := range rs {
		g.low = max(g.low, rs[i].mean-float64(normalRange*rs[i].deviation))
		g.high = max(g.high, rs[i].mean+float64(normalRange*rs[i].deviation))
	}
	return g
}

// step returns the length of a panel that the densities of these rivals reach.
func (g grid) step(rs []rival) float64 {
	least := math.Inf(1)
	for i := range rs {
		least = min(least, rs[i].deviation)
	}
	return g.width * least
}

// integrate adds the rivals' probabilities, panel by panel, where the highest draw is neither unlikely to be below nor
// above. Rivals that a panel is beyond the reach of are done with.
func (t *thompson) integrate(rs []rival, g grid) {
	below := 0.0
	for from := g.low; from < g.high && below < 1-unlikely; {
		rs = rs[:partition(rs, func(r *rival) bool { return r.mean+float64(normalRange*r.deviation) > from })]
		to := min(from+g.step(rs), g.high)
		if below = t.allBelow(rs, to); below > 0 {
			t.panel(rs, from, to-from)
		}
		from = to
	}
}

// panel adds one panel's part of every rival's integral. All distributions are positive from grid.low on, so each
// integrand is the product of all of them times one ratio.
func (t *thompson) panel(rs []rival, from, length float64) {
	for k := range t.at {
		x := from + float64(t.at[k]*length)
		all := t.weight[k] * length
		for i := range rs {
			r := &rs[i]
			distribution, density := t.normal.at((x - r.mean) * r.sharpness)
			r.ratio = density / distribution
			all *= distribution
		}
		for i := range rs {
			rs[i].probability += float64(all*rs[i].sharpness) * rs[i].ratio
		}
	}
}

// allBelow returns the probability that every draw is below x, 0 where it is unlikely.
func (t *thompson) allBelow(rs []rival, x float64) float64 {
	all := 1.0
	for i := range rs {
		distribution, _ := t.normal.at((x - rs[i].mean) * rs[i].sharpness)
		if all *= distribution; all < unlikely {
			return 0
		}
	}
	return all
}
