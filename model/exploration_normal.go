package model

import "math"

// normalTable evaluates the standard normal distribution and its density by their Taylor series around the middles of
// cells, several times as fast as math.Erfc and math.Exp: within 2e-15 and 1e-12 of them.
type normalTable struct{ cells [][normalTerms]float64 }

const (
	normalRange = 7.5 // beyond, the distribution is taken to be 0 or 1; its tail has 3.2e-14
	normalCells = 32  // in a unit
	normalTerms = 8
)

func newNormalTable() *normalTable {
	// One cell more than needed: just below the range's end, z + normalRange rounds up to its whole length.
	t := &normalTable{make([][normalTerms]float64, 2*normalRange*normalCells+1)}
	for i := range t.cells {
		t.cells[i] = normalSeries((float64(i)+0.5)/normalCells - normalRange)
	}
	return t
}

// normalSeries returns the distribution's Taylor coefficients around z. The derivatives of the density are its products
// with Hermite polynomials: φ⁽ᵏ⁾(z) = -z·φ⁽ᵏ⁻¹⁾(z) - (k-1)·φ⁽ᵏ⁻²⁾(z).
func normalSeries(z float64) (c [normalTerms]float64) {
	density, before := math.Exp(-z*z/2)/math.Sqrt(2*math.Pi), 0.0
	c[0] = math.Erfc(-z/math.Sqrt2) / 2
	factorial := 1.0
	for k := 1; k < normalTerms; k++ {
		factorial *= float64(k)
		c[k] = density / factorial
		density, before = -float64(z*density)-float64(float64(k-1)*before), density
	}
	return c
}

// at returns the distribution and its density at z, which is no NaN.
func (t *normalTable) at(z float64) (distribution, density float64) {
	if z >= normalRange {
		return 1, 0
	}
	z = max(z, -normalRange)
	i := int((z + normalRange) * normalCells)
	d := z - ((float64(i)+0.5)/normalCells - normalRange)
	c := &t.cells[i]
	p, q := c[7], 7*c[7]
	p, q = c[6]+float64(p*d), 6*c[6]+float64(q*d)
	p, q = c[5]+float64(p*d), 5*c[5]+float64(q*d)
	p, q = c[4]+float64(p*d), 4*c[4]+float64(q*d)
	p, q = c[3]+float64(p*d), 3*c[3]+float64(q*d)
	p, q = c[2]+float64(p*d), 2*c[2]+float64(q*d)
	p, q = c[1]+float64(p*d), c[1]+float64(q*d)
	return c[0] + float64(p*d), q
}
