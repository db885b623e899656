package simulate

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// linear is a world in which action a pays z·w_a plus noise, for a context z of standard normal numbers after a 1. The
// weights are such that z·w_a has variance about 1.25 over contexts and actions.
type linear struct {
	rng      *rand.Rand
	noise    func() float64
	z        []float64
	context  features.Set
	actions  []model.Candidate
	weights  [][]float64 // by action
	mean     []float64
	added    float64 // this round's noise, the same whatever is chosen
	wander   float64 // share of the weights' variance that is drawn anew every wanderEvery rounds
	life     int     // rounds between two arrivals of actions; 0: they stay
	arrived  int     // actions so far
	explain  float64 // share of the weights' variance that the actions' features explain
	loadings [][]float64
}

// actionFeatures is how many numbers an action of a featured world has.
const actionFeatures = 4

func newLinear(o SyntheticOptions, rng *rand.Rand) *linear { return newFeatured(o, rng, 0) }

// newFeatured returns a world whose actions' features explain a share of what they pay: w_a = √share·L·f_a + √(1-share)·own.
func newFeatured(o SyntheticOptions, rng *rand.Rand, share float64) *linear {
	w := &linear{rng: rng, z: make([]float64, o.Features+1), mean: make([]float64, o.Actions), explain: share}
	w.noise = func() float64 { return noiseDeviation * rng.NormFloat64() }
	for range w.z {
		w.loadings = append(w.loadings, normals(rng, actionFeatures))
	}
	for range o.Actions {
		action, weights := w.newAction()
		w.actions, w.weights = append(w.actions, action), append(w.weights, weights)
	}
	return w
}

func normals(rng *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = rng.NormFloat64()
	}
	return out
}

// newAction draws an action, with features if they explain anything.
func (w *linear) newAction() (model.Candidate, []float64) {
	action := model.Candidate{ID: "a" + strconv.Itoa(w.arrived)}
	w.arrived++
	weights := normals(w.rng, len(w.z))
	if w.explain > 0 {
		f := normals(w.rng, actionFeatures)
		action.Features = appendNumbers(nil, f)
		for j := range weights {
			told := dot(w.loadings[j], f) / math.Sqrt(actionFeatures)
			weights[j] = float64(math.Sqrt(w.explain)*told) + float64(math.Sqrt(1-w.explain)*weights[j])
		}
	}
	for j := range weights {
		weights[j] *= w.deviation(j)
	}
	return action, weights
}

// deviation returns the standard deviation of weight j: half for the intercept, and 1 for all the others together.
func (w *linear) deviation(j int) float64 {
	if j == 0 {
		return 0.5
	}
	return 1 / math.Sqrt(float64(len(w.z)-1))
}

// Next implements World.
func (w *linear) Next(round int) (features.Set, []model.Candidate) {
	w.change(round)
	w.z[0] = 1
	for i := 1; i < len(w.z); i++ {
		w.z[i] = w.rng.NormFloat64()
	}
	w.added = w.noise()
	w.context = appendNumbers(w.context[:0], w.z[1:])
	for a := range w.mean {
		w.mean[a] = dot(w.z, w.weights[a])
	}
	return w.context, w.actions
}

// change has weights wander and actions come and go.
func (w *linear) change(round int) {
	if w.wander > 0 && round > 0 && round%wanderEvery == 0 {
		keep, fresh := math.Sqrt(1-w.wander), math.Sqrt(w.wander)
		for _, weights := range w.weights {
			for j := range weights {
				weights[j] = float64(keep*weights[j]) + float64(fresh*w.deviation(j)*w.rng.NormFloat64())
			}
		}
	}
	if w.life > 0 && round > 0 && round%w.life == 0 {
		oldest := (w.arrived - len(w.actions)) % len(w.actions)
		w.actions[oldest], w.weights[oldest] = w.newAction()
	}
}

// Expected implements World.
func (w *linear) Expected(dst []float64) []float64 { return append(dst, w.mean...) }

// Reward implements World.
func (w *linear) Reward(i int) (float64, int) { return w.mean[i] + w.added, 0 }

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i] * b[i])
	}
	return sum
}
