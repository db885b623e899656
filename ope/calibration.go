package ope

import (
	"math"
	"slices"
)

// Calibration compares the logged propensities of each action with how often it was served. If an action could be served
// in every decision, the mean of 1[it was served]/propensity is 1 up to chance; where it could not always be, less.
type Calibration struct {
	// Actions are those with the most samples, by number.
	Actions []ActionCalibration
	// Excess is the largest Z of all: many standard errors above 1 mean that the action was served more often than its
	// propensities say, which no rule about who may get what explains.
	Excess float64
	// ExcessAction is the number of that action.
	ExcessAction int
}

// ActionCalibration is that of one action: how many samples it has, the mean over the log of 1[served]/propensity, and how
// many standard errors that is above 1.
type ActionCalibration struct {
	Action     int
	N, Mean, Z float64
}

// calibratedActions bounds the actions that are followed, by their numbers, and shownActions those that are reported.
const (
	calibratedActions = 1 << 12
	shownActions      = 50
)

type inverseSums struct{ n, sum, square float64 }

type calibrating struct{ actions []inverseSums }

func newCalibrating() calibrating { return calibrating{} }

func (c *calibrating) add(action int, inverse float64) {
	if action < 0 || action >= calibratedActions {
		return
	}
	for action >= len(c.actions) {
		c.actions = append(c.actions, inverseSums{})
	}
	a := &c.actions[action]
	a.n++
	a.sum += inverse
	a.square += inverse * inverse
}

// leastServed is from how many samples on an action's mean is tested.
const leastServed = 30

// calibration compares what n samples, which stand for so many decisions, were served with their propensities.
// Standard errors are those of independent samples times the root of the design effect of the weights.
func (c *calibrating) calibration(n, stands, effect float64) Calibration {
	out := Calibration{Excess: math.NaN(), ExcessAction: -1}
	for i, a := range c.actions {
		if a.n == 0 {
			continue
		}
		one := ActionCalibration{Action: i, N: a.n, Mean: a.sum / stands, Z: math.NaN()}
		if a.n >= leastServed {
			variance := (a.square/n - (a.sum/n)*(a.sum/n)) * n
			one.Z = standardised(one.Mean-1, math.Sqrt(max(variance, 0)*effect)/stands)
			if !(one.Z <= out.Excess) {
				out.Excess, out.ExcessAction = one.Z, i
			}
		}
		out.Actions = append(out.Actions, one)
	}
	slices.SortStableFunc(out.Actions, func(a, b ActionCalibration) int { return int(b.N - a.N) })
	if len(out.Actions) > shownActions {
		out.Actions = out.Actions[:shownActions]
	}
	return out
}
