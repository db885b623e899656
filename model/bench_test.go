package model

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// trained returns a Linear that has learned from k actions and contexts of about 30 terms, and one request.
func trained(k int) (*Linear, features.Set, []Candidate) {
	l := NewLinear(LinearOptions{})
	rnd := rand.New(rand.NewPCG(1, 1))
	var actions []Candidate
	for i := range k {
		actions = append(actions, Candidate{ID: fmt.Sprint("action-", i), Features: must(features.NewSet([]features.Feature{
			{Name: "tone", Value: features.TextValue(fmt.Sprint("t", i%4))}, {Name: "discount", Value: features.NumberValue(float64(i % 7))},
		}))})
	}
	request := func() features.Set {
		var fs []features.Feature
		for i := range 30 {
			f := features.Feature{Name: fmt.Sprintf("feature%02d", i), Value: features.NumberValue(rnd.NormFloat64())}
			if i%6 == 0 {
				f.Value = features.TextValue(fmt.Sprint("v", rnd.IntN(3)))
			}
			fs = append(fs, f)
		}
		return must(features.NewSet(fs))
	}
	for i := range 3000 {
		c := request()
		l.Observe(c, actions[:min(k, 1+i)])
		x := l.Encode(c, actions[i%k])
		l.Settle(&x, rnd.Float64(), 1)
	}
	return l, request(), actions
}

func BenchmarkEstimate(b *testing.B) {
	for _, k := range []int{10, 50, 500} {
		b.Run(fmt.Sprintf("actions=%d", k), func(b *testing.B) {
			l, c, as := trained(k)
			p := must(l.Predictor())
			var es []Estimate
			b.ReportAllocs()
			for b.Loop() {
				es = p.Estimate(es[:0], c, as)
			}
		})
	}
}

func BenchmarkSquareCB(b *testing.B) {
	for _, k := range []int{10, 50, 500} {
		b.Run(fmt.Sprintf("actions=%d", k), func(b *testing.B) {
			es, p := make([]Estimate, k), make([]float64, k)
			for i := range es {
				es[i].Mean = float64(i%17) / 17
			}
			e := DefaultExploration()
			b.ReportAllocs()
			for b.Loop() {
				e.Probabilities(p, es, 0.3, 1000)
			}
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	p := make([]float64, 50)
	for i := range p {
		p[i] = 1.0 / 50
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		Draw(p, Uniform(1, "01J0000000000000000000000", i))
		i++
	}
}

func BenchmarkSettle(b *testing.B) {
	l, c, as := trained(10)
	b.ReportAllocs()
	for b.Loop() {
		x := l.Encode(c, as[3])
		l.Settle(&x, 1, 1)
	}
}

// BenchmarkPredictor measures publishing after one more event, and from scratch.
func BenchmarkPredictor(b *testing.B) {
	for _, k := range []int{10, 50, 500} {
		for _, all := range []bool{false, true} {
			b.Run(fmt.Sprintf("actions=%d/scratch=%t", k, all), func(b *testing.B) {
				l, c, as := trained(k)
				x := l.Encode(c, as[3])
				must(l.Predictor())
				b.ReportAllocs()
				for b.Loop() {
					if all {
						l.cache = fitCache{}
					}
					l.Provisional(&x, 1, 1e-9)
					must(l.Predictor())
				}
			})
		}
	}
}

// TestDecidingAllocatesNothing is the allocation budget of a decision's model part.
func TestDecidingAllocatesNothing(t *testing.T) {
	l, c, as := trained(50)
	p, e := must(l.Predictor()), DefaultExploration()
	es, probabilities := make([]Estimate, 0, 50), make([]float64, 50)
	if n := testing.AllocsPerRun(100, func() {
		es = p.Estimate(es[:0], c, as)
		e.Probabilities(probabilities, es, p.RewardDeviation(), p.Events())
		Draw(probabilities, Uniform(1, "event", 0))
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
