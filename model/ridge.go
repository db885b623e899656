package model

import (
	"errors"
	"math"
)

// errSingular cannot happen to sums of finite examples: priors make every matrix positive definite.
var errSingular = errors.New("fit ridge regression: the sums are not those of any finite examples")

// ridge is Bayesian linear regression with a Gaussian prior, a block of weights for each action or one for all: with
// rows x, rewards r relative to the default reward, and Λ the prior's precision in units of the noise's,
//
//	A = Σ x·xᵀ    b = Σ r·x    weights (A + Λ)⁻¹·b    covariance (A + Λ)⁻¹, times the noise variance
//
// (Bishop, Pattern Recognition and Machine Learning, 3.3). The sums are the state: they add, and what was added can be
// taken out again. The posterior of what is settled follows them with each example (Sherman and Morrison 1950; recursive
// least squares) at a cost of d², and is made from them again every so often.
//
// With keep below 1 a block forgets: each of its settled examples first multiplies what is there by keep, which is
// least squares weighted by keep^age. The prior is not forgotten.
type ridge struct {
	keep      float64
	precision []float64 // Λ, diagonal, by column, padded with ones to a multiple of block
	columns   int       // of precision, the others are unused
	blocks    []*ridgeBlock
	present   knowledge
	stale     []int // numbers of blocks that present does not show as they are
	scratch   []float64
}

// ridgeBlock is the state of one block of weights.
type ridgeBlock struct {
	settled, open gram
	updates       uint32 // settled examples since the posterior was made from the sums
	turn          uint32 // the column whose prior is restored next, where old examples are forgotten
	posterior     *posterior
	total         *posterior // with the provisional examples; nil until it is asked for
	stale         bool       // the ridge's present does not show it as it is
}

// gram are the sums of a set of examples.
type gram struct {
	examples int64
	xx       []float64 // packed
	xr       []float64
}

func (g *gram) add(x []float64, reward, weight, keep float64) {
	if weight < 0 {
		g.examples--
	} else {
		g.examples++
	}
	g.grow(len(x))
	if keep != 1 {
		packedScaleAdd(g.xx, x, keep, weight)
		scaleAdd(g.xr, keep, float64(weight*reward), x)
		return
	}
	packedAdd(g.xx, x, weight)
	axpy(g.xr, float64(weight*reward), x)
}

func (g *gram) grow(n int) {
	g.xx = grow(g.xx, packedSize(n))
	g.xr = grow(g.xr, n)
}

// plus adds another set's sums.
func (g *gram) plus(o *gram) {
	g.examples += o.examples
	g.grow(len(o.xr))
	addTo(g.xx, o.xx)
	addTo(g.xr, o.xr)
}

// remakeEvery bounds how long rounding errors build up before a posterior is made from its sums again.
const (
	remakeEvery           = 4096
	remakeEveryForgetting = 256 // The prior is restored in turns, which is not exact.
)

// newPosterior is the prior.
func (r *ridge) newPosterior() *posterior {
	p := &posterior{}
	r.extend(p)
	return p
}

// extend adds the columns that the ridge has and the posterior has not.
func (r *ridge) extend(p *posterior) {
	if p.columns == r.columns {
		return
	}
	n := len(r.precision)
	p.covariance = grow(p.covariance, packedSize(n))
	if len(p.weights) < n {
		p.resize(n)
	}
	for i := p.columns; i < n; i++ {
		p.diagonal[i] = 1 / r.precision[i]
		p.covariance[packedStart(i)+i] = p.diagonal[i]
	}
	p.columns = r.columns
}

// block returns the numbered block for writing.
func (r *ridge) block(number int) *ridgeBlock {
	for len(r.blocks) <= number {
		r.blocks = append(r.blocks, nil)
	}
	if r.blocks[number] == nil {
		r.blocks[number] = &ridgeBlock{posterior: r.newPosterior()}
	}
	return r.blocks[number]
}

// known returns the numbered block, or nil when it has no example.
func (r *ridge) known(number int) *ridgeBlock {
	if number < len(r.blocks) {
		return r.blocks[number]
	}
	return nil
}

