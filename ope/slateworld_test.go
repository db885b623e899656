package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slateWorld is small enough that every slate can be listed: what an estimator expects is then a sum, and no estimate.
type slateWorld struct {
	logging, target [worldActions]float64 // attraction of the actions: slots are filled one by one, without repeating
	interaction     func(slot int, actions [worldSlots]int) float64
	slates          [][worldSlots]int
}

const (
	worldActions = 4
	worldSlots   = 3
)

// interactions are the expected reward of a slot, by what it depends on.
var interactions = []struct {
	name string
	mean func(slot int, a [worldSlots]int) float64
}{
	{"own action", func(slot int, a [worldSlots]int) float64 { return 0.1 + 0.2*float64(a[slot]) - 0.05*float64(slot) }},
	{"actions so far", func(slot int, a [worldSlots]int) float64 {
		mean := 0.1 + 0.2*float64(a[slot])
		for _, before := range a[:slot] {
			mean -= 0.04 * float64(before*before)
		}
		return mean
	}},
	{"all actions", func(slot int, a [worldSlots]int) float64 {
		return 0.1 + 0.1*float64(a[slot]) + 0.05*float64(a[(slot+1)%worldSlots]*a[slot])
	}},
}

func newSlateWorld(mean func(int, [worldSlots]int) float64) *slateWorld {
	w := &slateWorld{
		logging: [worldActions]float64{2, 1, 1, 1}, target: [worldActions]float64{1, 1, 2, 3}, interaction: mean,
	}
	var a [worldSlots]int
	var fill func(slot int)
	fill = func(slot int) {
		if slot == worldSlots {
			w.slates = append(w.slates, a)
			return
		}
		for action := range worldActions {
			if !slices.Contains(a[:slot], action) {
				a[slot] = action
				fill(slot + 1)
			}
		}
	}
	fill(0)
	return w
}

// cascade returns the probability of the first actions.
func cascade(attraction [worldActions]float64, actions []int) float64 {
	p := 1.0
	for slot, a := range actions {
		left := 0.0
		for b, x := range attraction {
			if !slices.Contains(actions[:slot], b) {
				left += x
			}
		}
		p *= attraction[a] / left
	}
	return p
}

// item returns the probability of an action in a slot.
func (w *slateWorld) item(attraction [worldActions]float64, slot, action int) (p float64) {
	for i := range w.slates {
		if w.slates[i][slot] == action {
			p += cascade(attraction, w.slates[i][:])
		}
	}
	return p
}

// wrongModel is a Q of cascade_dr that has nothing to do with the rewards; doubly robust values do not depend on it.
func wrongModel(slot int, actions []int) float64 {
	q := 0.3 * float64(slot)
	for i, a := range actions {
		q += 0.1 * float64((i+1)*(a+1))
	}
	return q
}

// rows returns a slate with the expected rewards as its rewards.
func (w *slateWorld) rows(id uint64, a [worldSlots]int) []SlateRow {
	rows := make([]SlateRow, worldSlots)
	for slot := range rows {
		qTarget := 0.0
		for b := range worldActions {
			if !slices.Contains(a[:slot], b) {
				prefix := append(append([]int(nil), a[:slot]...), b)
				qTarget += cascade(w.target, prefix) / cascade(w.target, a[:slot]) * wrongModel(slot, prefix)
			}
		}
		rows[slot] = SlateRow{
			Sample: Sample{
				Position: slot, Reward: w.interaction(slot, a),
				Propensity: cascade(w.logging, a[:]), Target: cascade(w.target, a[:]),
				QLogged: wrongModel(slot, a[:slot+1]), QTarget: qTarget,
			},
			Slate:          id,
			ItemPropensity: w.item(w.logging, slot, a[slot]), ItemTarget: w.item(w.target, slot, a[slot]),
			CascadePropensity: cascade(w.logging, a[:slot+1]), CascadeTarget: cascade(w.target, a[:slot+1]),
		}
	}
	return rows
}

// truth is what the evaluated policy earns per slate.
func (w *slateWorld) truth() (value float64) {
	for _, a := range w.slates {
		for slot := range worldSlots {
			value += cascade(w.target, a[:]) * w.interaction(slot, a)
		}
	}
	return value
}

// Terms are linear in the rewards, so the mean over all slates with expected rewards is the mean of the estimate: it must be
// the truth under the assumption of the estimator, and is not where that does not hold. There is no chance in it.
func TestSlateEstimatorsAreUnbiasedUnderTheirAssumption(t *testing.T) {
	for _, c := range []struct {
		estimator SlateEstimator
		unbiased  [3]bool // for each of the interactions
	}{
		{SIPS{}, [3]bool{true, true, true}},
		{RIPS{}, [3]bool{true, true, false}},
		{CascadeDR{}, [3]bool{true, true, false}},
		{IIPS{}, [3]bool{true, false, false}},
	} {
		for i, interaction := range interactions {
			w := newSlateWorld(interaction.mean)
			mean := 0.0
			for _, a := range w.slates {
				mean += cascade(w.logging, a[:]) * c.estimator.Terms(w.rows(0, a)).Linear
			}
			bias := mean - w.truth()
			if c.unbiased[i] != (math.Abs(bias) < 1e-12) {
				t.Errorf("%s has bias %g where rewards depend on %s", c.estimator.Name(), bias, interaction.name)
			}
		}
	}
}

