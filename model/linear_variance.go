package model

import "github.com/nextbest/nextbest/features"

// residual returns the least value of the penalised sum of squares, Σr² − bᵀθ with b the right side of the whole joint
// system. Over the number of examples it is the noise variance's estimate.
func (f *fit) residual(s *system) float64 {
	p := len(f.context.info)
	r := f.squares - dot(s.rest, f.shared)
	for j, w := range f.shared[p:] {
		r -= float64(s.rf[j+1] * w)
	}
	for _, b := range f.blocks {
		if b == nil {
			continue
		}
		// b.rz·(θ + θ_a), by the formula of weightsOf.
		r -= dot(b.rz, b.mean)
		for j, m := range b.mean {
			r -= float64(float64(f.own[j]*m) * f.shared[j])
		}
		for k, j := range b.rows {
			r += float64(dot(b.fz[k], b.mean) * f.shared[p+j-1])
		}
	}
	return max(r, 0)
}

// posterior answers for the variance of an action's expected reward.
type posterior struct{ fit *fit }

// variance returns the posterior variance of z·(θ+θ_a) + f·φ for raw terms: with u what elimination leaves of (z, f),
// it is noise·(uᵀS⁻¹u + zᵀA⁻¹z).
func (p *posterior) variance(number int, z, f []features.Term) float64 {
	dim, n := len(p.fit.context.info), len(p.fit.shared)
	x, y := make([]float64, dim), make([]float64, n-dim+1)
	for _, t := range z {
		x[t.Index] += t.Value
	}
	for _, t := range f {
		y[t.Index] += t.Value
	}
	y[0] = x[0]
	p.fit.context.vector(x)
	p.fit.action.vector(y)
	u := append(append(make([]float64, 0, n), x...), y[1:]...)
	v := 0.0
	if number < len(p.fit.blocks) && p.fit.blocks[number] != nil {
		b := p.fit.blocks[number]
		ax := product(b.inverse, x)
		v = dot(x, ax)
		for j := range x {
			u[j] = float64(p.fit.own[j] * ax[j])
		}
		for k, j := range b.rows {
			u[dim+j-1] -= dot(b.solved[k], x)
		}
	} else { // nothing is known of its own weights but their prior
		for j := range x {
			v += float64(x[j]*x[j]) / p.fit.own[j]
		}
	}
	return p.fit.noise * (v + quadratic(p.fit.factor, n, u))
}

// quadratic returns uᵀ·(L·Lᵀ)⁻¹·u, and overwrites u.
func quadratic(l []float64, n int, u []float64) float64 {
	for i := range n {
		u[i] = (u[i] - dot(u[:i], l[i*n:])) / l[i*n+i]
	}
	return dot(u, u)
}
