package model

import (
	"crypto/sha256"
	"slices"
	"sync"
)

// posterior is what a block knows, up to the noise variance. Once lent it is immutable.
type posterior struct {
	covariance []float64 // packed
	scores     []float64 // the weights, and after them the diagonal of the covariance once more: all that a rough look reads
	weights    []float64 // the first half of scores
	diagonal   []float64 // the second
	columns    int       // of weights, the others are unused
	lent       bool
	digest     sync.Once
	hash       [sha256.Size]byte // of the numbers, once lent
}

// resize gives a posterior n columns of weights and diagonal. New ones are 0.
func (p *posterior) resize(n int) {
	scores := make([]float64, 2*n)
	copy(scores, p.weights)
	copy(scores[n:], p.diagonal)
	p.scores, p.weights, p.diagonal = scores, scores[:n:n], scores[n:]
}

func (p *posterior) clone() *posterior {
	c := &posterior{columns: p.columns, covariance: slices.Clone(p.covariance), weights: p.weights, diagonal: p.diagonal}
	c.resize(len(p.weights))
	return c
}

// mean returns the expected reward of row x, which may be shorter than the posterior: what it lacks is 0.
func (p *posterior) mean(x []float64) float64 {
	n := min(len(x), len(p.weights))
	return dot(x[:n], p.weights)
}

// variance returns the mean's variance in units of the noise variance.
func (p *posterior) variance(x []float64) float64 {
	n := min(len(x), len(p.weights))
	return max(0, packedQuadratic(p.covariance, x[:n]))
}

// roughVariance is the variance as if weights were independent, of a row with the given squares. It costs d instead of d².
func (p *posterior) roughVariance(squares []float64) float64 {
	n := min(len(squares), len(p.diagonal))
	return max(0, dot(squares[:n], p.diagonal))
}

// learn adds an example to a posterior that is not lent: it adds weight·x·xᵀ to A. u is scratch of the length of x.
func (p *posterior) learn(x, u []float64, reward, weight float64) {
	gain := p.follow(x, u, reward, weight, 1)
	packedScaleAdd(p.covariance, u, 1, -gain)
	p.copyDiagonal()
}

// learnForgetting replaces A by keep·A + weight·x·xᵀ. As the prior is forgotten too, it then adds precision to one column's
// prior, of mean 0. Each changes the covariance by a product of vectors, u·uᵀ and v·vᵀ: both are subtracted in one go.
// u and v are scratch of the length of x.
func (p *posterior) learnForgetting(x, u, v []float64, reward, weight, keep float64, column int, precision float64) {
	scale, gain := 1/keep, p.follow(x, u, reward, weight, keep)/keep
	packedColumn(v, p.covariance, column)
	for i := range v {
		v[i] = float64(scale*v[i]) - float64(float64(gain*u[max(i, column)])*u[min(i, column)])
	}
	restored := precision / (1 + float64(precision*v[column]))
	axpy(p.weights, -restored*p.weights[column], v)
	packedUpdate(p.covariance, scale, u, -gain, v, -restored)
	p.copyDiagonal()
}

// follow moves the weights to an example. It leaves the covariance before times x in u, of whose product with itself the
// covariance is to lose the returned multiple, before it is divided by keep.
func (p *posterior) follow(x, u []float64, reward, weight, keep float64) (gain float64) {
	packedProduct(u, p.covariance, x)
	gain = weight / (keep + float64(weight*dot(x, u)))
	axpy(p.weights, gain*(reward-dot(x, p.weights)), u)
	return gain
}

func (p *posterior) copyDiagonal() {
	at := 0
	for i := range p.diagonal {
		p.diagonal[i] = p.covariance[at+i]
		at += (i/block + 1) * block
	}
}
