package model

import (
	"fmt"
	"math"
	"testing"
)

// benchmarked returns every policy with its default parameters, by name.
func benchmarked() map[string]Exploration {
	return map[string]Exploration{
		"uniform": must(NewUniform(DefaultFloor)), "epsilon_greedy": must(NewEpsilonGreedy(DefaultEpsilon, DefaultFloor)),
		"squarecb": DefaultExploration(), "squarecb_plain": must(NewSquareCB(DefaultGamma, DefaultFloor)),
		"squarecb_elimination": must(NewOptimisticSquareCB(SquareCBOptions{Gamma: DefaultGamma, Optimism: DefaultOptimism, Elimination: 2})),
		"ucb":                  must(NewUCB(DefaultOptimism, DefaultFloor)), "softmax": must(NewSoftmax(DefaultLambda, DefaultFloor)),
		"bagging": must(NewBagging(0, DefaultFloor)), "thompson": must(NewThompson(DefaultWidth, DefaultFloor)),
	}
}

// BenchmarkProbabilities: estimates in which about one action in twenty can be the best, and 10 replicates.
func BenchmarkProbabilities(b *testing.B) {
	for name, e := range benchmarked() {
		for _, k := range []int{10, 50, 500, 10_000} {
			b.Run(fmt.Sprintf("policy=%s/actions=%d", name, k), func(b *testing.B) {
				es, p := manyEstimates(k), make([]float64, k)
				b.ReportAllocs()
				for b.Loop() {
					e.Probabilities(p, es, 0.5, 10_000)
				}
			})
		}
	}
}

// BenchmarkThompson: of equal actions all can win; deviations that differ 10,000 times need more panels.
func BenchmarkThompson(b *testing.B) {
	for _, ratio := range []float64{1, 1e4} {
		for _, k := range []int{10, 50, 500, 10_000} {
			b.Run(fmt.Sprintf("deviations=%g/actions=%d", ratio, k), func(b *testing.B) {
				es, p, e := make([]Estimate, k), make([]float64, k), must(NewThompson(DefaultWidth, DefaultFloor))
				for i := range es {
					es[i].Variance = math.Pow(ratio, -2*float64(i)/float64(k))
				}
				b.ReportAllocs()
				for b.Loop() {
					e.Probabilities(p, es, 0.5, 10_000)
				}
			})
		}
	}
}
