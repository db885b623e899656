package model

import "math"

// kriging predicts one user's rewards from the evidence and the population (universal kriging: Cressie, Statistics for
// Spatial Data, 1993, 3.4; in other words the best linear unbiased prediction of a mixed model: Robinson, That BLUP is a
// good thing, 1991). With ȳ the mean rewards of the hours that were tried, N their weights, K the covariance of what
// users differ by, and everything in units of the noise variance, an hour t has the weights a = (K + N⁻¹)⁻¹·k(t), and
//
//	mean      μ(t) + a·(ȳ − μ)
//	variance  k(t,t) − a·k(t) + z·Σ·z,   z = x(t) − a
//
// where μ is what the population does, known up to the covariance Σ.
type kriging struct {
	habit  *habit
	tried  int                    // cells with evidence
	cell   [sendCells]int         // their numbers
	mean   [sendCells]float64     // their ȳ
	factor [triangleCells]float64 // Cholesky's, of K + N⁻¹ over them
}

const triangleCells = sendCells * (sendCells + 1) / 2

// set prepares for one user, whose rewards it takes less the default.
func (k *kriging) set(h *habit, e *UserEvidence, defaultReward float64) {
	k.habit, k.tried = h, 0
	for i := range e.cells {
		c := &e.cells[i]
		if !(c.weight > evidenceTrace) {
			continue
		}
		k.cell[k.tried], k.mean[k.tried] = i, c.reward/c.weight-defaultReward
		row := k.factor[triangle(k.tried):]
		for j := range k.tried {
			row[j] = h.at(i, k.cell[j])
		}
		row[k.tried] = h.at(i, i) + 1/c.weight
		k.tried++
	}
	choleskyOf(k.factor[:], k.tried)
}

// contrast is how an hour is compared with the evidence.
type contrast struct {
	weights  [sendCells]float64 // a, by number of the tried cell
	z        [sendCells]float64 // x(t) − a, by cell
	variance float64            // k(t,t) − a·k(t), in units of the noise variance
}

// at compares a time.
func (k *kriging) at(t between, c *contrast) {
	*c = contrast{}
	var with [sendCells]float64
	for i := range k.tried {
		with[i] = k.covariance(t, k.cell[i])
	}
	copy(c.weights[:k.tried], with[:k.tried])
	choleskySolve(k.factor[:], c.weights[:k.tried])
	for i, cell := range t.cell {
		c.variance += float64(t.share[i] * k.covariance(t, cell))
		c.z[cell] += t.share[i]
	}
	for i, a := range c.weights[:k.tried] {
		c.variance -= float64(a * with[i])
		c.z[k.cell[i]] -= a
	}
	c.variance = max(c.variance, 0)
}

// covariance of a time and a cell.
func (k *kriging) covariance(t between, cell int) float64 {
	c := float64(t.share[0] * k.habit.at(t.cell[0], cell))
	if t.share[1] > 0 {
		c += float64(t.share[1] * k.habit.at(t.cell[1], cell))
	}
	return c
}

// evidence returns a·ȳ.
func (k *kriging) evidence(c *contrast) float64 {
	sum := 0.0
	for i, a := range c.weights[:k.tried] {
		sum += float64(a * k.mean[i])
	}
	return sum
}

// triangle returns where row i of a lower triangle begins.
func triangle(i int) int { return i * (i + 1) / 2 }

// choleskyOf replaces the lower triangle of a positive definite matrix of dimension n by its Cholesky factor. It reports
// whether it could: not of what rounding or other numbers than sums have made singular.
func choleskyOf(a []float64, n int) bool {
	for i := range n {
		row := a[triangle(i) : triangle(i)+i+1]
		for j := range i {
			other := a[triangle(j) : triangle(j)+j+1]
			row[j] = (row[j] - dotOf(row[:j], other[:j])) / other[j]
		}
		d := row[i] - dotOf(row[:i], row[:i])
		if !(d > 0) || math.IsInf(d, 0) {
			return false
		}
		row[i] = math.Sqrt(d)
	}
	return true
}

// choleskySolve replaces v by the solution of a system whose matrix has the factor f.
func choleskySolve(f, v []float64) {
	for i := range v {
		row := f[triangle(i) : triangle(i)+i+1]
		v[i] = (v[i] - dotOf(row[:i], v[:i])) / row[i]
	}
	for i := len(v) - 1; i >= 0; i-- {
		v[i] /= f[triangle(i)+i]
		for j, x := range f[triangle(i) : triangle(i)+i] {
			v[j] -= float64(x * v[i])
		}
	}
}

// choleskyInverse replaces the lower triangle of a positive definite matrix by that of its inverse.
func choleskyInverse(a []float64, n int) bool {
	f := append([]float64(nil), a[:triangle(n)]...)
	if !choleskyOf(f, n) {
		return false
	}
	column := make([]float64, n)
	for j := range n {
		clear(column)
		column[j] = 1
		choleskySolve(f, column)
		for i := j; i < n; i++ {
			a[triangle(i)+j] = column[i]
		}
	}
	return true
}

// dotOf is the product of short vectors, term by term.
func dotOf(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}
