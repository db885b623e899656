package ope

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Drift is how the reward moved over the log: means of equal parts of it, in order, and a test of whether they differ.
type Drift struct {
	Parts []DriftPart
	// P is the probability of parts that differ as much if the reward did not move (Cochran, The comparison of percentages
	// in matched samples, 1950, here his Q of means: Σ (m_i - m)² / se_i² against χ² with one degree less than parts). NaN
	// where there are too few samples to say.
	P float64
}

// DriftPart is one part of the log.
type DriftPart struct {
	N, Mean, StandardError float64
}

// driftParts is how many parts there are at most: when all are full, neighbours are joined.
const driftParts = 64

// driftShown is how many parts are reported and tested.
const driftShown = 16

type drifting struct {
	least, most float64
	parts       [driftParts]moments2
	used        int     // parts that are in use; the last is being filled
	size        float64 // samples of a full part
}

func newDrifting() drifting {
	return drifting{least: math.Inf(1), most: math.Inf(-1), size: 1, used: 1}
}

func (d *drifting) add(reward float64) {
	d.least, d.most = min(d.least, reward), max(d.most, reward)
	if d.parts[d.used-1].n >= d.size {
		d.open()
	}
	d.parts[d.used-1].add(reward)
}

// open begins a new part, and joins neighbours where there is none left.
func (d *drifting) open() {
	if d.used < driftParts {
		d.used++
		return
	}
	for i := range driftParts / 2 {
		d.parts[i] = d.parts[2*i]
		d.parts[i].merge(&d.parts[2*i+1])
	}
	for i := driftParts / 2; i < driftParts; i++ {
		d.parts[i] = moments2{}
	}
	d.used, d.size = driftParts/2+1, 2*d.size
}

// drift sums up, with variances that are so many times those of independent samples.
func (d *drifting) drift(effect float64) Drift {
	join := (d.used + driftShown - 1) / driftShown
	var joined []moments2
	for i := range d.used {
		if i%join == 0 {
			joined = append(joined, moments2{})
		}
		joined[len(joined)-1].merge(&d.parts[i])
	}
	out := Drift{P: heterogeneity(joined, effect)}
	for _, m := range joined {
		if m.n > 0 {
			out.Parts = append(out.Parts, DriftPart{N: m.n, Mean: m.mean, StandardError: math.Sqrt(effect * m.variance() / m.n)})
		}
	}
	return out
}

// leastPartSize is from how many samples on a part's mean is near enough to normal to be tested.
const leastPartSize = 30

// heterogeneity returns the P of Drift, with the variance pooled over the parts: a part without any reward has none of its
// own.
func heterogeneity(parts []moments2, effect float64) float64 {
	var all moments2
	within, tested := 0.0, 0.0
	for i := range parts {
		if parts[i].n < leastPartSize {
			continue
		}
		all.merge(&parts[i])
		within += parts[i].square
		tested++
	}
	if tested < 2 || within == 0 {
		return math.NaN()
	}
	between := all.square - within
	return distuv.ChiSquared{K: tested - 1}.Survival(between / (effect * within / (all.n - tested)))
}

// moments2 are the count, mean and sum of squared deviations of numbers (Welford, 1962).
type moments2 struct{ n, mean, square float64 }

func (m *moments2) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.square += d * (x - m.mean)
}

func (m *moments2) merge(o *moments2) {
	if o.n == 0 {
		return
	}
	n, d := m.n+o.n, o.mean-m.mean
	m.mean += d * (o.n / n)
	m.square += o.square + d*d*(m.n*(o.n/n))
	m.n = n
}

func (m *moments2) variance() float64 { return m.square / (m.n - 1) }
