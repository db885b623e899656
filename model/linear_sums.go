package model

import "github.com/nextbest/nextbest/features"

// sums are the sufficient statistics of a set of examples. With z the context's terms (z₀ = 1), f the action's, r the
// reward less the default reward, and every sum weighted:
//
//	per block   Σ z·zᵀ   Σ f·zᵀ   Σ r·z
//	over all    Σ f·fᵀ   Σ r·f    Σ r²    the number of examples
//
// Everything else that a fit needs are sums of these over blocks. Sums add and subtract; in which order examples were
// added shows in the last bits only.
type sums struct {
	examples int64
	blocks   []*block // by number; nil when it has no example
	ff       []float64
	rf       []float64
	rr       float64
}

// block is the part of one action. Block 0 holds the examples of all actions that have none of their own.
type block struct {
	zz []float64   // packed lower triangle
	fz [][]float64 // by action term; nil when no example had it
	rz []float64
}

// add adds weight times an example. Terms must not repeat an index.
func (s *sums) add(number int, x *Example, reward, weight float64) {
	if weight < 0 {
		s.examples--
	} else {
		s.examples++
	}
	for len(s.blocks) <= number {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[number] == nil {
		s.blocks[number] = &block{}
	}
	s.blocks[number].add(x, reward, weight)
	s.ff = addOuter(s.ff, x.Action, weight)
	s.rf = addScaled(s.rf, x.Action, weight*reward)
	s.rr += float64(float64(weight*reward) * reward)
}

func (b *block) add(x *Example, reward, weight float64) {
	b.zz = addOuter(b.zz, x.Context, weight)
	b.rz = addScaled(b.rz, x.Context, weight*reward)
	for _, f := range x.Action {
		for len(b.fz) <= int(f.Index) {
			b.fz = append(b.fz, nil)
		}
		b.fz[f.Index] = addScaled(b.fz[f.Index], x.Context, weight*f.Value)
	}
}

// addOuter adds weight·t·tᵀ to a packed lower triangle, which it grows as needed. The conversions to float64 forbid
// fused multiply-add, here and wherever sums are promised to be the same on every machine.
func addOuter(packed []float64, t []features.Term, weight float64) []float64 {
	for _, a := range t {
		w := weight * a.Value
		row := int(a.Index) * (int(a.Index) + 1) / 2
		packed = grow(packed, row+int(a.Index)+1)
		for _, b := range t {
			if b.Index <= a.Index {
				packed[row+int(b.Index)] += float64(w * b.Value)
			}
		}
	}
	return packed
}

// addScaled adds weight·t to v, which it grows as needed.
func addScaled(v []float64, t []features.Term, weight float64) []float64 {
	for _, a := range t {
		v = grow(v, int(a.Index)+1)
		v[a.Index] += float64(weight * a.Value)
	}
	return v
}

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

func (s *sums) block(number int) *block {
	if number < len(s.blocks) {
		return s.blocks[number]
	}
	return nil
}
