package model

import (
	"fmt"
	"math/rand/v2"

	"github.com/nextbest/nextbest/features"
)

// wideWorld draws features of every kind, with scales from 1e-6 to 1e6 and offsets far larger than deviations.
type wideWorld struct{ rnd *rand.Rand }

func newWideWorld(seed uint64) *wideWorld { return &wideWorld{rand.New(rand.NewPCG(seed, 1))} }

func (w *wideWorld) context() features.Set {
	fs := []features.Feature{
		{Name: "big", Value: features.NumberValue(3e7 + 1e6*w.rnd.NormFloat64())},
		{Name: "small", Value: features.NumberValue(1e-6 * w.rnd.NormFloat64())},
		{Name: "city", Value: features.TextValue(fmt.Sprint("c", w.rnd.IntN(4)))},
		{Name: "vip", Value: features.FlagValue(w.rnd.IntN(3) == 0)},
		{Name: "embedding", Value: features.NumbersValue([]float64{w.rnd.NormFloat64(), 5 + w.rnd.Float64()})},
	}
	if w.rnd.IntN(3) > 0 {
		fs = append(fs, features.Feature{Name: "sometimes", Value: features.NumberValue(100 + 7*w.rnd.NormFloat64())})
	}
	return must(features.NewSet(fs))
}

func (w *wideWorld) actions(n int) []Candidate {
	var cs []Candidate
	for range n {
		id := w.rnd.IntN(7)
		fs := []features.Feature{
			{Name: "price", Value: features.NumberValue(1000 * float64(id))},
			{Name: "tags", Value: features.TextsValue([]string{fmt.Sprint("t", id%2), fmt.Sprint("u", w.rnd.IntN(3))})},
		}
		if id > 2 {
			fs = append(fs, features.Feature{Name: "margin", Value: features.NumberValue(w.rnd.Float64())})
		}
		cs = append(cs, Candidate{ID: fmt.Sprint("a", id), Features: must(features.NewSet(fs))})
	}
	return cs
}

// linearWorld has rewards that are linear in three numbers and a text, differently by action, with noise of 0.1. unit
// scales the numbers, scale and offset the rewards.
type linearWorld struct {
	rnd   *rand.Rand
	units [3]float64
}

func newLinearWorld(seed uint64, units [3]float64) *linearWorld {
	return &linearWorld{rand.New(rand.NewPCG(seed, 7)), units}
}

func (w *linearWorld) next() (context features.Set, action Candidate, mean, reward float64) {
	id, city := w.rnd.IntN(4), w.rnd.IntN(3)
	fs := []features.Feature{{Name: "city", Value: features.TextValue(fmt.Sprint("c", city))}}
	mean = float64(id*city) / 4
	for i, unit := range w.units {
		x := w.rnd.NormFloat64()
		mean += x * float64((id*(i+2))%3-1) / 2
		fs = append(fs, features.Feature{Name: fmt.Sprint("x", i), Value: features.NumberValue(unit * (x + 3))})
	}
	return must(features.NewSet(fs)), Candidate{ID: fmt.Sprint("a", id)}, mean, mean + 0.1*w.rnd.NormFloat64()
}

// teach has e learn n examples, with rewards times scale plus offset.
func teach(e Estimator, w *linearWorld, n int, scale, offset float64) {
	for range n {
		c, a, _, r := w.next()
		e.Observe(c, []Candidate{a})
		x := e.Encode(c, a)
		e.Settle(&x, scale*r+offset, 1)
	}
}

// meanSquaredError is of expectations, over 1,000 new requests.
func meanSquaredError(p Predictor, w *linearWorld, scale, offset float64) (mse, variance float64) {
	for range 1000 {
		c, a, mean, _ := w.next()
		d := (p.Estimate(nil, c, []Candidate{a})[0].Mean-offset)/scale - mean
		mse += d * d / 1000
		variance += mean * mean / 1000
	}
	return mse, variance
}
