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

// learn adds an example to a posterior that is not lent: it replaces A by keep·A + weight·x·xᵀ. u is scratch of the
// length of x and is left as the covariance before times x.
func (p *posterior) learn(x, u []float64, reward, weight, keep float64) {
	packedProduct(u, p.covariance, x)
	gain := weight / (keep + float64(weight*dot(x, u)))
	axpy(p.weights, gain*(reward-dot(x, p.weights)), u)
	if keep == 1 {
		packedAdd(p.covariance, u, -gain)
	} else {
		packedScaleAdd(p.covariance, u, 1/keep, -gain/keep)
	}
	p.copyDiagonal()
}

// tighten adds precision to one column's prior, of mean 0.
func (p *posterior) tighten(column int, precision float64, u []float64) {
	for i := range u {
		u[i] = packedAt(p.covariance, i, column)
	}
	gain := precision / (1 + float64(precision*u[column]))
	axpy(p.weights, -gain*p.weights[column], u)
	packedAdd(p.covariance, u, -gain)
	p.copyDiagonal()
}

func (p *posterior) copyDiagonal() {
	for i := range p.diagonal {
		p.diagonal[i] = p.covariance[packedStart(i)+i]
	}
}
