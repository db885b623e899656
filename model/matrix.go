package model

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
