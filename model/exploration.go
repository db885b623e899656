package model

import (
	"fmt"
	"math"
)

// DefaultFloor is the share of probability that every default policy spreads evenly over the permitted actions, so that
// the log always supports judging another policy.
const DefaultFloor = 0.01

// DefaultEpsilon is the share of evenly spread choices of an ε-greedy policy that does not name one.
const DefaultEpsilon = 0.05

// DefaultExploration returns what a new loop explores with.
func DefaultExploration() Exploration { return squareCB{gamma: DefaultGamma, floor: DefaultFloor} }

// uniform chooses every action alike.
type uniform struct{}

// NewUniform returns the policy that gives every action the same probability, which meets any floor.
func NewUniform(floor float64) (Exploration, error) {
	return uniform{}, checkShare("floor", floor)
}

// Probabilities implements Exploration.
func (uniform) Probabilities(dst []float64, _ []Estimate, _ float64, _ uint64) {
	for i := range dst {
		dst[i] = 1 / float64(len(dst))
	}
	settle(dst)
}

// String implements Exploration.
func (uniform) String() string { return "uniform" }

// epsilonGreedy gives the best action all but epsilon.
type epsilonGreedy struct{ epsilon, floor float64 }

// NewEpsilonGreedy returns the policy that chooses evenly among all actions with probability epsilon, and the one of the
// highest mean otherwise; actions that tie for it share. floor is the least share that is spread evenly.
func NewEpsilonGreedy(epsilon, floor float64) (Exploration, error) {
	if err := checkShare("epsilon", epsilon); err != nil {
		return nil, err
	}
	return epsilonGreedy{epsilon, floor}, checkShare("floor", floor)
}

// Probabilities implements Exploration.
func (e epsilonGreedy) Probabilities(dst []float64, estimates []Estimate, _ float64, _ uint64) {
	best, ties := highest(estimates)
	for i := range dst {
		dst[i] = 0
		if mean(estimates[i]) == best {
			dst[i] = 1 / float64(ties)
		}
	}
	mix(dst, max(e.epsilon, e.floor))
	settle(dst)
}

// String implements Exploration.
func (e epsilonGreedy) String() string {
	return fmt.Sprintf("epsilon_greedy(epsilon=%g) floor %g", e.epsilon, e.floor)
}

// mean returns an estimate's mean, with whatever is not finite at the bottom, bounded so that gaps are finite.
func mean(e Estimate) float64 {
	const most = 1e300
	if math.IsNaN(e.Mean) || math.IsInf(e.Mean, 0) {
		return -most
	}
	return min(max(e.Mean, -most), most)
}

// highest returns the highest mean and how many estimates have it.
func highest(estimates []Estimate) (best float64, ties int) {
	for i := range estimates {
		switch m := mean(estimates[i]); {
		case i == 0 || m > best:
			best, ties = m, 1
		case m == best:
			ties++
		}
	}
	return best, ties
}

// mix replaces the share of every probability by the same share of the uniform distribution.
func mix(p []float64, share float64) {
	for i := range p {
		p[i] = float64((1-share)*p[i]) + share/float64(len(p))
	}
}

// settle takes what rounding left of the sum from the largest probability.
func settle(p []float64) {
	if len(p) == 0 {
		return
	}
	largest := 0
	for i := range p {
		if p[i] > p[largest] {
			largest = i
		}
	}
	rest := 1.0
	for i, x := range p {
		if i != largest {
			rest -= x
		}
	}
	p[largest] = rest
}

func checkShare(name string, x float64) error {
	if !(x >= 0 && x <= 1) {
		return fmt.Errorf("%s %g is not between 0 and 1", name, x)
	}
	return nil
}
