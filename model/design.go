package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// design turns encoded terms into the rows that regressions learn from: it standardises numbers by the moments seen so
// far, chooses products of pairs of terms while they fit a budget, and lays columns out for each kind of row. Columns are
// only ever added, so that a row that was made once stays valid as the beginning of later ones.
//
//	column   a term of the context or of the action, or the product of two columns
//	row      the values of one kind's columns, in the order in which the columns came to be
type design struct {
	budget     budget
	columns    []column
	context    []int32 // column by context term
	action     []int32 // column by action term
	moments    [2][]moment
	rows       [rowKinds]layout
	observed   uint64     // contexts
	candidates int        // most actions of a decision, as far as products depend on it
	together   together   // moments of pairs of context terms, until the last choice of products
	pairsOf    [2][]int32 // columns that are products of context columns, and those with an action column
	precision  [rowKinds][]float64
	repriored  bool // precisions changed since the rows' users were told
}

// column is one coordinate.
type column struct {
	numeric bool
	action  bool  // its value depends on the action
	pair    bool  // the product of columns a and b; otherwise a term
	a, b    int32 // of a term: a is the term's index
}

// rowKind says which columns a row has.
type rowKind int

const (
	linearRow  rowKind = iota // terms of the context, and numbers of the action: they may change while its texts stay
	fullRow                   // and products of context terms
	trackedRow                // the same where they are few, to follow changes: each such model costs as much again
	sharedRow                 // all terms, and products of context with action terms, for what actions have in common
	rowKinds
)

// ownNumbers bounds which of an action's terms may be numbers in rows that its own weights are for: those among its first.
// More are an embedding, which does not change.
const ownNumbers = 16

// has reports whether rows of the kind have the column. tracked says whether tracked rows have products.
func (k rowKind) has(c column, tracked bool) bool {
	switch {
	case !c.pair && c.action:
		return k == sharedRow || c.numeric && c.a <= ownNumbers
	case !c.pair:
		return true
	case c.action:
		return k == sharedRow
	default:
		return k == fullRow || k == trackedRow && tracked
	}
}

// layout lists the columns of one kind of row, in order.
type layout struct {
	columns []int32
	varying []int32 // positions in columns of those that depend on the action
}

// moment is the running mean and sum of squared deviations of a number (Welford 1962).
type moment struct {
	n, mean, squares float64
	scale            float64 // 1/deviation, or 0 for a number that never differed: what follows from the others
}

func (m *moment) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.squares += float64(d * (x - m.mean))
	m.rescale()
}

func (m *moment) rescale() {
	m.scale = 0
	if m.n < 2 || !(m.squares > 0) {
		return
	}
	if s := 1 / math.Sqrt(m.squares/m.n); !math.IsInf(s, 0) && !math.IsNaN(s) {
		m.scale = s
	}
}

// maxDeviations bounds a standardised number: a value from far outside must not decide everything.
const maxDeviations = 4

// standardised returns x in deviations from the mean.
func standardised(x, mean, scale float64) float64 {
	return min(max((x-mean)*scale, -maxDeviations), maxDeviations)
}

const (
	contextTerms = 0
	actionTerms  = 1
)

// addTerms gives new terms their columns.
func (d *design) addTerms(of int, terms []features.TermInfo) {
	index := &d.context
	if of == actionTerms {
		index = &d.action
	}
	for len(*index) < len(terms) {
		term := len(*index)
		d.moments[of] = append(d.moments[of], moment{})
		*index = append(*index, d.addColumn(column{numeric: terms[term].Numeric, action: of == actionTerms, a: int32(term)}))
	}
}

// index is contextTerms for false and actionTerms for true.
func index(action bool) int {
	if action {
		return actionTerms
	}
	return contextTerms
}

// noColumn marks the action's term 0, which stands for nothing.
const noColumn = int32(-1)

func (d *design) addColumn(c column) int32 {
	if c.action && !c.pair && c.a == 0 {
		return noColumn
	}
	number := int32(len(d.columns))
	d.columns = append(d.columns, c)
	if c.pair {
		d.pairsOf[index(c.action)] = append(d.pairsOf[index(c.action)], number)
	}
	for k := range d.rows {
		if !rowKind(k).has(c, d.budget.tracked) {
			continue
		}
		l := &d.rows[k]
		if c.action {
			l.varying = append(l.varying, int32(len(l.columns)))
		}
		l.columns = append(l.columns, number)
		d.precision[k] = append(d.precision[k], d.budget.precision(c, d, rowKind(k)))
	}
	return number
}

// observe takes in the context of one decision: its moments, and its part in the choice of products.
func (d *design) observe(terms []features.TermInfo, context []features.Term, candidates int) {
	d.addTerms(contextTerms, terms)
	d.candidates = max(d.candidates, candidates)
	d.addMoments(contextTerms, context)
	d.observed++
	if d.observed <= lastChoice {
		d.together.add(context)
	}
	if d.observed == firstChoice || d.observed == lastChoice {
		d.choose()
	}
	switch d.observed {
	case 1, firstChoice, lastChoice:
		d.reprior()
	}
}

func (d *design) addMoments(of int, terms []features.Term) {
	index := d.context
	if of == actionTerms {
		index = d.action
	}
	for _, t := range terms {
		if c := index[t.Index]; c != noColumn && d.columns[c].numeric {
			d.moments[of][t.Index].add(t.Value)
		}
	}
}

// standardise replaces numbers by standardised ones, in place. Its result is what examples keep.
func (d *design) standardise(of int, terms []features.Term) {
	index := d.context
	if of == actionTerms {
		index = d.action
	}
	for i := range terms {
		t := &terms[i]
		if c := index[t.Index]; c != noColumn && d.columns[c].numeric {
			m := &d.moments[of][t.Index]
			t.Value = standardised(t.Value, m.mean, m.scale)
		}
	}
}
