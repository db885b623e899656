package model

// total is the sum of settled and provisional statistics that a fit is over.
type total struct {
	l       *Linear
	p, q    int // dimensions of context and action terms, the intercept counted in both
	weight  float64
	reward  float64 // Σ r
	squares float64 // Σ r²
	ff, rf  []float64
	fz0     []float64 // Σ f
}

// forBlocks calls f for every block with an example, in order.
func (t *total) forBlocks(f func(number int, parts [2]*block)) {
	for number := range max(len(t.l.settled.blocks), len(t.l.provisional.blocks)) {
		parts := [2]*block{t.l.settled.block(number), t.l.provisional.block(number)}
		if parts[0] != nil || parts[1] != nil {
			f(number, parts)
		}
	}
}

// newTotal adds up what does not belong to blocks, and derives the scalings.
func newTotal(l *Linear) (*total, *scaling, *scaling) {
	context, action := l.context.View().Terms(), l.action.View().Terms()
	t := &total{l: l, p: len(context), q: len(action), squares: l.settled.rr + l.provisional.rr}
	first, second := make([]float64, t.p), make([]float64, t.p)
	t.ff, t.rf, t.fz0 = make([]float64, t.q*(t.q+1)/2), make([]float64, t.q), make([]float64, t.q)
	for _, s := range [2]*sums{&l.settled, &l.provisional} {
		addTo(t.ff, s.ff)
		addTo(t.rf, s.rf)
	}
	t.forBlocks(func(_ int, parts [2]*block) {
		for _, b := range parts {
			if b == nil {
				continue
			}
			t.reward += b.rz[0]
			for j, row := 0, 0; row < len(b.zz); j++ {
				first[j] += b.zz[row]
				second[j] += b.zz[row+j]
				row += j + 1
			}
			for j, row := range b.fz {
				if len(row) > 0 {
					t.fz0[j] += row[0]
				}
			}
		}
	})
	t.weight = first[0]
	fsecond := make([]float64, t.q)
	for j := range fsecond {
		fsecond[j] = t.ff[j*(j+1)/2+j]
	}
	t.fz0[0] = t.weight
	return t, newScaling(context, first, second), newScaling(action, t.fz0, fsecond)
}

// standardised returns a block's sums under the scalings: Σ z·zᵀ in full, Σ f·zᵀ by action term, Σ r·z.
func (t *total) standardised(parts [2]*block, context, action *scaling) (zz, fz, rz []float64) {
	p, q := t.p, t.q
	zz, fz, rz = make([]float64, p*p), make([]float64, q*p), make([]float64, p)
	for _, b := range parts {
		if b == nil {
			continue
		}
		addTo(rz, b.rz)
		for j, row := 0, 0; row < len(b.zz); j++ {
			addTo(zz[j*p:], b.zz[row:row+j+1])
			row += j + 1
		}
		for j, row := range b.fz {
			addTo(fz[j*p:], row)
		}
	}
	mirror(zz, p)
	context.rows(zz, p)
	context.columns(zz)
	context.columns(fz)
	context.vector(rz)
	if q > 1 {
		copy(fz[:p], zz[:p]) // the action terms' z₀ is the context's
		action.rows(fz, p)
	}
	return zz, fz, rz
}

// mirror copies the lower triangle of a square matrix to its upper one.
func mirror(m []float64, n int) {
	for i := range n {
		for j := range i {
			m[j*n+i] = m[i*n+j]
		}
	}
}
