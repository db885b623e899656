package ope

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Rule is how a parameter is chosen from the samples themselves.
type Rule int

// The rules.
const (
	// Slope takes the most biased value whose interval still meets those of all less biased ones (Su, Srinath, Krishnamurthy,
	// Adaptive estimator selection for off-policy evaluation, 2020, with the constant √6-1 of Tucker, Lee, Improved
	// estimator selection for off-policy evaluation, 2021).
	Slope Rule = iota
	// MSEBound takes the value with the least variance + bias², where the bias is bounded with high probability by
	// Bernstein's inequality for errors r - q within [-1,1] (Wang, Agarwal, Dudík, 2017; Su et al., 2020).
	MSEBound
	// MSEPoint does so with the bias estimated, |mean((w - ŵ)·(r - q))|.
	MSEPoint
)

// tuningDelta is the probability with which an interval or a bound of a rule may fail: that of the Open Bandit Pipeline.
const tuningDelta = 0.1

// Tuning is an estimator whose parameter λ is chosen by a rule. It is a value without state; Tuned holds the sums.
type Tuning struct {
	// At returns the estimator with a given λ, which is not self-normalised.
	At func(lambda float64) Estimator
	// Grid are the λ to choose from, the most biased first. The last leaves the importance weights as they are.
	Grid []float64
	Rule Rule
}

// Needs returns the columns without which it cannot be computed.
func (t Tuning) Needs() Columns {
	return t.At(t.Grid[0]).Needs() | HasPropensity | HasTarget
}

// GridPoint is an estimator of the grid, and the sums of its terms.
type GridPoint struct {
	Lambda    float64
	Estimator Estimator
	Moments   Moments
}

// Tuned takes samples in one pass and then chooses. It needs memory for the sums of each λ of the grid, whatever the number
// of samples.
type Tuned struct {
	// Candidates are in the order of the grid.
	Candidates []GridPoint
	rule       Rule
	weights    Moments // of w, as Linear
	terms      []Terms
}

// NewTuned returns sums of nothing. The grid must not be empty.
func NewTuned(t Tuning) *Tuned {
	candidates := make([]GridPoint, len(t.Grid))
	for i, lambda := range t.Grid {
		candidates[i] = GridPoint{Lambda: lambda, Estimator: t.At(lambda)}
	}
	return &Tuned{Candidates: candidates, rule: t.Rule, terms: make([]Terms, len(candidates))}
}

// Add takes the next sample, which stands for count records (Terms.Count). It returns the terms of the candidates, for
// whoever sums them into groups as well; they are valid until the next call.
func (t *Tuned) Add(s *Sample, count float64) []Terms {
	for i := range t.Candidates {
		c := &t.Candidates[i]
		t.terms[i] = c.Estimator.Terms(s).times(count)
		c.Moments.Add(t.terms[i])
	}
	t.weights.Add(Terms{Linear: s.weight()}.times(count))
	return t.terms
}

// times returns the terms of a sample that stands for count records.
func (t Terms) times(count float64) Terms {
	return Terms{Linear: count * t.Linear, Count: count, Ratio: count * t.Ratio, Weight: count * t.Weight}
}

// Choose returns the number of the chosen candidate, and flushes the sums of all. With less than two samples, which say
// nothing of the spread, it is the last of the grid.
func (t *Tuned) Choose() int {
	t.flush()
	last := len(t.Candidates) - 1
	switch {
	case t.weights.N < 2:
		return last
	case t.rule == Slope:
		return t.slope()
	}
	best, least := last, math.Inf(1)
	for i, score := range slices.Backward(t.scores()) {
		if score < least {
			best, least = i, score
		}
	}
	return best
}

func (t *Tuned) flush() {
	t.weights.Flush()
	for i := range t.Candidates {
		t.Candidates[i].Moments.Flush()
	}
}

// scores estimates the mean squared error of each candidate. The bias is the distance from the last, whose weights are those
// of the samples: q_π + w·(r - q) - (q_π + ŵ·(r - q)) = (w - ŵ)·(r - q).
func (t *Tuned) scores() []float64 {
	unbiased := t.Candidates[len(t.Candidates)-1].Moments.Value(false)
	slack := 0.0
	if t.rule == MSEBound {
		slack = t.biasSlack()
	}
	scores := make([]float64, len(t.Candidates))
	for i := range t.Candidates {
		m := &t.Candidates[i].Moments
		bias := math.Abs(m.Value(false)-unbiased) + slack
		scores[i] = m.Variance(false)*(m.N-1)/m.N + bias*bias
	}
	return scores
}

// biasSlack is what Bernstein's inequality adds to an estimated bias: √(2·mean(w²)·ln(2/δ)/n) + 2·max(w)·ln(2/δ)/(3n).
// Weights of samples that stand for several records are counted in full, relative to the mean number.
func (t *Tuned) biasSlack() float64 {
	m := &t.weights
	square := m.Co[linear][linear]/m.N + m.Mean[linear]*m.Mean[linear]
	logs := math.Log(2/tuningDelta) / m.N
	return (math.Sqrt(2*square*logs) + 2*m.Most[linear]*logs/3) / m.Mean[count]
}

// slope goes through the candidates from the widest interval to the narrowest, while each is near enough to all before it.
func (t *Tuned) slope() int {
	widths, order := t.widths()
	chosen := order[0]
	for k, i := range order {
		for _, j := range order[:k] {
			apart := math.Abs(t.Candidates[i].Moments.Value(false) - t.Candidates[j].Moments.Value(false))
			if !(apart <= widths[i]+(math.Sqrt(6)-1)*widths[j]) {
				return chosen
			}
		}
		chosen = i
	}
	return chosen
}

// widths returns half the width of each candidate's interval by Student's t, and the candidates by width, widest first; of
// equal ones, the less biased first.
func (t *Tuned) widths() (widths []float64, order []int) {
	student := distuv.StudentsT{Sigma: 1, Nu: t.weights.N - 1}.Quantile(1 - tuningDelta)
	widths = make([]float64, len(t.Candidates))
	for i := range t.Candidates {
		widths[i] = student * math.Sqrt(t.Candidates[i].Moments.Variance(false))
		order = append(order, len(t.Candidates)-1-i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case widths[a] > widths[b]:
			return -1
		case widths[a] < widths[b]:
			return 1
		}
		return 0
	})
	return widths, order
}
