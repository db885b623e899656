package model

import (
	"errors"
	"fmt"
	"math"
)

// DefaultFloor is the share of probability that every default policy spreads evenly over the permitted actions, so that
// the log always supports judging another policy.
const DefaultFloor = 0.01

// DefaultEpsilon is the share of evenly spread choices of an ε-greedy policy that does not name one.
const DefaultEpsilon = 0.05

// DefaultExploration returns what a new loop explores with. Where the estimator has no variances it is plain SquareCB.
func DefaultExploration() Exploration {
	return &squareCB{SquareCBOptions{Gamma: DefaultGamma, Optimism: DefaultOptimism, Shortlist: DefaultShortlist, Floor: DefaultFloor}}
}

// uniform chooses every action alike.
type uniform struct{}

// NewUniform returns the policy that gives every action the same probability, which meets any floor.
func NewUniform(floor float64) (Exploration, error) {
	return uniform{}, checkShare("floor", floor)
}

// Probabilities implements Exploration.
func (uniform) Probabilities(dst []float64, _ []Estimate, _ float64, _ uint64) { spread(dst) }

// String implements Exploration.
func (uniform) String() string { return "uniform" }

// spread writes the uniform distribution.
func spread(dst []float64) {
	each := 1 / float64(len(dst))
	for i := range dst {
		dst[i] = each
	}
	settle(dst)
}

// epsilonGreedy gives the best action all but epsilon.
type epsilonGreedy struct{ epsilon, decay, floor float64 }

// NewEpsilonGreedy returns the policy that chooses evenly among all actions with probability epsilon, and the one of the
// highest mean otherwise; actions that tie for it share. floor is the least share that is spread evenly.
func NewEpsilonGreedy(epsilon, floor float64) (Exploration, error) {
	return NewDecayingEpsilonGreedy(epsilon, 0, floor)
}

// NewDecayingEpsilonGreedy returns NewEpsilonGreedy's policy with epsilon·(1 + n/decay)^(-1/3) in the place of epsilon,
// n being the number of events learned from: after decay events it falls with the cube root of their number, the rate
// at which ε-greedy's regret is least (Slivkins, Introduction to Multi-Armed Bandits, 2019, theorem 1.6). With decay 0
// it does not fall.
func NewDecayingEpsilonGreedy(epsilon, decay, floor float64) (Exploration, error) {
	err := errors.Join(checkShare("epsilon", epsilon), checkScale("decay", decay), checkShare("floor", floor))
	return epsilonGreedy{epsilon, decay, floor}, err
}

// Probabilities implements Exploration.
func (e epsilonGreedy) Probabilities(dst []float64, estimates []Estimate, _ float64, n uint64) {
	upperBounds(dst, estimates, 0)
	favour(dst)
	epsilon := e.epsilon
	if e.decay > 0 {
		epsilon /= math.Cbrt(1 + float64(n)/e.decay)
	}
	mix(dst, max(epsilon, e.floor))
	settle(dst)
}

// String implements Exploration.
func (e epsilonGreedy) String() string {
	if e.decay > 0 {
		return fmt.Sprintf("epsilon_greedy(epsilon=%g, decay=%g) floor %g", e.epsilon, e.decay, e.floor)
	}
	return fmt.Sprintf("epsilon_greedy(epsilon=%g) floor %g", e.epsilon, e.floor)
}

// favour replaces indices by the distribution that the highest of them share.
func favour(dst []float64) {
	best, ties := highest(dst)
	each := 1 / float64(ties)
	for i, x := range dst {
		dst[i] = 0
		if x == best {
			dst[i] = each
		}
	}
}

// highest returns the highest index and how many have it.
func highest(indices []float64) (best float64, ties int) {
	best = math.Inf(-1)
	for _, x := range indices {
		switch {
		case x > best:
			best, ties = x, 1
		case x == best:
			ties++
		}
	}
	return best, ties
}

// mix replaces the share of every probability by the same share of the uniform distribution.
func mix(p []float64, share float64) {
	each := share / float64(len(p))
	for i, x := range p {
		p[i] = float64((1-share)*x) + each
	}
}

// settle takes what rounding left of the sum from the largest probability.
func settle(p []float64) {
	if len(p) == 0 {
		return
	}
	largest, most := 0, p[0]
	for i, x := range p {
		if x > most {
			largest, most = i, x
		}
	}
	p[largest] += 1 - sumOf(p)
}

// sumOf sums in blocks, whose rounding does not grow with their number: a plain sum of 100,000 equal probabilities is
// off by 2e-12.
func sumOf(p []float64) float64 {
	const block = 128
	if len(p) > block {
		half := (len(p)/block + 1) / 2 * block
		return sumOf(p[:half]) + sumOf(p[half:])
	}
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	return sum
}

// checkShare refuses what is no share.
func checkShare(name string, x float64) error {
	if !(x >= 0 && x <= 1) {
		return fmt.Errorf("%s %g is not between 0 and 1", name, x)
	}
	return nil
}

// checkScale refuses what is no factor.
func checkScale(name string, x float64) error {
	if !(x >= 0) || math.IsInf(x, 0) {
		return fmt.Errorf("%s %g is not a finite number of at least 0", name, x)
	}
	return nil
}
