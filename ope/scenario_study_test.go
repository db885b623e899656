package ope

import "math"

// studied is what a study of intervals publishes of its heavy log (coverage_study.json of the reference data, 300 repetitions
// of 2000 rows, 10 actions, rewards of 0 and 1), and how far from it a simulation may be by chance or for lack of care.
type studied struct{ value, tolerance float64 }

// heavyStudy lists what the distance of a simulation from the study is computed of. Coverages have the standard error of
// 300 coins, the bias that of 300 values. Standard deviations of heavy tails are known to some 15%, mean widths to 5%. The
// largest weight and the effective sample are those of a single log: their logarithms are compared, with deviations like
// those between logs.
//
// The study's interval by Cressie-Read is left out: it is our default for IPS, and defaults are not what a scenario may be
// chosen by. It is a check of the choice, as are Clopper and Pearson's interval and the bias of IPS.
var heavyStudy = [14]studied{
	{0.9184, 0.01},          // value of the policy
	{0.1580, 0.15 * 0.1580}, // standard deviation of IPS
	{0.0256, 0.15 * 0.0256}, // of SNIPS
	{-0.00325, 0.0015},      // bias of SNIPS
	{0.813, 0.0225},         // coverage of the bootstrap of IPS
	{0.440, 0.05 * 0.440},   // its width
	{0.943, 0.0134},         // of the bootstrap of the ratio, SNIPS
	{0.0629, 0.05 * 0.0629}, //
	{0.933, 0.0144},         // of the delta method for SNIPS
	{0.0663, 0.05 * 0.0663}, //
	{0.797, 0.0232},         // of the Gaussian interval of IPS
	{0.465, 0.05 * 0.465},   //
	{4.674, 0.7},            // logarithm of the largest weight: 107.1
	{4.780, 0.5},            // of the effective sample: 119.1
}

// distance is the sum of squares of standardised deviations: some 14 where a simulation is the study's.
func distance(simulated [14]float64) (sum float64) {
	for i, s := range heavyStudy {
		sum += math.Pow((simulated[i]-s.value)/s.tolerance, 2)
	}
	return sum
}
