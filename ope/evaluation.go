package ope

// Options are the choices of an evaluation. Zero values mean the defaults.
type Options struct {
	// Alpha is the probability with which an interval may miss (0.05).
	Alpha float64
	// Interval names the method of intervals; empty means the default of each estimator.
	Interval string
	// Rounds is how often a bootstrap resamples (1000), Seed starts its generators, Workers is how many goroutines share the
	// rounds (1); the bits do not depend on it.
	Rounds  int
	Seed    uint64
	Workers int
	// RewardLeast and RewardMost are the true range of rewards, where it is known: NaN or both 0 where it is not.
	RewardLeast, RewardMost float64
}
