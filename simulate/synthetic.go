package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// SyntheticOptions say what a made-up world is like.
type SyntheticOptions struct {
	Kind     string // one of SyntheticKinds
	Actions  int    // to choose from in each round, at least 2
	Features int    // of the context, at least 1
	Rounds   int    // that will be played: changes come at shares of it
	Seed     uint64
}

// SyntheticKinds returns the kinds of worlds, each with what it is.
func SyntheticKinds() [][2]string {
	return [][2]string{
		{"linear", "what an action pays is linear in the context, differently for each action"},
		{"drift", "linear, and what the actions pay wanders all the time"},
		{"heavy-tails", "linear, with noise of infinite variance (Student's t of 1.5 degrees)"},
		{"rare", "rewards are 1 or 0: the right action of a visitor's segment pays in 10%, others in 2%"},
		{"rarer", "the same with 1% and 0.2%"},
		{"arriving", "linear; every twentieth of the run one action retires and a new one arrives"},
		{"context-free", "rewards are 1 or 0, an action's rate is between 5% and 15% and the same for everybody"},
		{"action-features", "linear in context times features of the actions, which explain nine tenths of it"},
	}
}

// Synthetic makes a world from its seed.
func Synthetic(o SyntheticOptions) (World, error) {
	if o.Actions < 2 || o.Actions > maxActions || o.Features < 1 {
		return nil, fmt.Errorf("a world of %d actions and %d features: at least 2 (at most %d) and 1 are needed",
			o.Actions, o.Features, maxActions)
	}
	rng := generator(o.Seed, "world")
	switch o.Kind {
	case "linear":
		return newLinear(o, rng), nil
	case "drift":
		w := newLinear(o, rng)
		w.wander = wanderStep
		return w, nil
	case "heavy-tails":
		w := newLinear(o, rng)
		w.noise = func() float64 { return noiseDeviation * student(rng, 1.5) }
		return w, nil
	case "rare":
		return newSegments(o, rng, 0.10, 0.02), nil
	case "rarer":
		return newSegments(o, rng, 0.01, 0.002), nil
	case "arriving":
		w := newFeatured(o, rng, 0.5)
		w.life = max(o.Rounds/20, 1)
		return w, nil
	case "context-free":
		return newRates(o, rng), nil
	case "action-features":
		return newFeatured(o, rng, 0.9), nil
	}
	return nil, fmt.Errorf("no world is called %q", o.Kind)
}

// noiseDeviation is the standard deviation of what a linear world adds to a reward: half of what tells actions apart.
const noiseDeviation = 0.5

// wanderStep is the share of an action's weights' variance that is drawn anew every wanderEvery rounds: after about
// 500 rounds half of what was is gone.
const (
	wanderStep  = 0.13
	wanderEvery = 100
)

// student returns a draw of Student's t distribution with df degrees of freedom: a normal over the root of a mean
// square, a chi-squared of df = 1.5 being twice a gamma of shape 0.75.
func student(rng *rand.Rand, df float64) float64 {
	return rng.NormFloat64() / math.Sqrt(2*gamma(rng, df/2)/df)
}

// gamma returns a draw of the gamma distribution of a shape below 1 (Ahrens and Dieter, 1974, algorithm GS).
func gamma(rng *rand.Rand, shape float64) float64 {
	for b := 1 + shape/math.E; ; {
		p, e := b*rng.Float64(), rng.ExpFloat64()
		if p > 1 {
			if x := -math.Log((b - p) / shape); e >= (1-shape)*math.Log(x) {
				return x
			}
		} else if x := math.Pow(p, 1/shape); e >= x {
			return x
		}
	}
}

// rates is a world without context, whose actions pay 1 at rates of their own.
type rates struct {
	rates   []float64
	actions []model.Candidate
	rng     *rand.Rand
	u       float64
}

func newRates(o SyntheticOptions, rng *rand.Rand) *rates {
	w := &rates{rng: rng, actions: named(o.Actions)}
	for range o.Actions {
		w.rates = append(w.rates, 0.05+float64(0.1*rng.Float64()))
	}
	return w
}

func named(actions int) []model.Candidate {
	out := make([]model.Candidate, actions)
	for i := range out {
		out[i].ID = "a" + strconv.Itoa(i)
	}
	return out
}

// Next implements World.
func (w *rates) Next(int) (features.Set, []model.Candidate) {
	w.u = w.rng.Float64()
	return nil, w.actions
}

// Expected implements World.
func (w *rates) Expected(dst []float64) []float64 { return append(dst, w.rates...) }

// Reward implements World.
func (w *rates) Reward(i int) (float64, int) { return paid(w.u, w.rates[i]), 0 }

func paid(u, rate float64) float64 {
	if u < rate {
		return 1
	}
	return 0
}

// segments is a world of visitors in eight segments, each with one action that pays more often. The other features,
// numbers, mean nothing.
type segments struct {
	right       [8]int
	high, low   float64
	actions     []model.Candidate
	rng         *rand.Rand
	context     features.Set
	segment     int
	u           float64
	noise, mean []float64
}

func newSegments(o SyntheticOptions, rng *rand.Rand, high, low float64) *segments {
	w := &segments{high: high, low: low, actions: named(o.Actions), rng: rng}
	for s, a := range rng.Perm(max(o.Actions, len(w.right)))[:len(w.right)] {
		w.right[s] = a % o.Actions
	}
	w.noise, w.mean = make([]float64, o.Features-1), make([]float64, o.Actions)
	return w
}

// Next implements World.
func (w *segments) Next(int) (features.Set, []model.Candidate) {
	w.u, w.segment = w.rng.Float64(), w.rng.IntN(len(w.right))
	for i := range w.noise {
		w.noise[i] = w.rng.NormFloat64()
	}
	w.context = append(w.context[:0], features.Feature{Name: "segment", Value: features.TextValue("s" + strconv.Itoa(w.segment))})
	w.context = appendNumbers(w.context, w.noise)
	for i := range w.mean {
		w.mean[i] = w.low
	}
	w.mean[w.right[w.segment]] = w.high
	return w.context, w.actions
}

// appendNumbers appends features whose names keep their order.
func appendNumbers(dst features.Set, xs []float64) features.Set {
	for i, x := range xs {
		dst = append(dst, features.Feature{Name: fmt.Sprintf("x%04d", i), Value: features.NumberValue(x)})
	}
	return dst
}

// Expected implements World.
func (w *segments) Expected(dst []float64) []float64 { return append(dst, w.mean...) }

// Reward implements World.
func (w *segments) Reward(i int) (float64, int) { return paid(w.u, w.mean[i]), 0 }
