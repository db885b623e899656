package model

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// trainedGradient is a Gradient that has learned from what trained draws.
func trainedGradient(k int, o GradientOptions) (*Gradient, features.Set, []Candidate) {
	g := NewGradient(o)
	next, actions := requests(k)
	for i := range 3000 {
		x := g.Encode(next(), actions[i%k])
		g.Settle(&x, float64(i%2), 1)
	}
	return g, next(), actions
}

// requests returns k actions with two features and a source of contexts of 30, a sixth of them texts.
func requests(k int) (func() features.Set, []Candidate) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var actions []Candidate
	for i := range k {
		actions = append(actions, Candidate{ID: fmt.Sprint("action-", i), Features: must(features.NewSet([]features.Feature{
			{Name: "tone", Value: features.TextValue(fmt.Sprint("t", i%4))}, {Name: "discount", Value: features.NumberValue(float64(i % 7))},
		}))})
	}
	return func() features.Set {
		var fs []features.Feature
		for i := range 30 {
			f := features.Feature{Name: fmt.Sprintf("feature%02d", i), Value: features.NumberValue(rnd.NormFloat64())}
			if i%6 == 0 {
				f.Value = features.TextValue(fmt.Sprint("v", rnd.IntN(3)))
			}
			fs = append(fs, f)
		}
		return must(features.NewSet(fs))
	}, actions
}

func BenchmarkGradientEstimate(b *testing.B) {
	for _, k := range []int{10, 50} {
		for _, variance := range []bool{false, true} {
			b.Run(fmt.Sprintf("actions=%d/variance=%t", k, variance), func(b *testing.B) {
				g, c, as := trainedGradient(k, GradientOptions{Variance: variance})
				p := must(g.Predictor())
				var es []Estimate
				b.ReportAllocs()
				for b.Loop() {
					es = p.Estimate(es[:0], c, as)
				}
			})
		}
	}
}

// BenchmarkGradientSettle measures encoding and one step.
func BenchmarkGradientSettle(b *testing.B) {
	for _, o := range []GradientOptions{{}, {Loss: Logistic}, {MaxPairs: 1000}} {
		b.Run(fmt.Sprintf("loss=%d/pairs=%d", o.Loss, o.MaxPairs), func(b *testing.B) {
			g, c, as := trainedGradient(10, o)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				x := g.Encode(c, as[i%10])
				g.Settle(&x, float64(i%2), 1)
				i++
			}
		})
	}
}

// BenchmarkGradientPublish measures a step and a publication, which has the step copy pages.
func BenchmarkGradientPublish(b *testing.B) {
	g, c, as := trainedGradient(10, GradientOptions{})
	x := g.Encode(c, as[3])
	b.ReportAllocs()
	for b.Loop() {
		g.Settle(&x, 1, 1)
		must(g.Predictor())
	}
}
