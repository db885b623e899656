package ope

import "fmt"

// IPS is inverse propensity scoring with weights clipped at Clip, r·min(w, λ) (Horvitz, Thompson, A generalization of
// sampling without replacement, 1952; Ionides, Truncated importance sampling, 2008). Clip 0 is no clip.
type IPS struct{ Clip float64 }

// Name implements Estimator.
func (e IPS) Name() string {
	if e.Clip > 0 {
		return fmt.Sprintf("ips_clipped(%g)", e.Clip)
	}
	return "ips"
}

// Needs implements Estimator.
func (IPS) Needs() Columns { return HasPropensity | HasTarget }

// SelfNormalised implements Estimator.
func (IPS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e IPS) Terms(s *Sample) Terms { return Terms{Linear: s.Reward * clipped(s.weight(), e.Clip)} }

func clipped(w, most float64) float64 {
	if most > 0 {
		return min(w, most)
	}
	return w
}

// SNIPS is self-normalised inverse propensity scoring, Σ w·r / Σ w (Swaminathan, Joachims, The self-normalized
// estimator for counterfactual learning, 2015, eq. 9).
type SNIPS struct{}

// Name implements Estimator.
func (SNIPS) Name() string { return "snips" }

// Needs implements Estimator.
func (SNIPS) Needs() Columns { return HasPropensity | HasTarget }

// SelfNormalised implements Estimator.
func (SNIPS) SelfNormalised() bool { return true }

// Terms implements Estimator.
func (SNIPS) Terms(s *Sample) Terms {
	w := s.weight()
	return Terms{Ratio: w * s.Reward, Weight: w}
}
