package model

import (
	"slices"

	"github.com/nextbest/nextbest/features"
)

// together are the sums of products of raw context terms, from which products are chosen.
type together struct {
	n   float64
	sum []float64
	xx  []float64 // packed
}

func (t *together) add(terms []features.Term) {
	t.n++
	for _, a := range terms {
		t.sum = grow(t.sum, int(a.Index)+1)
		t.sum[a.Index] += a.Value
		t.xx = grow(t.xx, packedSize(int(a.Index)+1))
		row := packedRow(t.xx, int(a.Index))
		for _, b := range terms {
			if b.Index <= a.Index {
				row[b.Index] += float64(a.Value * b.Value)
			}
		}
	}
}

func (t *together) grow(n int) {
	t.sum = grow(t.sum, n)
	t.xx = grow(t.xx, packedSize(n))
}

// covariance returns that of standardised terms, in full, of dimension n. The intercept's is 0.
func (t *together) covariance(d *design, n int) []float64 {
	c := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			v := packedRow(t.xx, i)[j]/t.n - float64(t.sum[i]/t.n*(t.sum[j]/t.n))
			v *= d.scaleOf(i) * d.scaleOf(j)
			c[i*n+j], c[j*n+i] = v, v
		}
	}
	return c
}

func (d *design) scaleOf(term int) float64 {
	if !d.columns[d.context[term]].numeric {
		return 1
	}
	return d.moments[contextTerms][term].scale
}

// spanning orders the context terms so that each explains the most of what those before it leave unexplained: the pivots
// of a Cholesky factorisation (Higham 1990). Terms that explain nothing come last, in their own order.
func spanning(covariance []float64, n int) []int {
	const negligible = 1e-6
	order, used := make([]int, 0, n), make([]bool, n)
	for {
		pivot := -1
		for j := 1; j < n; j++ { // not the intercept
			if !used[j] && covariance[j*n+j] > negligible && (pivot < 0 || covariance[j*n+j] > covariance[pivot*n+pivot]) {
				pivot = j
			}
		}
		if pivot < 0 {
			break
		}
		order, used[pivot] = append(order, pivot), true
		eliminate(covariance, n, pivot)
	}
	for j := 1; j < n; j++ {
		if !used[j] {
			order = append(order, j)
		}
	}
	return order
}

// eliminate takes what a variable explains out of a covariance.
func eliminate(c []float64, n, pivot int) {
	row := slices.Clone(c[pivot*n : pivot*n+n])
	for i := range n {
		axpy(c[i*n:i*n+n], -row[i]/row[pivot], row)
	}
}

// choose adds products of context terms to full rows, and of context with action terms to shared rows, while they fit.
// Which pairs come first says spanning: with few columns they cover most of what the terms can say together.
func (d *design) choose() {
	n := len(d.context)
	d.together.grow(n)
	order := spanning(d.together.covariance(d, n), n)
	have := d.pairs()
	room := d.room(n)
	d.budget.tracked = d.budget.tracked || d.observed == firstChoice && d.possible(n) <= d.budget.square
	for i, a := range order {
		for _, b := range order[:i+1] {
			if len(d.rows[fullRow].columns) >= room {
				break
			}
			d.addProduct(have, d.context[a], d.context[b], d.never(a, b))
		}
	}
	for _, a := range d.action {
		for _, b := range order {
			if len(d.rows[sharedRow].columns) < d.budget.shared && a != noColumn {
				d.addProduct(have, a, d.context[b], false)
			}
		}
	}
	if d.observed == lastChoice {
		d.together = together{}
	}
}

// room returns how many columns a full row may have: all products where they fit, else some, and none where so many
// actions have to share the examples and the memory.
func (d *design) room(terms int) int {
	switch {
	case d.candidates > d.budget.actions:
		return 0
	case d.possible(terms) <= d.budget.full:
		return min(d.budget.full, d.budget.most)
	}
	return min(d.budget.chosen, d.budget.most)
}

// possible is how many columns a row with all products would have.
func (d *design) possible(terms int) int {
	return len(d.rows[linearRow].columns) + terms*(terms-1)/2
}

// never reports that two terms were never seen together, as two texts of one feature.
func (d *design) never(a, b int) bool {
	return packedRow(d.together.xx, max(a, b))[min(a, b)] == 0 && !d.columns[d.context[a]].numeric && !d.columns[d.context[b]].numeric
}

// pairs returns the products there are.
func (d *design) pairs() map[[2]int32]bool {
	have := make(map[[2]int32]bool)
	for _, c := range d.columns {
		if c.pair {
			have[[2]int32{c.a, c.b}] = true
		}
	}
	return have
}

func (d *design) addProduct(have map[[2]int32]bool, a, b int32, never bool) {
	a, b = max(a, b), min(a, b)
	square := a == b
	if never || have[[2]int32{a, b}] || square && !d.columns[a].numeric {
		return
	}
	have[[2]int32{a, b}] = true
	action := d.columns[a].action || d.columns[b].action
	d.addColumn(column{pair: true, action: action, a: a, b: b})
}
