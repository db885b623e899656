package ope

import "fmt"

// SwitchDR is doubly robust where the weight is at most Lambda, and the model alone where it is larger,
// q_π + 1[w <= λ]·w·(r - q) (Wang, Agarwal, Dudík, Optimal and adaptive off-policy evaluation in contextual bandits, 2017,
// with DR as what is switched from). Lambda is in [0,∞]: ∞ is DR, 0 is DM.
type SwitchDR struct{ Lambda float64 }

// Name implements Estimator.
func (e SwitchDR) Name() string { return fmt.Sprintf("switch_dr(%g)", e.Lambda) }

// Needs implements Estimator.
func (SwitchDR) Needs() Columns { return needsModel }

// SelfNormalised implements Estimator.
func (SwitchDR) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e SwitchDR) Terms(s *Sample) Terms {
	w := s.weight()
	if w > e.Lambda {
		return Terms{Linear: s.QTarget}
	}
	return corrected(s, w)
}

// DROS is doubly robust with optimistic shrinkage, q_π + λ·w/(w²+λ)·(r - q) (Su, Dimakopoulou, Krishnamurthy, Dudík, Doubly
// robust off-policy evaluation with shrinkage, 2020). Lambda is in [0,∞]: ∞ is DR, 0 is DM. It is on the scale
// of squared weights, and the weights are at most √λ/2.
type DROS struct{ Lambda float64 }

// Name implements Estimator.
func (e DROS) Name() string { return fmt.Sprintf("dros(%g)", e.Lambda) }

// Needs implements Estimator.
func (DROS) Needs() Columns { return needsModel }

// SelfNormalised implements Estimator.
func (DROS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e DROS) Terms(s *Sample) Terms { return corrected(s, shrunk(s.weight(), e.Lambda)) }

// shrunk divides by λ first: at λ = ∞ that gives w to the bit.
func shrunk(w, lambda float64) float64 {
	if lambda <= 0 {
		return 0
	}
	return w / (1 + w*w/lambda)
}

// SGIPS is sub-Gaussian inverse propensity scoring, r·w/(1 - λ + λ·w): the weights are harmonic means of w and 1, and at most
// 1/λ (Metelli, Russo, Restelli, Subgaussian and differentiable importance sampling for off-policy evaluation and learning,
// 2021). Lambda is in [0,1]: 0 is IPS.
type SGIPS struct{ Lambda float64 }

// Name implements Estimator.
func (e SGIPS) Name() string { return fmt.Sprintf("sg_ips(%g)", e.Lambda) }

// Needs implements Estimator.
func (SGIPS) Needs() Columns { return HasPropensity | HasTarget }

// SelfNormalised implements Estimator.
func (SGIPS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e SGIPS) Terms(s *Sample) Terms {
	return Terms{Linear: s.Reward * harmonic(s.weight(), e.Lambda)}
}

// SGDR is DR with the weights of SGIPS. Lambda is in [0,1]: 0 is DR.
type SGDR struct{ Lambda float64 }

// Name implements Estimator.
func (e SGDR) Name() string { return fmt.Sprintf("sg_dr(%g)", e.Lambda) }

// Needs implements Estimator.
func (SGDR) Needs() Columns { return needsModel }

// SelfNormalised implements Estimator.
func (SGDR) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e SGDR) Terms(s *Sample) Terms { return corrected(s, harmonic(s.weight(), e.Lambda)) }

// harmonic is 0 at w = 0 for every λ below 1, and so for λ = 1 too, where the formula has no value.
func harmonic(w, lambda float64) float64 {
	if w == 0 {
		return 0
	}
	return w / (1 - lambda + lambda*w)
}
