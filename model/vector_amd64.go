package model

import "golang.org/x/sys/cpu"

//go:noescape
func dotAVX2(x, y *float64, n int) float64

//go:noescape
func axpyAVX2(y, x *float64, n int, a float64)

//go:noescape
func scaleAddAVX2(y, x *float64, n int, s, a float64)

//go:noescape
func packedAddAVX2(m, x *float64, n int, c float64)

//go:noescape
func packedScaleAddAVX2(m, x *float64, n int, s, c float64)

//go:noescape
func packedUpdateAVX2(m *float64, s float64, x *float64, a float64, y *float64, b float64, n int)

//go:noescape
func packedProductAVX2(dst, m, x *float64, n int)

//go:noescape
func packedQuadraticAVX2(m, x *float64, n int) float64

// packedAdd adds c·x·xᵀ to m. Where x is 0 it costs nothing.
func packedAdd(m, x []float64, c float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		plainPackedAdd(m, x, c)
		return
	}
	m = m[:packedSize(len(x))]
	packedAddAVX2(&m[0], &x[0], len(x), c)
}

// packedScaleAdd replaces m by s·m + c·x·xᵀ.
func packedScaleAdd(m, x []float64, s, c float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		plainPackedScaleAdd(m, x, s, c)
		return
	}
	m = m[:packedSize(len(x))]
	packedScaleAddAVX2(&m[0], &x[0], len(x), s, c)
}

// packedUpdate replaces m by s·m + a·x·xᵀ + b·y·yᵀ.
func packedUpdate(m []float64, s float64, x []float64, a float64, y []float64, b float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		plainPackedUpdate(m, s, x, a, y, b)
		return
	}
	m, y = m[:packedSize(len(x))], y[:len(x)]
	packedUpdateAVX2(&m[0], s, &x[0], a, &y[0], b, len(x))
}

// packedProduct writes m·x to dst.
func packedProduct(dst, m, x []float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		plainPackedProduct(dst, m, x)
		return
	}
	m, dst = m[:packedSize(len(x))], dst[:len(x)]
	packedProductAVX2(&dst[0], &m[0], &x[0], len(x))
}

// packedQuadratic returns xᵀ·m·x. Where x is 0 it costs nothing.
func packedQuadratic(m, x []float64) float64 {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		return plainPackedQuadratic(m, x)
	}
	m = m[:packedSize(len(x))]
	return packedQuadraticAVX2(&m[0], &x[0], len(x))
}

// dot returns Σ xᵢ·yᵢ over the length of x.
func dot(x, y []float64) float64 {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		return plainDot(x, y)
	}
	y = y[:len(x)]
	return dotAVX2(&x[0], &y[0], len(x))
}

// axpy adds a·x to y over the length of x.
func axpy(y []float64, a float64, x []float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 {
		plainAxpy(y, a, x)
		return
	}
	y = y[:len(x)]
	axpyAVX2(&y[0], &x[0], len(x), a)
}

// scaleAdd replaces y by s·y + a·x over the length of y.
func scaleAdd(y []float64, s, a float64, x []float64) {
	if !cpu.X86.HasAVX2 || len(y) == 0 {
		plainScaleAdd(y, s, a, x)
		return
	}
	x = x[:len(y)]
	scaleAddAVX2(&y[0], &x[0], len(y), s, a)
}
