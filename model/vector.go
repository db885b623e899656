package model

// The vector routines that, with those of packed.go, all of learning and scoring comes down to. They are our own because a model's bytes are
// promised to be the same on every machine: gonum's add in another order on each kind of processor. Each has one order of
// summation, and the conversions to float64 forbid fused multiply-add. Where the processor has AVX2 the same operations
// are done four at a time (vector_amd64.s, packed_amd64.s), to the same bits.

// lanes is the number of interleaved sums of a dot product.
const lanes = 16

// sums are interleaved sums.
type sums [lanes]float64

// total adds them up in pairs.
func (s *sums) total() float64 {
	var t [block]float64
	for j := range t {
		t[j] = (s[j] + s[j+4]) + (s[j+8] + s[j+12])
	}
	return (t[0] + t[1]) + (t[2] + t[3])
}

// plainDot adds products to interleaved sums, and what four do not divide one by one.
func plainDot(x, y []float64) float64 {
	var s sums
	whole := len(x) / block * block
	s.add(x[:whole], y)
	sum := s.total()
	for i := whole; i < len(x); i++ {
		sum += float64(x[i] * y[i])
	}
	return sum
}

func plainAxpy(y []float64, a float64, x []float64) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += float64(a * v)
	}
}

func plainScaleAdd(y []float64, s, a float64, x []float64) {
	x = x[:len(y)]
	for i, v := range y {
		y[i] = float64(s*v) + float64(a*x[i])
	}
}
