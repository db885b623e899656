package model

import (
	"errors"
	"fmt"
	"math"
)

// DefaultOptimism is how many standard deviations an index lies above the mean, of policies that do not say. Theory asks
// for more than one; in practice a third to a half of the posterior's width earns most.
const DefaultOptimism = 0.4

// most bounds means and indices so that gaps between them are finite.
const most = 1e300

// meanOf returns an estimate's mean, with whatever is not finite at the bottom.
func meanOf(e *Estimate) float64 {
	if !isFinite(e.Mean) {
		return -most
	}
	return clamp(e.Mean)
}

// deviationOf returns the standard deviation of an estimate's mean, 0 where it has none or either is not finite.
func deviationOf(e *Estimate) float64 {
	if !(e.Variance > 0) || !isFinite(e.Variance) || !isFinite(e.Mean) {
		return 0
	}
	return math.Sqrt(e.Variance)
}

// bound returns the mean and so many of its standard deviations; a negative width gives a lower bound.
func bound(e *Estimate, width float64) float64 {
	if e.Variance == 0 {
		return meanOf(e)
	}
	return clamp(meanOf(e) + float64(width*deviationOf(e)))
}

// upperBounds writes the bound of each estimate: the indices that are compared.
func upperBounds(dst []float64, estimates []Estimate, width float64) {
	for i := range dst {
		dst[i] = bound(&estimates[i], width)
	}
}

func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// clamp bounds what is no NaN.
func clamp(x float64) float64 {
	switch {
	case x > most:
		return most
	case x < -most:
		return -most
	}
	return x
}

// ucb gives the highest index all but the floor.
type ucb struct{ optimism, floor float64 }

// NewUCB returns the policy that chooses the action of the highest mean + optimism·(the mean's standard deviation), after
// LinUCB (Li, Chu, Langford and Schapire, WWW 2010); actions that tie for it share. Bounds alone give probabilities 0 and 1,
// from which nothing else can be judged: floor is the share that is spread evenly.
func NewUCB(optimism, floor float64) (Exploration, error) {
	return ucb{optimism, floor}, errors.Join(checkScale("optimism", optimism), checkShare("floor", floor))
}

// Probabilities implements Exploration.
func (u ucb) Probabilities(dst []float64, estimates []Estimate, _ float64, _ uint64) {
	upperBounds(dst, estimates, u.optimism)
	favour(dst)
	mix(dst, u.floor)
	settle(dst)
}

// String implements Exploration.
func (u ucb) String() string { return fmt.Sprintf("ucb(optimism=%g) floor %g", u.optimism, u.floor) }
