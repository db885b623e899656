package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// scaling is the affine map from raw terms to standardised ones: a numeric term v becomes (v − center·present)·inverse,
// where present is 1, or what its indicator says, so that a missing number is worth its mean; other terms stay as they
// are. The map is linear in the terms, since z₀ = 1, so that sums of products are transformed exactly and any prior
// over standardised terms costs no pass over examples.
//
// Centers and scales are the means and deviations of the sums, rounded to a coarse grid: the same sums always give the
// same scaling, and one more example seldom changes it, which saves refitting every block.
type scaling struct {
	info    []features.TermInfo
	center  []float64
	inverse []float64
}

// newScaling derives a scaling from the first and second moments of terms: Σ v, Σ v². The count is that of term 0.
func newScaling(info []features.TermInfo, first, second []float64) *scaling {
	s := &scaling{info: info, center: make([]float64, len(info)), inverse: make([]float64, len(info))}
	for j, t := range info {
		s.inverse[j] = 1
		if !t.Numeric {
			continue
		}
		n := first[0]
		switch {
		case t.Indicator >= 0 && t.WhenMissing:
			n -= first[t.Indicator]
		case t.Indicator >= 0:
			n = first[t.Indicator]
		}
		// The anchor, at v = 0, is a value that was seen, and counts as one observation more: a first example or two
		// must not pass their tiny spread off as the feature's.
		n = max(n, 0) + 1
		mean := first[j] / n
		variance := second[j]/n - float64(mean*mean)
		if !(variance > 0) || math.IsInf(variance, 0) {
			continue
		}
		deviation := coarse(math.Sqrt(variance))
		step := deviation / 4
		s.center[j], s.inverse[j] = math.Round(mean/step)*step, 1/deviation
	}
	return s
}

// coarse rounds x > 0 to the nearest power of √2.
func coarse(x float64) float64 {
	f, e := math.Frexp(x)
	switch {
	case f < 0.5*1.189207115002721: // 2^¼
		f = 0.5
	case f < 0.5*1.681792830507429: // 2^¾
		f = 0.5 * math.Sqrt2
	default:
		f = 1
	}
	return math.Ldexp(f, e)
}

func (s *scaling) equal(o *scaling) bool {
	if o == nil || len(s.info) != len(o.info) {
		return false
	}
	for j := range s.info {
		if s.info[j] != o.info[j] || s.center[j] != o.center[j] || s.inverse[j] != o.inverse[j] {
			return false
		}
	}
	return true
}

// rows transforms the rows of m, which has one row of width w per term: sums of each term times something.
func (s *scaling) rows(m []float64, w int) {
	for j, t := range s.info {
		if !t.Numeric {
			continue
		}
		row := m[j*w : j*w+w]
		if c := s.center[j]; c != 0 {
			s.present(t, func(i int, sign float64) { axpy(row, -sign*c, m[i*w:i*w+w]) })
		}
		for k := range row {
			row[k] *= s.inverse[j]
		}
	}
}

// columns transforms every row of m, of one column per term: sums of something times each term.
func (s *scaling) columns(m []float64) {
	w := len(s.info)
	for ; len(m) >= w; m = m[w:] {
		s.vector(m[:w])
	}
}

// vector transforms a raw vector of terms, or of sums over terms.
func (s *scaling) vector(v []float64) {
	for j, t := range s.info {
		if !t.Numeric {
			continue
		}
		if c := s.center[j]; c != 0 {
			s.present(t, func(i int, sign float64) { v[j] -= float64(sign * c * v[i]) })
		}
		v[j] *= s.inverse[j]
	}
}

// weights transforms weights over standardised terms into weights over raw ones, in place.
func (s *scaling) weights(w []float64) {
	for j, t := range s.info {
		if !t.Numeric {
			continue
		}
		w[j] *= s.inverse[j]
		if c := float64(w[j] * s.center[j]); c != 0 {
			s.present(t, func(i int, sign float64) { w[i] -= float64(sign * c) })
		}
	}
}

// present calls f with the terms that add up to 1 where the number is present, and their signs.
func (s *scaling) present(t features.TermInfo, f func(i int, sign float64)) {
	switch {
	case t.Indicator < 0:
		f(0, 1)
	case t.WhenMissing:
		f(0, 1)
		f(int(t.Indicator), -1)
	default:
		f(int(t.Indicator), 1)
	}
}
