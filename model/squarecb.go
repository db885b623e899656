package model

import (
	"fmt"
	"math"
)

// DefaultGamma was chosen on mean reward over several data sets; half or twice as much changes little.
const DefaultGamma = 5

// squareCB is inverse gap weighting: Foster and Rakhlin, Beyond UCB (ICML 2020), after Abe and Long (1999).
type squareCB struct{ gamma, floor float64 }

// NewSquareCB returns the policy that gives an action 1/(K + γ·gap), where K is the number of actions and gap how far its
// mean is below the best one's; the best actions share the rest. By theory γ grows with the square root of the number
// of events and is in units of the reward: γ = gamma·√n/deviation. floor is the least share that is spread evenly.
func NewSquareCB(gamma, floor float64) (Exploration, error) {
	if !(gamma >= 0) || math.IsInf(gamma, 0) {
		return nil, fmt.Errorf("gamma %g is not a finite number of at least 0", gamma)
	}
	return squareCB{gamma, floor}, checkShare("floor", floor)
}

// Probabilities implements Exploration.
func (s squareCB) Probabilities(dst []float64, estimates []Estimate, deviation float64, n uint64) {
	best, ties := highest(estimates)
	gamma, k := 0.0, float64(len(dst))
	if deviation > 0 { // rewards that never differed tell no action from another
		gamma = s.gamma * math.Sqrt(float64(n)) / deviation
	}
	rest := 1.0
	for i := range dst {
		dst[i] = 0
		if gap := best - mean(estimates[i]); gap > 0 {
			dst[i] = 1 / (k + float64(gamma*gap))
			rest -= dst[i]
		}
	}
	for i := range dst {
		if dst[i] == 0 && mean(estimates[i]) == best {
			dst[i] = rest / float64(ties)
		}
	}
	mix(dst, s.floor)
	settle(dst)
}

// String implements Exploration.
func (s squareCB) String() string {
	return fmt.Sprintf("squarecb(gamma=%g) floor %g", s.gamma, s.floor)
}
