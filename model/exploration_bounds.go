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

// mean returns an estimate's mean, with whatever is not finite at the bottom.
func mean(e *Estimate) float64 {
	if !finite(e.Mean) {
		return -most
	}
	return bounded(e.Mean)
}

// deviation returns the standard deviation of an estimate's mean, 0 where it has none or either is not finite.
func deviation(e *Estimate) float64 {
	if !(e.Variance > 0) || !finite(e.Variance) || !finite(e.Mean) {
		return 0
	}
	return math.Sqrt(e.Variance)
}

// index returns the mean and so many of its standard deviations; a negative width gives a lower bound.
func index(e *Estimate, width float64) float64 {
	return bounded(mean(e) + float64(width*deviation(e)))
}

// indices writes the index of each estimate.
func indices(dst []float64, estimates []Estimate, width float64) {
	for i := range dst {
		dst[i] = index(&estimates[i], width)
	}
}

func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

func bounded(x float64) float64 { return min(max(x, -most), most) }

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
	indices(dst, estimates, u.optimism)
	favour(dst)
	mix(dst, u.floor)
	settle(dst)
}

// String implements Exploration.
func (u ucb) String() string { return fmt.Sprintf("ucb(optimism=%g) floor %g", u.optimism, u.floor) }
