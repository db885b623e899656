package ope

// terms in the order of Moments.Co.
const (
	linear = iota
	count
	ratio
	weight
	termCount
)

func (t Terms) vector() [termCount]float64 {
	return [termCount]float64{t.Linear, t.Count, t.Ratio, t.Weight}
}

// Moments are the sums over samples of an estimator's terms: their means, the sums of products of their deviations from the
// means, and how far they reach. They are built from blocks of samples, each summed around its own mean and then added as
// Chan, Golub and LeVeque do (Algorithms for computing the sample variance, 1983, eq. 2.1), so that neither 10^8 rows nor a
// large mean cost digits. The order of the samples alone decides the bits.
type Moments struct {
	N           float64                       // samples
	Mean        [termCount]float64            // of Linear, Count, Ratio, Weight
	Co          [termCount][termCount]float64 // Σ (t_i - mean_i)(t_j - mean_j), for i <= j
	Least, Most [termCount]float64            // of all samples

	block [blockSize][termCount]float64
	used  int
}

// blockSize is how many samples are summed around a mean of their own.
const blockSize = 256

// Add takes the terms of the next sample.
func (m *Moments) Add(t Terms) {
	m.block[m.used] = t.vector()
	m.used++
	if m.used == blockSize {
		m.Flush()
	}
}

// Flush brings the sums up to the last added sample. What is read of them is as of the last flush.
func (m *Moments) Flush() {
	if m.used == 0 {
		return
	}
	b := blockMoments(m.block[:m.used])
	m.used = 0
	m.Merge(&b)
}

// Merge adds the sums of other samples, which have been flushed.
func (m *Moments) Merge(o *Moments) {
	if o.N == 0 {
		return
	}
	if m.N == 0 {
		m.N, m.Mean, m.Co, m.Least, m.Most = o.N, o.Mean, o.Co, o.Least, o.Most
		return
	}
	n := m.N + o.N
	var apart [termCount]float64
	for i := range apart {
		apart[i] = o.Mean[i] - m.Mean[i]
		m.Mean[i] += apart[i] * (o.N / n)
		m.Least[i], m.Most[i] = min(m.Least[i], o.Least[i]), max(m.Most[i], o.Most[i])
	}
	for i := range termCount {
		for j := i; j < termCount; j++ {
			m.Co[i][j] += o.Co[i][j] + apart[i]*apart[j]*(m.N*o.N/n)
		}
	}
	m.N = n
}

// blockMoments sums a block that is not empty.
func blockMoments(block [][termCount]float64) (m Moments) {
	m.N, m.Least, m.Most = float64(len(block)), block[0], block[0]
	for k := range block {
		for i, x := range block[k] {
			m.Mean[i] += x
			m.Least[i], m.Most[i] = min(m.Least[i], x), max(m.Most[i], x)
		}
	}
	for i := range m.Mean {
		m.Mean[i] /= m.N
	}
	var varying [termCount]int
	n := 0
	for i := range m.Mean {
		if m.Least[i] < m.Most[i] { // Most estimators leave some terms alone.
			varying[n] = i
			n++
		}
	}
	for k := range block {
		m.addDeviations(&block[k], varying[:n])
	}
	return m
}

// addDeviations adds the products of a sample's deviations, in the terms that vary.
func (m *Moments) addDeviations(x *[termCount]float64, varying []int) {
	var d [termCount]float64
	for _, i := range varying {
		d[i] = x[i] - m.Mean[i]
	}
	for k, i := range varying {
		for _, j := range varying[k:] {
			m.Co[i][j] += d[i] * d[j]
		}
	}
}

// Value returns the estimate: NaN where nothing was added, or nothing had weight.
func (m *Moments) Value(selfNormalised bool) float64 {
	v := m.Mean[linear] / m.Mean[count]
	if selfNormalised {
		v += m.Mean[ratio] / m.Mean[weight]
	}
	return v
}

// Variance returns that of the estimate by the delta method: the mean square of
// (L - l·C)/mean(C) + (R - θ·W)/mean(W), with l the linear part and θ the ratio, over n-1.
func (m *Moments) Variance(selfNormalised bool) float64 {
	a := [termCount]float64{linear: 1 / m.Mean[count], count: -m.Mean[linear] / (m.Mean[count] * m.Mean[count])}
	if selfNormalised {
		a[ratio], a[weight] = 1/m.Mean[weight], -m.Mean[ratio]/(m.Mean[weight]*m.Mean[weight])
	}
	return m.varianceAlong(&a)
}

// varianceAlong returns the variance of a function of the means whose gradient is g.
func (m *Moments) varianceAlong(g *[termCount]float64) float64 {
	sum := 0.0
	for i := range termCount {
		sum += g[i] * g[i] * m.Co[i][i]
		for j := i + 1; j < termCount; j++ {
			sum += 2 * g[i] * g[j] * m.Co[i][j]
		}
	}
	return max(sum, 0) / (m.N * (m.N - 1))
}
