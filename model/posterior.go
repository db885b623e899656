package model

import (
	"crypto/sha256"
	"sync"
)

// posterior is what a block knows, up to the noise variance. Once lent it is immutable.
type posterior struct {
	covariance []float64 // packed
	diagonal   []float64 // of the covariance, once more: reading it there touches as many cache lines as columns
	weights    []float64
	columns    int // of weights, the others are unused
	lent       bool
	digest     sync.Once
	hash       [sha256.Size]byte // of the numbers, once lent
}

func (p *posterior) clone() *posterior {
	return &posterior{
		columns:    p.columns,
		covariance: append([]float64(nil), p.covariance...),
		diagonal:   append([]float64(nil), p.diagonal...),
		weights:    append([]float64(nil), p.weights...),
	}
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
