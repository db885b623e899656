package model

import (
	"errors"
	"fmt"
	"math"
)

// bagging chooses by a replicate of the bootstrap.
type bagging struct{ smoothing, floor float64 }

// NewBagging returns the policy that chooses one of the bootstrap's replicates evenly, and the action that it expects most
// of; actions that tie for it share: "Bag" of Bietti, Agarwal and Langford, A contextual bandit bake-off (JMLR 2021). With
// estimates that have no replicates it chooses the highest mean. At least the share smoothing·√(K/n), of K actions
// after n events, is spread evenly: with 1, Kμ of "Cover" there, after Agarwal and others, Taming the monster (ICML
// 2014). It is 0 in Bag, which gives actions that no replicate prefers the floor only. floor is the least such share.
func NewBagging(smoothing, floor float64) (Exploration, error) {
	return bagging{smoothing, floor}, errors.Join(checkScale("smoothing", smoothing), checkShare("floor", floor))
}

// Probabilities implements Exploration.
func (b bagging) Probabilities(dst []float64, estimates []Estimate, _ float64, n uint64) {
	if replicates := fewestReplicates(estimates); replicates > 0 {
		clear(dst)
		for from := 0; from < replicates; from += ballots {
			vote(dst, estimates, from, min(ballots, replicates-from))
		}
		normalise(dst)
	} else {
		upperBounds(dst, estimates, 0)
		favour(dst)
	}
	mix(dst, max(b.floor, b.share(len(dst), n)))
	settle(dst)
}

// share returns what smoothing spreads evenly.
func (b bagging) share(k int, n uint64) float64 {
	if b.smoothing == 0 {
		return 0
	}
	return min(1, b.smoothing*math.Sqrt(float64(k)/float64(max(n, 1))))
}

// fewestReplicates returns how many replicates every estimate has.
func fewestReplicates(estimates []Estimate) int {
	fewest := math.MaxInt
	for i := range estimates {
		fewest = min(fewest, len(estimates[i].Replicates))
	}
	if len(estimates) == 0 {
		return 0
	}
	return fewest
}

// ballots is how many replicates vote in one pass over the actions.
const ballots = 64

// vote adds to each action the number of the n replicates after the first from that it is the best of.
func vote(dst []float64, estimates []Estimate, from, n int) {
	var best, ties [ballots]float64
	for r := range n {
		best[r] = math.Inf(-1)
	}
	for i := range estimates {
		for r, x := range estimates[i].Replicates[from : from+n] {
			switch x = replicate(x); {
			case x > best[r]:
				best[r], ties[r] = x, 1
			case x == best[r]:
				ties[r]++
			}
		}
	}
	for i := range estimates {
		for r, x := range estimates[i].Replicates[from : from+n] {
			if replicate(x) == best[r] {
				dst[i] += 1 / ties[r]
			}
		}
	}
}

// replicate returns a replicate's score, with whatever is not finite at the bottom.
func replicate(x float64) float64 {
	if !isFinite(x) {
		return -most
	}
	return clamp(x)
}

// String implements Exploration.
func (b bagging) String() string {
	if b.smoothing > 0 {
		return fmt.Sprintf("bagging(smoothing=%g) floor %g", b.smoothing, b.floor)
	}
	return fmt.Sprintf("bagging floor %g", b.floor)
}

// WantsReplicates reports whether a policy needs an estimator that fills Estimate.Replicates.
func WantsReplicates(e Exploration) bool {
	_, ok := e.(bagging)
	return ok
}
