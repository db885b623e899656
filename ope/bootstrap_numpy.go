package ope

import (
	"math/bits"

	"gonum.org/v1/gonum/mathext/prng"
)

// NumpyBootstrap returns the mean of the bootstrap means of terms, and their percentile interval, drawn as
// numpy.random.RandomState(seed).choice(n, size=n) draws in each round: numbers can so be compared with those of Python
// libraries. For a self-normalised estimate, whose terms hold the mean weight of the whole sample, the interval is several
// times too wide; Evaluation uses Bootstrap, and this is here to be compared with the reference.
func NumpyBootstrap(terms []float64, rounds int, seed uint32, alpha float64) (mean float64, interval Interval) {
	source := prng.NewMT19937()
	source.Seed(uint64(seed))
	means := make([]float64, rounds)
	for round := range means {
		sum := 0.0
		for range terms {
			sum += terms[maskedDraw(source, uint32(len(terms)))]
		}
		means[round] = sum / float64(len(terms))
		mean += means[round] / float64(rounds)
	}
	return mean, percentileInterval(means, alpha, "numpy_bootstrap")
}

// maskedDraw returns a number below n: the low bits of a draw, drawn again where they are not below n.
func maskedDraw(source *prng.MT19937, n uint32) uint32 {
	mask := uint32(1)<<bits.Len32(n-1) - 1
	for {
		if x := source.Uint32() & mask; x < n {
			return x
		}
	}
}
