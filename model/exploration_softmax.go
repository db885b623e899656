package model

import (
	"errors"
	"fmt"
	"math"
)

// DefaultLambda makes an action ten times as likely as one that is a quarter of the rewards' standard deviation worse.
const DefaultLambda = 10

// softmax is Boltzmann exploration.
type softmax struct{ lambda, floor float64 }

// NewSoftmax returns the policy of probabilities in proportion to exp(lambda·mean/deviation), deviation being the rewards'
// standard deviation: Boltzmann exploration with the temperature in that unit (Sutton and Barto, Reinforcement Learning,
// 2018, equation 2.11). Before rewards differ every action is alike. floor is the least share that is spread evenly.
func NewSoftmax(lambda, floor float64) (Exploration, error) {
	return softmax{lambda, floor}, errors.Join(checkScale("lambda", lambda), checkShare("floor", floor))
}

// Probabilities implements Exploration. Exponents are at most 0, so nothing overflows.
func (s softmax) Probabilities(dst []float64, estimates []Estimate, deviation float64, _ uint64) {
	scale := 0.0
	if deviation > 0 {
		scale = s.lambda / deviation
	}
	upperBounds(dst, estimates, 0)
	best, _ := highest(dst)
	for i, x := range dst {
		dst[i] = 1 // without 0·∞ for the best ones
		if x < best {
			dst[i] = math.Exp(scale * (x - best))
		}
	}
	normalise(dst)
	mix(dst, s.floor)
	settle(dst)
}

// normalise divides by the sum, which must be positive.
func normalise(p []float64) {
	sum := sumOf(p)
	for i := range p {
		p[i] /= sum
	}
}

// String implements Exploration.
func (s softmax) String() string {
	return fmt.Sprintf("softmax(lambda=%g) floor %g", s.lambda, s.floor)
}
