package model

import "github.com/nextbest/nextbest/features"

// designView is a design at one moment: immutable, and safe for concurrent use.
type designView struct {
	columns     []column
	index       [2][]int32 // column by context term, by action term
	pairs       [2][]int32
	rows        [rowKinds]layout
	mean, scale [2][]float64
	varies      bool // there are action terms
}

// view fills v with the present state: its shape, and the moments, which are copied into v's own memory.
func (d *design) view(v *designView) {
	d.shape(v)
	for of, ms := range d.moments {
		v.mean[of], v.scale[of] = v.mean[of][:0], v.scale[of][:0]
		for i := range ms {
			v.mean[of], v.scale[of] = append(v.mean[of], ms[i].mean), append(v.scale[of], ms[i].scale)
		}
	}
}

// shape fills v with all that rows of standardised terms need. It shares the design's memory, which is only ever appended
// to.
func (d *design) shape(v *designView) {
	v.columns = d.columns[:len(d.columns):len(d.columns)]
	v.index = [2][]int32{d.context[:len(d.context):len(d.context)], d.action[:len(d.action):len(d.action)]}
	for i, p := range d.pairsOf {
		v.pairs[i] = p[:len(p):len(p)]
	}
	for k, l := range d.rows {
		v.rows[k] = layout{columns: l.columns[:len(l.columns):len(l.columns)], varying: l.varying[:len(l.varying):len(l.varying)]}
	}
	v.varies = len(d.action) > 1
}

// standardise replaces numbers by standardised ones, in place.
func (v *designView) standardise(of int, terms []features.Term) {
	for i := range terms {
		t := &terms[i]
		if c := v.index[of][t.Index]; c != noColumn && v.columns[c].numeric {
			t.Value = standardised(t.Value, v.mean[of][t.Index], v.scale[of][t.Index])
		}
	}
}

// recentTerms are the leading columns of tracked rows: how much better than expected recent events turned out, of the
// action and of all, each over about the last 2 and the last 16 settled events.
const recentTerms = 4

// recent are their values.
type recent = [recentTerms]float64

// rows are the rows of one decision's context with one action at a time. They are scratch memory.
type rows struct {
	view   *designView
	values []float64 // by column
	width  int       // of the columns, those from here on are 0
	x      [rowKinds][]float64
	square [rowKinds][]float64 // of x, once squared is called
}

// setContext makes rows of standardised context terms, of which those columns count that there were width of.
func (r *rows) setContext(v *designView, terms []features.Term, width int) {
	r.view, r.width = v, min(width, len(v.columns))
	r.values = resized(r.values, len(v.columns))
	clear(r.values)
	for _, t := range terms {
		r.values[v.index[contextTerms][t.Index]] += t.Value
	}
	r.multiply(contextTerms)
	for k := range r.x {
		lead, columns := rowKind(k).lead(), v.rows[k].columns
		r.x[k] = resized(r.x[k], padded(lead+len(columns)))
		x := r.x[k][lead:]
		for i, c := range columns {
			x[i] = r.values[c]
		}
		clear(x[len(columns):])
	}
}

// setAction makes rows of the same context with an action's standardised terms.
func (r *rows) setAction(terms []features.Term) {
	if !r.view.varies {
		return
	}
	for _, c := range r.view.index[actionTerms] {
		if c != noColumn {
			r.values[c] = 0
		}
	}
	for _, t := range terms {
		if c := r.view.index[actionTerms][t.Index]; c != noColumn {
			r.values[c] += t.Value
		}
	}
	r.multiply(actionTerms)
	for k := range r.x {
		x, l := r.x[k][rowKind(k).lead():], &r.view.rows[k]
		for _, i := range l.varying {
			x[i] = r.values[l.columns[i]]
		}
	}
}

// multiply sets the products of context columns, or those with an action column. A square is centred, and scaled to a
// deviation of about 1 for a normal number.
func (r *rows) multiply(of int) {
	const toUnit = 0.7
	for _, p := range r.view.pairs[of] {
		c := &r.view.columns[p]
		switch {
		case int(p) >= r.width:
			r.values[p] = 0
		case c.a == c.b:
			r.values[p] = toUnit * (float64(r.values[c.a]*r.values[c.a]) - 1)
		default:
			r.values[p] = r.values[c.a] * r.values[c.b]
		}
	}
}

// setRecent sets the leading columns of tracked rows.
func (r *rows) setRecent(v recent) {
	copy(r.x[trackedRow], v[:])
	if square := r.square[trackedRow]; len(square) > 0 {
		for i := range v {
			square[i] = v[i] * v[i]
		}
	}
}

// squared brings the squares up to the rows.
func (r *rows) squared() {
	for k, x := range r.x {
		r.square[k] = resized(r.square[k], len(x))
		for i, v := range x {
			r.square[k][i] = v * v
		}
	}
}

// lead returns how many columns rows of the kind begin with that are not a design's.
func (k rowKind) lead() int {
	if k == trackedRow {
		return recentTerms
	}
	return 0
}

// resized returns x with length n, its contents undefined.
func resized[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n, n+n/4)
	}
	return x[:n]
}
