package evaluate

import "math"

// Calibration compares the logged probabilities with what was served, over all decisions that were the policy's own
// choice. In a true log an action of probability p was served in a share p of its decisions, to within chance.
type Calibration struct {
	Slots uint64           `json:"slots"`
	Bins  []CalibrationBin `json:"bins"` // by rising probability, those that are not empty
	// ServedProbability is the sum of the probabilities of the served actions, ExpectedProbability its expectation Σ p²,
	// and Z its distance from that in standard deviations: about a standard normal in a true log of many decisions.
	ServedProbability   float64 `json:"served_probability"`
	ExpectedProbability float64 `json:"expected_probability"`
	Z                   float64 `json:"z"`
}

// CalibrationBin holds the pairs of a slot and an eligible action whose logged probability is in [Least, Below).
type CalibrationBin struct {
	Least    float64 `json:"least"`
	Below    float64 `json:"below"`
	Pairs    uint64  `json:"pairs"`
	Expected float64 `json:"expected"` // Σ p: how many would be served
	Served   uint64  `json:"served"`   // how many were
	// Z is the distance of Served from Expected in standard deviations: about a standard normal in a bin of many.
	Z float64 `json:"z"`
}

// edges of the bins: certainty has one of its own.
var edges = [...]float64{0, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1, math.Inf(1)}

// calibrating are the sums of a Calibration.
type calibrating struct {
	slots    uint64
	served   float64 // Σ p of what was served
	expected float64 // Σ Σ p²
	variance float64 // Σ (Σ p³ - (Σ p²)²)
	bins     [len(edges) - 1]calibratingBin
}

type calibratingBin struct {
	pairs, served      uint64
	expected, variance float64
}

// add takes one slot.
func (c *calibrating) add(ch *choice) {
	squares, cubes := 0.0, 0.0
	var mass [len(c.bins)]float64
	for i, p := range ch.logged {
		k := binOf(p)
		mass[k] += p
		c.bins[k].pairs++
		if i == ch.served {
			c.bins[k].served++
		}
		squares += p * p
		cubes += p * p * p
	}
	for k, p := range mass { // One of a bin's actions is served, or none.
		c.bins[k].expected += p
		c.bins[k].variance += max(0, p*(1-p))
	}
	c.slots++
	c.served += ch.logged[ch.served]
	c.expected += squares
	c.variance += max(0, cubes-squares*squares)
}

func binOf(p float64) int {
	i := 0
	for i+2 < len(edges) && p >= edges[i+1] {
		i++
	}
	return i
}

func (c *calibrating) result() Calibration {
	out := Calibration{
		Slots: c.slots, ServedProbability: c.served, ExpectedProbability: c.expected, Z: deviations(c.served-c.expected, c.variance),
	}
	for i, b := range c.bins {
		if b.pairs == 0 {
			continue
		}
		out.Bins = append(out.Bins, CalibrationBin{
			Least: edges[i], Below: min(edges[i+1], 1), Pairs: b.pairs, Expected: b.expected, Served: b.served,
			Z: deviations(float64(b.served)-b.expected, b.variance),
		})
	}
	return out
}

// deviations returns a distance in standard deviations, 0 where there is no chance.
func deviations(distance, variance float64) float64 {
	if !(variance > 0) {
		return 0
	}
	return distance / math.Sqrt(variance)
}
