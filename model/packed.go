package model

// Symmetric matrices are packed: the lower triangle by rows, row i at i(i+1)/2 with i+1 numbers, so that a matrix grows by
// appending rows. As in matrix.go, every routine has one order of summation and forbids fused multiply-add, so that the
// same calls give the same bits on every machine.

// packedSize returns how many numbers a packed matrix of dimension n has.
func packedSize(n int) int { return n * (n + 1) / 2 }

// packedRow returns row i up to its diagonal.
func packedRow(m []float64, i int) []float64 {
	start := i * (i + 1) / 2
	return m[start : start+i+1]
}

// packedAddOuter replaces m by keep·m + weight·x·xᵀ over the dimension of x.
func packedAddOuter(m, x []float64, keep, weight float64) {
	for i, xi := range x {
		row := packedRow(m, i)
		switch c := weight * xi; {
		case keep != 1:
			scaleAdd(row, keep, c, x)
		case xi != 0:
			axpy(row, c, x[:i+1])
		}
	}
}

// packedProduct writes m·x to dst, which has the dimension of x.
func packedProduct(dst, m, x []float64) {
	for i, xi := range x {
		row := packedRow(m, i)
		dst[i] = dot(row, x)
		if xi != 0 {
			axpy(dst[:i], xi, row[:i])
		}
	}
}

// packedQuadratic returns xᵀ·m·x. Where x is 0 it costs nothing.
func packedQuadratic(m, x []float64) float64 {
	sum := 0.0
	for i, xi := range x {
		if xi == 0 {
			continue
		}
		row := packedRow(m, i)
		sum += float64(xi * (float64(2*dot(row[:i], x)) + float64(row[i]*xi)))
	}
	return sum
}

// packedDowndate replaces m by (m − c·u·uᵀ)·scale.
func packedDowndate(m, u []float64, c, scale float64) {
	for i, ui := range u {
		row := packedRow(m, i)
		a := -c * ui
		if scale == 1 {
			axpy(row, a, u[:i+1])
			continue
		}
		scaleAdd(row, scale, float64(a*scale), u)
	}
}

// scaleAdd replaces y by s·y + a·x over the length of y.
func scaleAdd(y []float64, s, a float64, x []float64) {
	x = x[:len(y)]
	for i, v := range y {
		y[i] = float64(s*v) + float64(a*x[i])
	}
}

// packedInverse returns the inverse of m with the diagonal d added, packed. It reports false when that is not positive
// definite to working precision. It costs n³ operations.
func packedInverse(m, d []float64) ([]float64, bool) {
	n := len(d)
	full := make([]float64, n*n)
	for i := range n {
		copy(full[i*n:], packedRow(m, i))
		full[i*n+i] += d[i]
	}
	if !cholesky(full, n) {
		return nil, false
	}
	invert(full, make([]float64, n*n), n)
	packed := make([]float64, packedSize(n))
	for i := range n {
		copy(packedRow(packed, i), full[i*n:])
	}
	return packed, true
}
