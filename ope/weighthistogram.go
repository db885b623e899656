package ope

import "math"

// Weights are counted in bins that are a 32nd of an octave wide, from 2^-32 to 2^64: what is outside belongs to the first
// and the last bin.
const (
	binsPerOctave = 32
	leastExponent = -32
	mostExponent  = 64
	weightBins    = (mostExponent - leastExponent) * binsPerOctave
)

// weightHistogram says which share of the weight the heaviest samples hold, within 3% of the weight of one bin, without
// keeping the samples.
type weightHistogram struct {
	counts, sums [weightBins]float64
}

func (h *weightHistogram) add(w float64) {
	if w <= 0 {
		return
	}
	i := weightBin(w)
	h.counts[i]++
	h.sums[i] += w
}

// weightBin reads exponent and first five digits of the mantissa off the bits of a positive number.
func weightBin(w float64) int {
	const mantissaBits, bias, subBits = 52, 1023, 5
	i := int(math.Float64bits(w)>>(mantissaBits-subBits)) - (bias+leastExponent)<<subBits
	return max(0, min(weightBins-1, i))
}

// top returns the share of all weight that so many of the heaviest samples hold; of the last bin it takes as many samples
// as are left, at the mean weight of the bin. At least one sample counts.
func (h *weightHistogram) top(samples float64) float64 {
	samples = max(samples, 1)
	var held, all float64
	for i := weightBins - 1; i >= 0; i-- {
		all += h.sums[i]
		if h.counts[i] == 0 || samples <= 0 {
			continue
		}
		take := min(samples, h.counts[i])
		held += h.sums[i] * (take / h.counts[i])
		samples -= take
	}
	if all == 0 {
		return math.NaN()
	}
	return held / all
}
