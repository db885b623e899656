package ope

import "math"

// exactSum is a sum of floating-point numbers without any rounding until it is read, so that sums of parts, merged in any
// order, have the bits of the sum of all (Shewchuk, Adaptive precision floating-point arithmetic, 1997, grow-expansion).
type exactSum struct {
	parts []float64 // do not overlap; from small to large
}

func (s *exactSum) add(x float64) {
	kept := s.parts[:0]
	for _, y := range s.parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		if low := y - (high - x); low != 0 {
			kept = append(kept, low)
		}
		x = high
	}
	s.parts = append(kept, x)
}

func (s *exactSum) merge(o *exactSum) {
	for _, x := range o.parts {
		s.add(x)
	}
}

// value returns the sum rounded to the nearest number; halves are rounded as the two largest parts say, which can differ from
// the nearest even one.
func (s *exactSum) value() float64 {
	sum := 0.0
	for _, x := range s.parts {
		sum += x
	}
	return sum
}