// The form of the pseudo-inverse is exact where slots are filled independently and rewards add up. No chance here either.
func TestPseudoInverseIsUnbiasedForIndependentSlots(t *testing.T) {
	logging, target := [2][3]float64{{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}}, [2][3]float64{{0.1, 0.1, 0.8}, {0.5, 0.2, 0.3}}
	effect := [2][3]float64{{1, 2, 4}, {3, -1, 0.5}}
	mean, truth := 0.0, 0.0
	for a := range 3 {
		for b := range 3 {
			slate := []SlateRow{
				// The rewards of slots depend on each other; their sum does not.
				{Sample: Sample{Reward: effect[0][a] + float64(b)}, ItemPropensity: logging[0][a], ItemTarget: target[0][a]},
				{Sample: Sample{Reward: effect[1][b] - float64(b)}, ItemPropensity: logging[1][b], ItemTarget: target[1][b]},
			}
			mean += logging[0][a] * logging[1][b] * PseudoInverse{}.Terms(slate).Linear
			truth += target[0][a] * target[1][b] * slateReward(slate)
		}
	}
	if math.Abs(mean-truth) > 1e-12 {
		t.Errorf("the mean is %v, want %v", mean, truth)
	}
}

// sampler draws slates of the logging policy, with noise of variance 1 around the expected rewards.
type sampler struct {
	rng        *rand.Rand
	rows       [][]SlateRow
	cumulative []float64
}

func newSampler(w *slateWorld, rng *rand.Rand) *sampler {
	s := &sampler{rng: rng}
	sum := 0.0
	for _, a := range w.slates {
		sum += cascade(w.logging, a[:])
		s.rows = append(s.rows, w.rows(0, a))
		s.cumulative = append(s.cumulative, sum)
	}
	return s
}

// draw returns a slate that is valid until the next draw into the same buffer.
func (s *sampler) draw(buffer []SlateRow) []SlateRow {
	u, i := s.rng.Float64(), 0
	for i < len(s.rows)-1 && u >= s.cumulative[i] {
		i++
	}
	buffer = append(buffer[:0], s.rows[i]...)
	for slot := range buffer {
		buffer[slot].Reward += s.rng.NormFloat64()
	}
	return buffer
}

// Over repetitions, unbiased estimates must have the truth as their mean, all must have the variance that the delta method
// says, and 95% intervals must cover. Each of the 15 bounds is 4.5 standard errors away, so that the test would fail for
// fewer than one seed in 5,000.
func TestSlateEstimatesOfSimulatedLogs(t *testing.T) {
	const repetitions, slates = 2000, 400
	w := newSlateWorld(interactions[1].mean)
	means := []SlateEstimator{SIPS{}, SNSIPS{}, RIPS{}, CascadeDR{}}
	s := newSampler(w, rand.New(rand.NewPCG(7, 11)))
	names := []string{"sips", "snsips", "rips", "cascade_dr", "snrips"}
	results := make([]simulated, len(names))
	var buffer []SlateRow
	var terms []Terms
	for range repetitions {
		moments := make([]Moments, len(means))
		var ratios SlotMoments
		for range slates {
			buffer = s.draw(buffer)
			for k, e := range means {
				x := e.Terms(buffer)
				x.Count = 1
				moments[k].Add(x)
			}
			terms = SNRIPS{}.AppendTerms(terms[:0], buffer)
			ratios.Add(terms, 1)
		}
		for k, e := range means {
			moments[k].Flush()
			results[k].add(moments[k].Value(e.SelfNormalised()), moments[k].Variance(e.SelfNormalised()), w.truth())
		}
		results[len(means)].add(ratios.Value(), ratios.Variance(), w.truth())
	}
	for k, name := range names {
		results[k].check(t, name)
	}
}

// simulated are the results of an estimator over repetitions.
type simulated struct {
	n, errors, squares, variances, covered float64
}

func (s *simulated) add(value, variance, truth float64) {
	d := value - truth
	s.n++
	s.errors += d
	s.squares += d * d
	s.variances += variance
	if math.Abs(d) <= 1.959964*math.Sqrt(variance) {
		s.covered++
	}
}

// check fails where the mean error is over 4.5 standard errors, the variance is off by more than 4.5·√(2/n), or the coverage
// is below 95% by more than 4.5 standard errors. The bias of a ratio is of the order 1/samples, which is below the standard error of
// the mean over the repetitions here.
func (s *simulated) check(t *testing.T, name string) {
	t.Helper()
	mean, meanSquare, variance := s.errors/s.n, s.squares/s.n, s.variances/s.n
	z := mean / math.Sqrt(meanSquare/s.n)
	ratio := meanSquare / variance
	coverage := s.covered / s.n
	t.Logf("%s: z of the mean error %.2f, variance over that of the delta method %.3f, coverage %.3f", name, z, ratio, coverage)
	if math.Abs(z) > 4.5 {
		t.Errorf("%s is off by %v on average, %.1f standard errors", name, mean, z)
	}
	if math.Abs(ratio-1) > 4.5*math.Sqrt(2/s.n) {
		t.Errorf("%s has %.3f times the variance of the delta method", name, ratio)
	}
	if coverage < 0.95-4.5*math.Sqrt(0.95*0.05/s.n) {
		t.Errorf("%s: intervals cover %.3f, want 0.95", name, coverage)
	}
}
