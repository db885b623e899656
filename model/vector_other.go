//go:build !amd64

package model

// dot returns Σ xᵢ·yᵢ over the length of x.
func dot(x, y []float64) float64 { return plainDot(x, y) }

// axpy adds a·x to y over the length of x.
func axpy(y []float64, a float64, x []float64) { plainAxpy(y, a, x) }

// scaleAdd replaces y by s·y + a·x over the length of y.
func scaleAdd(y []float64, s, a float64, x []float64) { plainScaleAdd(y, s, a, x) }

// packedAdd adds c·x·xᵀ to m.
func packedAdd(m, x []float64, c float64) { plainPackedAdd(m, x, c) }

// packedScaleAdd replaces m by s·m + c·x·xᵀ.
func packedScaleAdd(m, x []float64, s, c float64) { plainPackedScaleAdd(m, x, s, c) }

// packedUpdate replaces m by s·m + a·x·xᵀ + b·y·yᵀ.
func packedUpdate(m []float64, s float64, x []float64, a float64, y []float64, b float64) {
	plainPackedUpdate(m, s, x, a, y, b)
}

// packedProduct writes m·x to dst.
func packedProduct(dst, m, x []float64) { plainPackedProduct(dst, m, x) }

// packedQuadratic returns xᵀ·m·x.
func packedQuadratic(m, x []float64) float64 { return plainPackedQuadratic(m, x) }

// score scores candidates: see plainScore.
func score(dst []scored, scores [][]float64, numbers []int32, recents []recent, x, squares []float64) {
	plainScore(dst, scores, numbers, recents, x, squares)
}
