package ope_test

import (
	"fmt"
	"math"

	"github.com/nextbest/nextbest/ope"
)

// Three estimates from one log: of the weights alone, of the model alone, and of both.
func ExampleParseEstimators() {
	log := []ope.Sample{
		{Reward: 1, Propensity: 0.5, Target: 0.8, QLogged: 0.7, QTarget: 0.6},
		{Reward: 0, Propensity: 0.5, Target: 0.2, QLogged: 0.2, QTarget: 0.6},
	}
	specs, err := ope.ParseEstimators([]string{"ips", "dm", "dr", "switch_dr(1)"}, math.NaN())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, spec := range specs {
		var sums ope.Moments
		for i := range log {
			terms := spec.Estimator.Terms(&log[i])
			terms.Count = 1
			sums.Add(terms)
		}
		sums.Flush()
		fmt.Printf("%s %.3f\n", spec.Name, sums.Value(spec.Estimator.SelfNormalised()))
	}
	// Output:
	// ips 0.800
	// dm 0.600
	// dr 0.800
	// switch_dr(1) 0.560
}

// SLOPE clips as far as the intervals still agree: here one weight of 500 says what the others do.
func ExampleTuned() {
	specs, err := ope.ParseEstimators([]string{"dr+slope"}, math.NaN())
	if err != nil {
		fmt.Println(err)
		return
	}
	tuned := ope.NewTuned(*specs[0].Tuning)
	for i := range 1000 {
		s := ope.Sample{Reward: float64(i % 2), Propensity: 0.5, Target: 0.5, QLogged: 0.5, QTarget: 0.5}
		if i == 500 {
			s.Propensity = 0.001 // a weight of 500
		}
		tuned.Add(&s, 1)
	}
	chosen := &tuned.Candidates[tuned.Choose()]
	fmt.Printf("λ = %g: %.3f\n", chosen.Lambda, chosen.Moments.Value(false))
	// Output:
	// λ = 1: 0.500
}

func ExampleParseEstimators_unknown() {
	_, err := ope.ParseEstimators([]string{"switch-dr"}, math.NaN())
	fmt.Println(err.Error()[:63])
	// Output:
	// unknown estimator "switch-dr": did you mean switch_dr? The esti
}
