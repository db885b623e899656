package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// slowGradient is the slow obvious twin of Gradient: maps by written-out names instead of hashes, every number ever seen
// kept for its mean and deviation, math.Exp.
type slowGradient struct {
	opts                                  GradientOptions
	values                                map[string][][2]float64 // value and weight
	w, a, g                               map[string]float64
	weight, reward, squares, errors, norm float64
	gain, gap                             []float64 // by example
}

func newSlowGradient(o GradientOptions) *slowGradient {
	return &slowGradient{opts: NewGradient(o).opts, values: map[string][][2]float64{}, w: map[string]float64{}, a: map[string]float64{}, g: map[string]float64{}}
}

type slowTerm struct {
	name string
	x    float64
}

// numbers calls f for every number of a set, by name.
func slowNumbers(prefix string, s features.Set, f func(name string, x float64)) {
	for _, v := range s {
		switch v.Value.Kind() {
		case features.Number:
			f(prefix+v.Name, v.Value.Number())
		case features.Numbers:
			for k, x := range v.Value.Numbers() {
				f(fmt.Sprint(prefix, v.Name, "#", k), x)
			}
		}
	}
}

func (s *slowGradient) terms(prefix string, set features.Set) (ts []slowTerm) {
	slowNumbers(prefix, set, func(name string, x float64) {
		n, mean, square := 0.0, 0.0, 0.0
		for _, v := range s.values[name] {
			n += v[1]
			mean += v[0] * v[1]
		}
		mean /= n
		for _, v := range s.values[name] {
			square += v[1] * (v[0] - mean) * (v[0] - mean)
		}
		if square > 0 {
			ts = append(ts, slowTerm{name, min(max((x-mean)/math.Sqrt(square/n), -10), 10)})
		}
		if n > 0 && n < s.weight-1e-6 {
			ts = append(ts, slowTerm{name + " is there", 1})
		}
	})
	for _, f := range set {
		for _, t := range append(f.Value.Texts(), f.Value.Text()) {
			if t != "" {
				ts = append(ts, slowTerm{prefix + f.Name + "=" + t, 1})
			}
		}
		if f.Value.Flag() {
			ts = append(ts, slowTerm{prefix + f.Name + "!", 1})
		}
	}
	return ts
}

func (s *slowGradient) example(context features.Set, action Candidate) (all []slowTerm) {
	zs := s.terms("context ", context)
	n := len(zs)
	for i := range n {
		for j := range i + 1 {
			if p := (slowTerm{zs[i].name + " and " + zs[j].name, zs[i].x * zs[j].x}); s.opts.MaxPairs > 0 && (i != j || zs[i].x != 1) {
				zs = append(zs, p)
			}
		}
	}
	for _, a := range append(s.terms("action ", action.Features), slowTerm{"id " + action.ID, 1}) {
		all = append(all, a)
		for _, z := range zs {
			all = append(all, slowTerm{a.name + " × " + z.name, a.x * z.x})
		}
	}
	return all
}

func (s *slowGradient) score(ts []slowTerm) (score float64) {
	for _, t := range ts {
		score += s.w[t.name] * t.x
	}
	return score
}

// mixed is what is predicted with.
func (s *slowGradient) mixed(ts []slowTerm) (score float64) {
	gain, gap := 0.0, 0.0
	for i := range s.gain {
		age := float64(len(s.gain) - 1 - i)
		gain += s.gain[i] * math.Pow(0.998, age)
		gap += s.gap[i] * math.Pow(0.998, age)
	}
	trust := 1.0
	if gap > 0 {
		trust = min(max(gain/gap, 0), 1)
	}
	return (1-trust)*s.score(ts) + trust*s.averaged(ts)
}

func (s *slowGradient) averaged(ts []slowTerm) (score float64) {
	for _, t := range ts {
		score += s.a[t.name] * t.x
	}
	return score
}

func (s *slowGradient) predict(score float64) float64 {
	if s.opts.Loss == Squared {
		return s.opts.DefaultReward + score
	}
	d := s.opts.DefaultReward
	return 1 / (1 + math.Exp(-score-math.Log(d/(1-d))))
}

