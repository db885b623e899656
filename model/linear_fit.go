package model

import "errors"

// errSingular cannot happen to sums of finite examples: priors make every matrix positive definite.
var errSingular = errors.New("fit linear model: the sums are not those of any finite examples")

// blockFit is what a fit needs of one block under one scaling. It is immutable. With A = Λ + Σz·zᵀ over the block's
// standardised examples and Λ the prior precision of its own weights:
type blockFit struct {
	inverse []float64   // A⁻¹
	mean    []float64   // A⁻¹·Σr·z
	rz      []float64   // Σr·z
	rows    []int       // the action terms that occur, in order
	fz      [][]float64 // Σf·zᵀ by rows
	solved  [][]float64 // A⁻¹·Σz·f by rows
}

// fitCache keeps blocks' fits for as long as they are true.
type fitCache struct {
	context, action *scaling
	own             []float64   // the prior precision of an action's own weights
	blocks          []*blockFit // by number; nil must be made again, or has no example
}

func (c *fitCache) touch(number int) {
	if number < len(c.blocks) {
		c.blocks[number] = nil
	}
}

// fitBlock does what can be done for a block without the others.
func (t *total) fitBlock(parts [2]*block, c *fitCache) (*blockFit, error) {
	p, own := t.p, c.own
	zz, fz, rz := t.standardised(parts, c.context, c.action)
	for j := range p {
		zz[j*p+j] += own[j]
	}
	if !cholesky(zz, p) {
		return nil, errSingular
	}
	invert(zz, make([]float64, p*p), p)
	f := &blockFit{inverse: zz, rz: rz, mean: product(zz, rz)}
	for j := 1; j < t.q; j++ {
		if row := fz[j*p : j*p+p]; !zero(row) {
			f.rows = append(f.rows, j)
			f.fz = append(f.fz, row)
			f.solved = append(f.solved, product(zz, row))
		}
	}
	return f, nil
}

// own returns the prior precisions of an action's own weights over p terms.
func (l *Linear) own(p int) []float64 {
	own := make([]float64, p)
	for j := range own {
		own[j] = l.opts.OwnPrecision
	}
	own[0] = l.opts.OwnInterceptPrecision
	return own
}

// product returns m·v for a square m.
func product(m, v []float64) []float64 {
	n := len(v)
	w := make([]float64, n)
	for i := range w {
		w[i] = dot(m[i*n:i*n+n], v)
	}
	return w
}

func zero(v []float64) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// fit is the joint posterior over standardised terms, up to the noise variance.
type fit struct {
	context, action *scaling
	own             []float64
	blocks          []*blockFit
	factor          []float64 // Cholesky factor of the shared weights' precision, dimension p+q-1
	shared          []float64 // posterior mean of the shared weights: θ by context term, then φ by action term from 1
	noise           float64   // estimated noise variance
	weight          float64
	reward, squares float64 // Σ r, Σ r²
}

// sharedInterceptPrecision hardly penalises the shared intercept: it says that the default reward is a guess.
const sharedInterceptPrecision = 1e-3

// refit computes the joint posterior by block elimination: an action's own weights, given the shared ones, depend on its
// block alone, so that eliminating them leaves one system in the shared weights, to which each block adds
//
//	Σs·sᵀ − Bᵀ·A⁻¹·B    and    Σr·s − Bᵀ·A⁻¹·Σr·z    with s = (z, f), B = Σz·sᵀ, A = Λ + Σz·zᵀ.
//
// Because Σz·zᵀ = A − Λ, the part over context terms is Λ − Λ·A⁻¹·Λ and Λ·A⁻¹·Σr·z: no difference of large sums.
func (l *Linear) refit() (*fit, error) {
	t, context, action := newTotal(l)
	if !context.equal(l.cache.context) || !action.equal(l.cache.action) {
		l.cache = fitCache{context: context, action: action, own: l.own(t.p)}
	}
	s, err := l.eliminate(t)
	if err != nil {
		return nil, err
	}
	n := s.n
	if !cholesky(s.matrix, n) {
		return nil, errSingular
	}
	f := &fit{context: l.cache.context, action: l.cache.action, own: l.cache.own, factor: s.matrix, shared: s.right,
		weight: t.weight, reward: t.reward, squares: t.squares}
	solve(s.matrix, n, s.right)
	f.blocks = append(f.blocks, l.cache.blocks...)
	f.noise = f.residual(s) / max(t.weight, 1)
	return f, nil
}

