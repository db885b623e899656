package ope

import "math"

// SlotEstimator is a rule that turns logged slates into the value of another policy, each slot with a ratio of its own. Terms
// has one ratio; SlotMoments sums the terms of these.
type SlotEstimator interface {
	// Name is how the estimator is called on the command line and in reports.
	Name() string
	// Needs returns the columns without which it cannot be computed.
	Needs() SlateColumns
	// AppendTerms appends what each slot of a slate adds, in the order of the positions: Ratio and Weight.
	AppendTerms(terms []Terms, slate []SlateRow) []Terms
}

// SNIIPS is self-normalised IIPS: for each slot the sum of weights times rewards over the sum of weights, added up over slots.
type SNIIPS struct{}

// Name implements SlotEstimator.
func (SNIIPS) Name() string { return "sniips" }

// Needs implements SlotEstimator.
func (SNIIPS) Needs() SlateColumns { return HasItemProbabilities }

// AppendTerms implements SlotEstimator.
func (SNIIPS) AppendTerms(terms []Terms, slate []SlateRow) []Terms {
	for i := range slate {
		w := slate[i].itemWeight()
		terms = append(terms, Terms{Ratio: w * slate[i].Reward, Weight: w})
	}
	return terms
}

// SNRIPS is self-normalised RIPS: for each slot the sum of weights times rewards over the sum of weights, added up over slots.
type SNRIPS struct{}

// Name implements SlotEstimator.
func (SNRIPS) Name() string { return "snrips" }

// Needs implements SlotEstimator.
func (SNRIPS) Needs() SlateColumns { return HasCascadeProbabilities }

// AppendTerms implements SlotEstimator.
func (SNRIPS) AppendTerms(terms []Terms, slate []SlateRow) []Terms {
	for i := range slate {
		w := slate[i].cascadeWeight()
		terms = append(terms, Terms{Ratio: w * slate[i].Reward, Weight: w})
	}
	return terms
}

// SlotMoments are the sums over slates of a SlotEstimator's terms, and what follows from them:
//
//	value = Σ_l N_l/N · R_l/W_l
//
// with N slates, of which N_l have a slot l, and R_l and W_l the sums of Ratio and Weight of slot l. Means and products of
// deviations are updated slate by slate (Welford, Note on a method for calculating corrected sums of squares and products, 1962).
// The order of the slates alone decides the bits. The zero value is ready.
type SlotMoments struct {
	n    float64     // slates
	mean []float64   // of count, and of count, ratio and weight of each slot
	co   [][]float64 // Σ (x_i - mean_i)(x_j - mean_j), for j <= i
	x, d []float64
}

// Positions in the vectors of SlotMoments.
const (
	slotCount = 1 + iota
	slotRatio
	slotWeight
	slotTerms = iota
)

// Add takes the terms of the next slate, which stands for count slates: 1, or more where others like it were dropped.
func (m *SlotMoments) Add(terms []Terms, count float64) {
	m.grow(1 + slotTerms*len(terms))
	clear(m.x)
	m.x[0] = count
	for l, t := range terms {
		slot := m.x[slotTerms*l:]
		slot[slotCount], slot[slotRatio], slot[slotWeight] = count, t.Ratio*count, t.Weight*count
	}
	m.n++
	for i, x := range m.x {
		m.d[i] = x - m.mean[i]
		m.mean[i] += m.d[i] / m.n
	}
	// (x_i - old mean_i)(x_j - new mean_j) is d_i·d_j·(n-1)/n.
	shrink := (m.n - 1) / m.n
	for i, row := range m.co {
		for j := range row {
			row[j] += m.d[i] * m.d[j] * shrink
		}
	}
}

// grow makes room for longer slates than before, whose slots were absent: means and deviations of 0.
func (m *SlotMoments) grow(size int) {
	for i := len(m.mean); i < size; i++ {
		m.mean, m.x, m.d = append(m.mean, 0), append(m.x, 0), append(m.d, 0)
		m.co = append(m.co, make([]float64, i+1))
	}
}

// Slots returns how many slots the longest slate has.
func (m *SlotMoments) Slots() int { return len(m.mean) / slotTerms }

// Slates returns how many slates were added.
func (m *SlotMoments) Slates() float64 { return m.n }

// Value returns the estimate: NaN where nothing was added, or a slot had no weight.
func (m *SlotMoments) Value() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	value := 0.0
	for l := range m.Slots() {
		value += m.Slot(l)
	}
	return value
}

// Slot returns what one slot adds to the estimate, in reward per slate: NaN where it had no weight.
func (m *SlotMoments) Slot(l int) float64 {
	slot := m.mean[slotTerms*l:]
	return slot[slotCount] / m.mean[0] * (slot[slotRatio] / slot[slotWeight])
}

// Variance returns that of the estimate by the delta method: the mean square of the estimate's derivative along a slate's
// deviation from the means, over n-1.
func (m *SlotMoments) Variance() float64 {
	if m.n == 0 {
		return math.NaN()
	}
	g := m.gradient()
	sum := 0.0
	for i, row := range m.co {
		for j, c := range row[:i] {
			sum += 2 * g[i] * g[j] * c
		}
		sum += g[i] * g[i] * row[i]
	}
	return max(sum, 0) / (m.n * (m.n - 1))
}

// gradient returns the derivative of the value by each mean.
func (m *SlotMoments) gradient() []float64 {
	g := make([]float64, len(m.mean))
	g[0] = -m.Value() / m.mean[0]
	for l := range m.Slots() {
		mean, slot := m.mean[slotTerms*l:], g[slotTerms*l:]
		theta := mean[slotRatio] / mean[slotWeight]
		share := mean[slotCount] / m.mean[0]
		slot[slotCount] = theta / m.mean[0]
		slot[slotRatio] = share / mean[slotWeight]
		slot[slotWeight] = -share * theta / mean[slotWeight]
	}
	return g
}

var (
	_ SlotEstimator = SNIIPS{}
	_ SlotEstimator = SNRIPS{}
)
