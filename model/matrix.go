package model

import "math"

// The few dense routines that a fit needs. They are our own because a predictor's bytes are promised to be the same on
// every machine: each has one order of summation, and conversions to float64 forbid fused multiply-add. Matrices are
// row-major and square, of dimension n.

// addTo adds src to the longer dst.
func addTo(dst, src []float64) {
	for i, x := range src {
		dst[i] += x
	}
}

// grow returns v with at least n elements, new ones zero.
func grow(v []float64, n int) []float64 {
	if n <= len(v) {
		return v
	}
	return append(v, make([]float64, n-len(v))...)
}

// cholesky replaces the lower triangle of m by its factor L with m = L·Lᵀ. It reports false when m is not positive
// definite to working precision.
func cholesky(m []float64, n int) bool {
	for i := range n {
		row := m[i*n : i*n+n]
		for j := range i {
			row[j] = (row[j] - dot(row[:j], m[j*n:])) / m[j*n+j]
		}
		pivot := row[i] - dot(row[:i], row)
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return false
		}
		row[i] = math.Sqrt(pivot)
	}
	return true
}

// invert replaces the factor L in the lower triangle of m by the inverse of L·Lᵀ, in full. scratch has length n².
func invert(m, scratch []float64, n int) {
	// scratch's row j becomes column j of L⁻¹, from its diagonal on.
	for j := range n {
		column := scratch[j*n : j*n+n]
		column[j] = 1 / m[j*n+j]
		for i := j + 1; i < n; i++ {
			column[i] = -dot(column[j:i], m[i*n+j:]) / m[i*n+i]
		}
	}
	for i := range n {
		for j := range i + 1 {
			x := dot(scratch[i*n+i:i*n+n], scratch[j*n+i:])
			m[i*n+j], m[j*n+i] = x, x
		}
	}
}
