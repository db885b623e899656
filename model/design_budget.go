package model

// When products are chosen, and priors set: after so many contexts. The second time takes in what came later.
const (
	firstChoice = 50
	lastChoice  = 500
)

// budget bounds what a design grows to. The time of a decision grows with the square of a row's length.
type budget struct {
	full    int  // columns of a row with all products
	chosen  int  // columns of a row with some products; terms alone may be more
	shared  int  // the same of a shared row
	actions int  // most actions of a decision, beyond which rows of their own have no products
	square  int  // most columns with all products, at the first choice, for tracked rows to have any
	tracked bool // tracked rows have products: decided with the first choice
	most    int  // columns of any row of actions' own: what there is memory for
}

// defaultBudget was set by time: see docs/learning.md.
func defaultBudget() budget {
	return budget{full: 156, chosen: 64, actions: 200, shared: 156, square: 64}
}

// Prior precisions, in units of the noise's: that of a term grows with the number of terms, so that what all of them
// together may explain stays the same; products are shrunk harder, and harder the more there are.
const (
	termsPerPrecision = 10
	leastPrecision    = 1
	mostPrecision     = 10
	productPrecision  = 2
)

// precision returns the prior precision of a column under the present number of columns.
func (b *budget) precision(c column, d *design, k rowKind) float64 {
	terms := d.terms(k)
	p := min(max(float64(terms)/termsPerPrecision, leastPrecision), mostPrecision)
	if !c.pair {
		return p
	}
	products := len(d.pairsOf[index(c.action)])
	return productPrecision * p * max(1, float64(products)/float64(max(terms, 1)))
}

// terms returns how many columns of a row are terms.
func (d *design) terms(k rowKind) int {
	n := len(d.rows[k].columns)
	switch {
	case k == fullRow, k == trackedRow && d.budget.tracked:
		return n - len(d.pairsOf[contextTerms])
	case k == sharedRow:
		return n - len(d.pairsOf[actionTerms])
	}
	return n
}

// reprior sets every precision anew. Users of the rows make their posteriors again.
func (d *design) reprior() {
	for k := range d.rows {
		precision := make([]float64, len(d.rows[k].columns))
		for i, c := range d.rows[k].columns {
			precision[i] = d.budget.precision(d.columns[c], d, rowKind(k))
		}
		d.precision[k] = precision
	}
	d.repriored = true
}
