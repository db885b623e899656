package model

import (
	"math"
	"slices"
)

// Symmetric matrices are packed: the lower triangle by rows, each row up to a multiple of four, so that the diagonal is
// of full blocks of 4×4 and rows need no remainder. Dimensions are multiples of four. A matrix grows by appending rows.
//
//	dimension 8:  0 1 2 3
//	              0 1 2 3       row i has 4·(⌊i/4⌋+1) numbers, of which those right of the diagonal repeat others
//	              0 1 2 3
//	              0 1 2 3
//	              0 1 2 3 4 5 6 7
//	              …

// block is the side of the blocks that matrices are made of.
const block = 4

// padded returns the dimension of n columns: the next multiple of block.
func padded(n int) int { return (n + block - 1) / block * block }

// packedStart returns where row i begins.
func packedStart(i int) int {
	q, r := i/block, i%block
	return (2*q*(q+1) + r*(q+1)) * block
}

// packedSize returns how many numbers a packed matrix of dimension n has.
func packedSize(n int) int { return packedStart(n) }

// packedRow returns row i up to the end of its diagonal block.
func packedRow(m []float64, i int) []float64 {
	start := packedStart(i)
	return m[start : start+(i/block+1)*block]
}

// packedColumn writes column k to dst, which has the dimension's length.
func packedColumn(dst, m []float64, k int) {
	copy(dst, packedRow(m, k)[:k+1])
	at := packedStart(k+1) + k
	for i := k + 1; i < len(dst); i++ {
		dst[i] = m[at]
		at += (i/block + 1) * block
	}
}

// packedSetColumn makes v column k and row k.
func packedSetColumn(m []float64, k int, v []float64) {
	row := packedRow(m, k)
	copy(row, v)
	for i := k / block * block; i < k; i++ {
		packedRow(m, i)[k] = v[i]
	}
	at := packedStart(k+1) + k
	for i := k + 1; i < len(v); i++ {
		m[at] = v[i]
		at += (i/block + 1) * block
	}
}

// packedInverse returns the inverse of m with the diagonal d added, packed. It reports false when that is not positive
// definite to working precision. It sweeps every column (Goodnight, A tutorial on the SWEEP operator, 1979): n³/2 operations,
// and the pivots are those of Cholesky's factorisation.
func packedInverse(m, d []float64) ([]float64, bool) {
	n := len(d)
	inverse, column := slices.Clone(m[:packedSize(n)]), make([]float64, n)
	for i, v := range d {
		inverse[packedStart(i)+i] += v
	}
	for k := range n {
		packedColumn(column, inverse, k)
		pivot := column[k]
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return nil, false
		}
		packedScaleAdd(inverse, column, 1, -1/pivot)
		for i := range column {
			column[i] /= pivot
		}
		column[k] = -1 / pivot
		packedSetColumn(inverse, k, column)
	}
	for i := range inverse {
		inverse[i] = -inverse[i]
	}
	return inverse, true
}

// plainPackedAdd adds c·x·xᵀ to m. Where x is 0 it costs nothing.
func plainPackedAdd(m, x []float64, c float64) {
	for i, xi := range x {
		if xi != 0 {
			plainAxpy(packedRow(m, i), c*xi, x[:(i/block+1)*block])
		}
	}
}

// plainPackedScaleAdd replaces m by s·m + c·x·xᵀ.
func plainPackedScaleAdd(m, x []float64, s, c float64) {
	for i, xi := range x {
		row := packedRow(m, i)
		plainScaleAdd(row, s, c*xi, x[:len(row)])
	}
}

// plainPackedUpdate replaces m by s·m + a·x·xᵀ + b·y·yᵀ.
func plainPackedUpdate(m []float64, s float64, x []float64, a float64, y []float64, b float64) {
	for i := range x {
		row, ax, by := packedRow(m, i), a*x[i], b*y[i]
		for j, v := range row {
			row[j] = float64(s*v) + float64(ax*x[j]) + float64(by*y[j])
		}
	}
}

// plainPackedProduct writes m·x to dst, by blocks of four rows: what is left of the diagonal counts for its row and, mirrored,
// for its column.
func plainPackedProduct(dst, m, x []float64) {
	for i := 0; i < len(x); i += block {
		var s [block][block]float64 // by row
		for j := range i + block {
			var c [block]float64
			for r := range block {
				v := packedRow(m, i+r)[j]
				s[r][j%block] += float64(v * x[j])
				c[r] = float64(v * x[i+r])
			}
			if j < i {
				dst[j] += (c[0] + c[1]) + (c[2] + c[3])
			}
		}
		for r := range block {
			dst[i+r] = (s[r][0] + s[r][1]) + (s[r][2] + s[r][3])
		}
	}
}

// plainPackedQuadratic returns xᵀ·m·x, by blocks of four rows. Where all four of x are 0 a block costs nothing.
func plainPackedQuadratic(m, x []float64) float64 {
	var left, diagonal [block]float64 // what is left of the diagonal blocks, and they
	for i := 0; i < len(x); i += block {
		if x[i] == 0 && x[i+1] == 0 && x[i+2] == 0 && x[i+3] == 0 {
			continue
		}
		for j := range i + block {
			var c [block]float64
			for r := range block {
				c[r] = float64(packedRow(m, i+r)[j] * x[i+r])
			}
			v := float64(((c[0] + c[1]) + (c[2] + c[3])) * x[j])
			if j < i {
				left[j%block] += v
			} else {
				diagonal[j%block] += v
			}
		}
	}
	for j := range diagonal {
		diagonal[j] += left[j] + left[j]
	}
	return (diagonal[0] + diagonal[1]) + (diagonal[2] + diagonal[3])
}

// add adds x·y to the sums, over the length of x, a multiple of block: by sixteens, and the rest to the first four.
func (s *sums) add(x, y []float64) {
	for len(x) >= lanes {
		for j := range s {
			s[j] += float64(x[j] * y[j])
		}
		x, y = x[lanes:], y[lanes:]
	}
	for len(x) > 0 {
		for j := range block {
			s[j] += float64(x[j] * y[j])
		}
		x, y = x[block:], y[block:]
	}
}
