package model

import (
	"errors"
	"fmt"
	"math"
)

// DefaultGamma was chosen on mean reward over several data sets; half or twice as much changes little.
const DefaultGamma = 50

// DefaultShortlist is how many actions share what is above the floor of a default policy. Of thousands, the others'
// shares are each below what the floor gives them, and together cost reward.
const DefaultShortlist = 50

// SquareCBOptions are the parameters of SquareCB. Where the estimator has no variances, Optimism changes nothing and
// Elimination eliminates all but the best.
type SquareCBOptions struct {
	Gamma       float64 // how sharply gaps decide, see NewSquareCB
	Optimism    float64 // gaps are between means + Optimism·(their standard deviations); 0: between means
	Elimination float64 // half the width of the intervals that eliminate actions, in standard deviations; 0: none does
	Shortlist   int     // so many of the highest indices share what is above the floor; 0: all do
	Floor       float64 // the least share that is spread evenly over all actions
}

// squareCB is inverse gap weighting: Foster and Rakhlin, Beyond UCB (ICML 2020), after Abe and Long (1999).
type squareCB struct{ SquareCBOptions }

// NewSquareCB returns the policy that gives an action 1/(K + γ·gap), where K is the number of actions and gap how far its
// mean is below the best one's; the best actions share the rest. By theory γ grows with the square root of the number
// of events and is in units of the reward: γ = gamma·√n/deviation. While it is 0 every action is alike: rewards that
// never differed tell no action from another. floor is the least share that is spread evenly.
func NewSquareCB(gamma, floor float64) (Exploration, error) {
	return NewOptimisticSquareCB(SquareCBOptions{Gamma: gamma, Floor: floor})
}

// NewOptimisticSquareCB returns NewSquareCB's policy with one or more of these changes, in this order:
//
//   - gaps are between upper bounds, the means + Optimism·(their standard deviations), so that of two equal means the
//     less known one is tried more;
//   - an action whose mean + Elimination·(standard deviation) is below the highest mean - Elimination·(standard
//     deviation) gets the floor only, and is not counted in K (Foster, Agarwal, Dudík, Luo and Schapire, Practical
//     contextual bandits with regression oracles, ICML 2018);
//   - only the Shortlist highest indices share what is above the floor, and K is their number. Those that tie for the
//     last places have them by lot: each the same part of what a place there gives.
func NewOptimisticSquareCB(o SquareCBOptions) (Exploration, error) {
	err := errors.Join(checkScale("gamma", o.Gamma), checkScale("optimism", o.Optimism), checkScale("elimination", o.Elimination),
		checkShare("floor", o.Floor))
	if o.Shortlist < 0 {
		err = errors.Join(err, fmt.Errorf("shortlist %d is negative", o.Shortlist))
	}
	return &squareCB{o}, err
}

// Probabilities implements Exploration.
func (s *squareCB) Probabilities(dst []float64, estimates []Estimate, deviation float64, n uint64) {
	gamma := 0.0
	if deviation > 0 {
		gamma = s.Gamma * math.Sqrt(float64(n)) / deviation
	}
	if !(gamma > 0) {
		spread(dst)
		return
	}
	upperBounds(dst, estimates, s.Optimism)
	k := len(dst)
	if s.Elimination > 0 {
		k = leaveOut(dst, estimates, s.Elimination)
	}
	list := shortlist{places: k, last: -most, share: 1}
	if s.Shortlist > 0 && k > s.Shortlist {
		list = shortlistOf(dst, s.Shortlist)
	}
	list.weigh(dst, gamma)
	mix(dst, s.Floor)
	settle(dst)
}

// weigh replaces indices by the distribution of inverse gap weighting over the shortlist.
func (l shortlist) weigh(dst []float64, gamma float64) {
	const isBest = -1
	best, ties := highest(dst)
	rest, k := 1.0, float64(l.places)
	for i, x := range dst {
		switch {
		case x == best:
			dst[i] = isBest
			continue
		case x < l.last:
			dst[i] = 0
			continue
		}
		dst[i] = 1 / (k + float64(gamma*(best-x)))
		if x == l.last {
			dst[i] *= l.share
		}
		rest -= dst[i]
	}
	for i, p := range dst {
		if p == isBest {
			dst[i] = rest / float64(ties)
		}
	}
}

// leaveOut replaces the indices of actions that are no candidates for the best by -Inf and returns how many are left.
func leaveOut(dst []float64, estimates []Estimate, width float64) int {
	bar := math.Inf(-1)
	for i := range estimates {
		bar = max(bar, bound(&estimates[i], -width))
	}
	left := len(dst)
	for i := range dst {
		if bound(&estimates[i], width) < bar {
			dst[i] = math.Inf(-1)
			left--
		}
	}
	return left
}

// String implements Exploration.
func (s *squareCB) String() string {
	b := fmt.Appendf(nil, "squarecb(gamma=%g", s.Gamma)
	if s.Optimism > 0 {
		b = fmt.Appendf(b, ", optimism=%g", s.Optimism)
	}
	if s.Elimination > 0 {
		b = fmt.Appendf(b, ", elimination=%g", s.Elimination)
	}
	if s.Shortlist > 0 {
		b = fmt.Appendf(b, ", shortlist=%d", s.Shortlist)
	}
	return string(fmt.Appendf(b, ") floor %g", s.Floor))
}