// system is what elimination leaves: the shared weights' precision, in the lower triangle, and right side.
type system struct {
	n      int
	matrix []float64
	right  []float64
	rest   []float64 // Σ r·z of the examples without a block
	rf     []float64 // Σ r·f, standardised
}

func (l *Linear) eliminate(t *total) (*system, error) {
	p, n := t.p, t.p+t.q-1
	s := &system{n: n, matrix: make([]float64, n*n), right: make([]float64, n), rest: make([]float64, p)}
	for j := range n {
		s.matrix[j*n+j] = l.opts.SharedPrecision
		if j >= p {
			s.matrix[j*n+j] = l.opts.ActionPrecision
		}
	}
	s.matrix[0] = sharedInterceptPrecision
	s.addActionTerms(t, l.cache.action)
	var failed error
	t.forBlocks(func(number int, parts [2]*block) {
		if number == 0 {
			s.addRest(t, parts, &l.cache)
			return
		}
		for len(l.cache.blocks) <= number {
			l.cache.blocks = append(l.cache.blocks, nil)
		}
		if l.cache.blocks[number] == nil {
			b, err := t.fitBlock(parts, &l.cache)
			if err != nil {
				failed = err
				return
			}
			l.cache.blocks[number] = b
		}
		s.addBlock(l.cache.own, l.cache.blocks[number])
	})
	return s, failed
}

// addActionTerms adds Σf·fᵀ and Σr·f, standardised.
func (s *system) addActionTerms(t *total, action *scaling) {
	q, p, n := t.q, t.p, s.n
	ff := make([]float64, q*q)
	for j := range q {
		copy(ff[j*q:], t.ff[j*(j+1)/2:j*(j+1)/2+j+1])
		ff[j*q] = t.fz0[j]
	}
	mirror(ff, q)
	action.rows(ff, q)
	action.columns(ff)
	s.rf = append([]float64(nil), t.rf...)
	s.rf[0] = t.reward
	action.vector(s.rf)
	for i := 1; i < q; i++ {
		addTo(s.matrix[(p+i-1)*n+p:], ff[i*q+1:i*q+i+1])
		s.right[p+i-1] = s.rf[i]
	}
}

// addRest adds the examples of actions without a block of their own.
func (s *system) addRest(t *total, parts [2]*block, c *fitCache) {
	p, n := t.p, s.n
	zz, fz, rz := t.standardised(parts, c.context, c.action)
	for i := range p {
		addTo(s.matrix[i*n:], zz[i*p:i*p+i+1])
	}
	for j := 1; j < t.q; j++ {
		addTo(s.matrix[(p+j-1)*n:], fz[j*p:j*p+p])
	}
	addTo(s.right, rz)
	copy(s.rest, rz)
}

// addBlock adds what a block tells about the shared weights, its own eliminated.
func (s *system) addBlock(own []float64, b *blockFit) {
	n, p := s.n, len(own)
	for i := range p {
		row := s.matrix[i*n:]
		for j := range i + 1 {
			row[j] -= float64(float64(own[i]*own[j]) * b.inverse[i*p+j])
		}
		row[i] += own[i]
		s.right[i] += float64(own[i] * b.mean[i])
	}
	for k, i := range b.rows {
		row := s.matrix[(p+i-1)*n:]
		for j := range p {
			row[j] += float64(own[j] * b.solved[k][j])
		}
		for m, j := range b.rows[:k+1] {
			row[p+j-1] -= dot(b.fz[k], b.solved[m])
		}
		s.right[p+i-1] -= dot(b.fz[k], b.mean)
	}
}

// weightsOf returns the sum of shared and own weights of a block: A⁻¹·(Σr·z + Λ·θ − Σz·fᵀ·φ), the regression of its own
// examples with the shared weights as prior mean. Without a block they are the shared ones.
func (f *fit) weightsOf(b *blockFit) []float64 {
	p := len(f.context.info)
	if b == nil {
		return append([]float64(nil), f.shared[:p]...)
	}
	prior := make([]float64, p)
	for j := range prior {
		prior[j] = float64(f.own[j] * f.shared[j])
	}
	w := product(b.inverse, prior)
	addTo(w, b.mean)
	for k, j := range b.rows {
		axpy(w, -f.shared[p+j-1], b.solved[k])
	}
	return w
}
