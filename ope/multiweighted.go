package ope

import "math"

// MultiWeighted gives each of the policies that wrote a log a weight by how well its part of the log answers, rather than by
// how long that part is: λ_k ∝ n_k/σ²_k, with σ²_k the variance of the terms in part k, which Agarwal, Basu, Schnabel
// and Joachims (Effective evaluation using logged bandit feedback from multiple loggers, 2017) call the divergence of the
// evaluated policy from policy k. The value is
//
//	Σ_k ρ_k mean_k(D) + Σ_k λ_k mean_k(C),
//
// where C is w·r and D nothing (weighted IPS), or C is w·(r-q) and D the direct method (precision weighted DR: Kallus,
// Saito, Uehara, 2021).
//
// The weights come from the same samples: a part that happened to have few rewards has a small variance, and so a large weight.
// Where parts are short, weighted IPS is biased downwards by that: by half a standard error with 100 samples of three policies in
// the tests. With Fixed the weights of one half of a log are used
// on the other, without such a bias. Where the terms of a part do not vary at all, or the part has one sample, its
// variance says nothing, and λ_k = ρ_k for all.
//
// It takes the samples of a log once, in any order of the policies. The zero value is weighted IPS without a clip.
type MultiWeighted struct {
	Clip float64 // of weights; 0 is no clip
	DR   bool

	index  map[int]int // of strata in the slices below
	strata []int
	sums   []Moments // Linear and Count hold D, Ratio and Weight C: each a mean of its own
}

// Name returns how the estimator is called.
func (m *MultiWeighted) Name() string {
	if m.DR {
		return nameWithClip("multi_weighted_dr", m.Clip)
	}
	return nameWithClip("multi_weighted", m.Clip)
}

// Needs returns the columns without which it cannot be computed.
func (m *MultiWeighted) Needs() Columns {
	needs := HasPropensity | HasTarget | HasStratum
	if m.DR {
		needs |= HasModel
	}
	return needs
}

// Add takes the next sample, which stands for count samples: 1, or more where others like it were dropped.
func (m *MultiWeighted) Add(s *Sample, count float64) {
	d, c := weightedParts(s, m.Clip, m.DR)
	m.stratum(s.Stratum).Add(Terms{Linear: d * count, Count: count, Ratio: c * count, Weight: count})
}

// weightedParts returns the direct method D and the correction C, without its weight λ.
func weightedParts(s *Sample, clip float64, dr bool) (d, c float64) {
	w := clipped(s.weight(), clip)
	if dr {
		return s.QTarget, w * (s.Reward - s.QLogged)
	}
	return 0, w * s.Reward
}

func (m *MultiWeighted) stratum(number int) *Moments {
	if m.index == nil {
		m.index = make(map[int]int)
	}
	i, known := m.index[number]
	if !known {
		i = len(m.sums)
		m.index[number] = i
		m.strata = append(m.strata, number)
		m.sums = append(m.sums, Moments{})
	}
	return &m.sums[i]
}

// Value returns the estimate: NaN where nothing was added.
func (m *MultiWeighted) Value() float64 {
	if len(m.sums) == 0 {
		return math.NaN()
	}
	shares, weights := m.weights()
	value := 0.0
	for k := range m.sums {
		s := &m.sums[k]
		value += shares[k]*s.Mean[linear]/s.Mean[count] + weights[k]*s.Mean[ratio]/s.Mean[weight]
	}
	return value
}

// Variance returns that of the value by the delta method, given how much each policy wrote, and the weights λ.
func (m *MultiWeighted) Variance() float64 {
	if len(m.sums) == 0 {
		return math.NaN()
	}
	shares, weights := m.weights()
	variance := 0.0
	for k := range m.sums {
		variance += partsVariance(&m.sums[k], shares[k], weights[k])
	}
	return variance
}

// partsVariance returns the variance of a·mean(D) + b·mean(C).
func partsVariance(m *Moments, a, b float64) float64 {
	g := [termCount]float64{
		linear: a / m.Mean[count], count: -a * m.Mean[linear] / (m.Mean[count] * m.Mean[count]),
		ratio: b / m.Mean[weight], weight: -b * m.Mean[ratio] / (m.Mean[weight] * m.Mean[weight]),
	}
	return m.varianceAlong(&g)
}

// weights returns the shares ρ_k and the weights λ_k, each of sum 1.
func (m *MultiWeighted) weights() (shares, weights []float64) {
	shares, weights = make([]float64, len(m.sums)), make([]float64, len(m.sums))
	total, precision := 0.0, 0.0
	for k := range m.sums {
		s := &m.sums[k]
		s.Flush()
		shares[k] = s.N * s.Mean[count]
		total += shares[k]
		// The reference divides squares by n and not by n-1.
		weights[k] = s.N / ((s.N - 1) * s.Variance(true))
		precision += weights[k]
	}
	for k := range shares {
		shares[k] /= total
		weights[k] /= precision
	}
	if !(precision < math.Inf(1)) {
		copy(weights, shares)
	}
	return shares, weights
}

// Fixed returns the estimator with the weights λ as they are now, for samples of the same policies. Its value over the samples
// that were added is the same; over others it has no bias from the weights. It gives a policy of which nothing was
// added no weight.
func (m *MultiWeighted) Fixed() FixedWeighted {
	shares, weights := m.weights()
	f := FixedWeighted{clip: m.Clip, dr: m.DR, name: m.Name(), factors: make(map[int]float64, len(shares))}
	for k, stratum := range m.strata {
		f.factors[stratum] = weights[k] / shares[k]
	}
	return f
}

// FixedWeighted is the estimator of MultiWeighted with weights that no longer change. It is a ratio, lest other shares of the
// policies in the samples than in those of the weights change the sum of the weights.
type FixedWeighted struct {
	clip    float64
	dr      bool
	name    string
	factors map[int]float64 // λ_k/ρ_k
}

// Name implements Estimator.
func (e FixedWeighted) Name() string { return e.name }

// Needs implements Estimator.
func (e FixedWeighted) Needs() Columns { return (&MultiWeighted{DR: e.dr}).Needs() }

// SelfNormalised implements Estimator.
func (FixedWeighted) SelfNormalised() bool { return true }

// Terms implements Estimator.
func (e FixedWeighted) Terms(s *Sample) Terms {
	d, c := weightedParts(s, e.clip, e.dr)
	f := e.factors[s.Stratum]
	return Terms{Linear: d, Ratio: f * c, Weight: f}
}