func (s *slowGradient) settle(context features.Set, action Candidate, reward, weight float64) {
	target := reward - s.opts.DefaultReward
	s.weight += weight
	s.reward += weight * target
	s.squares += weight * target * target
	add := func(name string, x float64) { s.values[name] = append(s.values[name], [2]float64{x, weight}) }
	slowNumbers("context ", context, add)
	slowNumbers("action ", action.Features, add)
	ts := s.example(context, action)
	mean := s.reward / (s.weight + 1)
	variance := s.squares/(s.weight+1) - mean*mean
	score := s.score(ts)
	e := reward - s.predict(score)
	d := s.predict(s.averaged(ts)) - s.predict(score)
	s.gain, s.gap = append(s.gain, weight*d*e), append(s.gap, weight*d*d)
	s.errors += weight * e * e
	for _, t := range ts {
		s.norm += weight * t.x * t.x
	}
	eta := s.opts.Rate * math.Sqrt(s.weight/s.norm)
	if s.opts.Loss == Logistic {
		eta /= math.Sqrt(variance)
	}
	length, rates := 0.0, map[string]float64{}
	for _, t := range ts {
		s.g[t.name] += weight * min(e*e/variance, 100) * t.x * t.x
		rates[t.name] = eta * t.x / math.Sqrt(1+min(s.g[t.name], s.opts.Memory))
		length += rates[t.name] * t.x
	}
	moved := s.flow(score, reward, weight*length)
	for _, t := range ts {
		s.w[t.name] += moved / length * rates[t.name]
		s.a[t.name] += (s.w[t.name] - s.a[t.name]) * min(1, 3/(1+s.g[t.name]))
	}
}

// flow follows the gradient flow in small steps where it has no closed form.
func (s *slowGradient) flow(score, reward, time float64) float64 {
	if s.opts.Loss == Squared {
		return (reward - s.predict(score)) * (1 - math.Exp(-time))
	}
	flow := func(y, time float64) float64 {
		z, n := score, 10000
		for range n { // the midpoint rule
			half := z + (y-s.predict(z))*time/float64(2*n)
			z += (y - s.predict(half)) * time / float64(n)
		}
		return z - score
	}
	return flow(1, time*reward) + flow(0, time*(1-reward))
}

// TestGradientIsItsTwin compares every prediction along the way, with terms of every kind and scale.
func TestGradientIsItsTwin(t *testing.T) {
	for _, o := range []GradientOptions{
		{Bits: 24}, {Bits: 24, DefaultReward: 4, MaxPairs: 1000, Rate: 0.3, Memory: 10}, {Bits: 24, Loss: Logistic, DefaultReward: 0.1},
	} {
		t.Run(fmt.Sprintf("loss %d, %d pairs", o.Loss, o.MaxPairs), func(t *testing.T) {
			g, twin, w := NewGradient(o), newSlowGradient(o), newWideWorld(11)
			rnd := rand.New(rand.NewPCG(2, 2))
			for range 120 {
				c, as := w.context(), w.actions(3)
				for i, e := range must(g.Predictor()).Estimate(nil, c, as) {
					near(t, "prediction", e.Mean, twin.predict(twin.mixed(twin.example(c, as[i]))), 1e-7)
				}
				reward, weight := 10*rnd.NormFloat64(), 0.5+rnd.Float64()
				if o.Loss == Logistic {
					reward = []float64{0, 1, rnd.Float64()}[rnd.IntN(3)]
				}
				x := g.Encode(c, as[0])
				g.Settle(&x, reward, weight)
				twin.settle(c, as[0], reward, weight)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func TestExpIsAccurate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 100000 {
		x := 1400*rnd.Float64() - 700
		if got, want := exp(x), math.Exp(x); !(math.Abs(got-want) <= 1e-15*want) {
			t.Fatalf("exp(%g) is %g, want %g", x, got, want)
		}
	}
	for x := 1.0; x > 1e-12; x /= 2 {
		if got, want := oneLessExp(x), -math.Expm1(-x); !(math.Abs(got-want) <= 1e-10*want) {
			t.Errorf("1 - exp(-%g) is %g, want %g", x, got, want)
		}
	}
}

// TestStepsAreInvariantToWeights checks that two steps along the same rates are one of twice the weight, for both losses.
func TestStepsAreInvariantToWeights(t *testing.T) {
	for _, o := range []GradientOptions{{}, {Loss: Logistic}} {
		for _, reward := range []float64{0, 1} {
			for _, length := range []float64{1e-6, 0.1, 3, 20} {
				for _, z := range []float64{-6, -0.3, 0, 2, 5} {
					one := length * o.advance(z, reward, 1, length)
					two := one + length*o.advance(z+one, reward, 1, length)
					near(t, "twice the weight", length*o.advance(z, reward, 2, length), two, 1e-9)
				}
			}
		}
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s is %.12g, the twin says %.12g", what, got, want)
	}
}
