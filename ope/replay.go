package ope

import "math"

// Replay is the mean reward of the samples in which a deterministic policy would have served the same action (Li, Chu, Langford,
// Wang, Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms, 2011). It is right
// only where the log was written uniformly at random. A policy that is not deterministic has no value: NaN.
type Replay struct{}

// Name implements Estimator.
func (Replay) Name() string { return "replay" }

// Needs implements Estimator.
func (Replay) Needs() Columns { return HasTarget }

// SelfNormalised implements Estimator.
func (Replay) SelfNormalised() bool { return true }

// Terms implements Estimator.
func (Replay) Terms(s *Sample) Terms {
	switch {
	case s.Target <= tolerance:
		return Terms{}
	case s.Target >= 1-tolerance:
		return Terms{Ratio: s.Reward, Weight: 1}
	}
	return Terms{Ratio: math.NaN(), Weight: math.NaN()}
}