// settle learns an example for good. x and u have the length of r.precision.
func (r *ridge) settle(number int, x, u []float64, reward, weight float64) error {
	b := r.block(number)
	r.changed(number)
	b.settled.add(x, reward, weight, r.keep)
	b.updates++
	limit := uint32(remakeEvery)
	if r.keep < 1 {
		limit = remakeEveryForgetting
	}
	if b.updates >= limit || weight < 0 {
		return r.remake(b)
	}
	b.unlend()
	r.extend(b.posterior)
	if r.keep < 1 {
		r.learnForgetting(b, x, u, reward, weight)
	} else {
		b.posterior.learn(x, u, reward, weight)
	}
	return nil
}

// unlend gives the block a posterior that may be written.
func (b *ridgeBlock) unlend() {
	if b.posterior.lent {
		b.posterior = b.posterior.clone()
	}
}

// learnForgetting gives one column back as much of its prior as all columns lose in a turn.
func (r *ridge) learnForgetting(b *ridgeBlock, x, u []float64, reward, weight float64) {
	d := r.columns
	column := int(b.turn) % d
	b.turn++
	r.scratch = resized(r.scratch, len(x))
	b.posterior.learnForgetting(x, u, r.scratch, reward, weight, r.keep, column, (1-r.keep)*float64(d)*r.precision[column])
}

// provisional adds an example that is taken out again by the same call with the negative weight.
func (r *ridge) provisional(number int, x []float64, reward, weight float64) {
	b := r.block(number)
	r.changed(number)
	b.open.add(x, reward, weight, 1)
	if b.open.examples == 0 {
		b.open = gram{}
	}
}

// clearProvisional forgets what is provisional, to the last bit.
func (r *ridge) clearProvisional() {
	for number, b := range r.blocks {
		if b != nil && (b.open.examples != 0 || b.open.xx != nil) {
			b.open = gram{}
			r.changed(number)
		}
	}
}

// remake makes a block's posterior from its sums.
func (r *ridge) remake(b *ridgeBlock) error {
	p, err := r.fit(&b.settled)
	if err != nil {
		return err
	}
	b.posterior, b.total, b.updates, b.turn = p, nil, 0, 0
	return nil
}

func (r *ridge) setPrior(precision []float64, columns int) {
	r.precision, r.columns = precision, columns
	r.forgetPresent()
}

// reprior puts another prior in force.
func (r *ridge) reprior(precision []float64, columns int) error {
	r.setPrior(precision, columns)
	for number, b := range r.blocks {
		if b == nil {
			continue
		}
		r.changed(number)
		if err := r.remake(b); err != nil {
			return err
		}
	}
	return nil
}

// forget keeps a share of what every block has settled.
func (r *ridge) forget(keep float64) error {
	for number, b := range r.blocks {
		if b == nil {
			continue
		}
		r.changed(number)
		for _, v := range [][]float64{b.settled.xx, b.settled.xr} {
			for i := range v {
				v[i] *= keep
			}
		}
		if err := r.remake(b); err != nil {
			return err
		}
	}
	return nil
}

// fit returns the posterior of sums.
func (r *ridge) fit(g *gram) (*posterior, error) {
	d := len(r.precision)
	g.grow(d)
	covariance, ok := packedInverse(g.xx, r.precision)
	if !ok {
		return nil, errSingular
	}
	p := &posterior{columns: r.columns, covariance: covariance}
	p.resize(d)
	packedProduct(p.weights, covariance, g.xr)
	p.copyDiagonal()
	for _, w := range p.weights {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return nil, errSingular
		}
	}
	return p, nil
}

// current returns what a block knows from all its examples, provisional ones too.
func (r *ridge) current(b *ridgeBlock) (*posterior, error) {
	if b.open.examples == 0 {
		return b.posterior, nil
	}
	if b.total == nil || b.total.columns != r.columns { // The same sums and columns, the same bits.
		all := gram{xx: append([]float64(nil), b.settled.xx...), xr: append([]float64(nil), b.settled.xr...)}
		all.plus(&b.open)
		p, err := r.fit(&all)
		if err != nil {
			return nil, err
		}
		b.total = p
	}
	return b.total, nil
}

// merge adds the sums of another ridge over the same columns.
func (r *ridge) merge(o *ridge) error {
	for number, from := range o.blocks {
		if from == nil {
			continue
		}
		to := r.block(number)
		r.changed(number)
		to.settled.plus(&from.settled)
		to.open.plus(&from.open)
		if err := r.remake(to); err != nil {
			return err
		}
	}
	return nil
}
