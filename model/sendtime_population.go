package model

import "math"

// population is what all users do at the cells, relative to the default reward: a Gaussian belief with the mean and the
// covariance Σ, in units of the noise variance, and the sums that it is made of,
//
//	P = Σ z·zᵀ/s    b = Σ z·y/s    Σ = (P + K₀⁻¹)⁻¹    mean = Σ·b
//
// over sends, where y is a reward less what the user's evidence foretells, y = z·μ + noise of the variance s (see
// kriging). As each send is compared with the user's earlier ones, sends are independent given μ: the sums are
// generalised least squares over all users' correlated rewards, whoever was sent how many at which hours (the
// prediction error decomposition: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, 3.4).
// A user who was sent at a good hour a hundred times says little about others there.
type population struct {
	precision  [triangleCells]float64 // P
	weighted   [sendCells]float64     // b
	covariance [triangleCells]float64 // Σ
	mean       [sendCells]float64
}

// What is taken of the population before anything is known, in units of the noise variance.
const (
	populationLevel   = 1.0  // variance that hours share: wide
	populationShape   = 0.1  // variance of an hour around it
	populationWidth   = 0.5  // see circular
	populationRough   = 0.01 // variance of an hour by itself: days have edges
	populationWeekend = 0.8  // correlation of weekday and weekend
)

// populationPrior returns K₀.
func populationPrior() (prior [triangleCells]float64) {
	lags := circular(populationWidth)
	for i := range sendCells {
		for j := range i + 1 {
			c := float64(populationShape * lags[(i-j)%hoursOfDay])
			if i/hoursOfDay != j/hoursOfDay {
				c *= populationWeekend
			}
			if i == j {
				c += populationRough
			}
			prior[triangle(i)+j] = populationLevel + c
		}
	}
	return prior
}

// outlook is what the belief says of a contrast.
type outlook struct {
	mean     float64            // z·μ
	along    [sendCells]float64 // Σ·z
	variance float64            // z·Σ·z
}

func (p *population) score(z *[sendCells]float64, s *outlook) {
	*s = outlook{}
	for i, x := range z {
		if x == 0 {
			continue
		}
		s.mean += float64(x * p.mean[i])
		for j := range s.along {
			s.along[j] += float64(x * p.covariance[triangle(max(i, j))+min(i, j)])
		}
	}
	for i, x := range z {
		s.variance += float64(x * s.along[i])
	}
	s.variance = max(s.variance, 0)
}

// predict returns what the belief says of a contrast, without what learning needs: z·μ and z·Σ·z. Few of z are not 0.
func (p *population) predict(z *[sendCells]float64) (mean, variance float64) {
	var at [sendCells]int
	n := 0
	for i, x := range z {
		if x != 0 {
			at[n] = i
			n++
			mean += float64(x * p.mean[i])
		}
	}
	for k, i := range at[:n] {
		row, along := p.covariance[triangle(i):triangle(i)+i+1], 0.0
		for _, j := range at[:k] {
			along += float64(z[j] * row[j])
		}
		variance += float64(z[i] * (along + along + float64(z[i]*row[i])))
	}
	return mean, max(variance, 0)
}

// learn adds a send with y = z·μ + noise of variance s. err is y − z·mean.
func (p *population) learn(z *[sendCells]float64, with *outlook, y, err, s float64) {
	gain := 1 / (s + with.variance)
	for i := range sendCells {
		p.mean[i] += float64(float64(gain*err) * with.along[i])
		p.weighted[i] += float64(z[i]*y) / s
		covariance, precision := p.covariance[triangle(i):triangle(i)+i+1], p.precision[triangle(i):triangle(i)+i+1]
		u, x := float64(gain*with.along[i]), z[i]/s
		for j := range covariance {
			covariance[j] -= float64(u * with.along[j])
		}
		if x != 0 {
			for j := range precision {
				precision[j] += float64(x * z[j])
			}
		}
	}
}

// remake makes the belief from its sums. inverse is K₀⁻¹. It reports whether it could.
func (p *population) remake(inverse *[triangleCells]float64) bool {
	m := p.precision
	for i := range m {
		m[i] += inverse[i]
	}
	if !choleskyInverse(m[:], sendCells) {
		return false
	}
	p.covariance = m
	for i := range p.mean {
		p.mean[i] = 0
		for j, b := range p.weighted {
			p.mean[i] += float64(b * m[triangle(max(i, j))+min(i, j)])
		}
	}
	return true
}

// forget keeps a share of the sums.
func (p *population) forget(keep float64) {
	for i := range p.precision {
		p.precision[i] *= keep
	}
	for i := range p.weighted {
		p.weighted[i] *= keep
	}
}

// merge adds the sums of other sends.
func (p *population) merge(o *population) {
	addTo(p.precision[:], o.precision[:])
	addTo(p.weighted[:], o.weighted[:])
}

// logarithm is that of a positive number, to about two units in the last place and the same bits on every machine, which
// math.Log does not promise: x = m·2ᵏ, and the series of 2·artanh((m − 1)/(m + 1)).
func logarithm(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	s := (m - 1) / (m + 1)
	square, sum := float64(s*s), 0.0
	for n := 23.0; n > 0; n -= 2 {
		sum = 1/n + float64(sum*square)
	}
	return float64(float64(k)*math.Ln2) + float64(2*s*sum)
}
