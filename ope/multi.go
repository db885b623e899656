package ope

import "fmt"

// MultiIPS is IPS over a log that several policies wrote: each sample is weighed with the propensity of the policy that
// wrote it, Σ_k ρ_k mean_k(w_k·r) with ρ_k the share of policy k (Agarwal, Basu, Schnabel, Joachims, Effective evaluation using
// logged bandit feedback from multiple loggers, 2017, "naive IPS"). Clip 0 is no clip.
type MultiIPS struct{ Clip float64 }

// Name implements Estimator.
func (e MultiIPS) Name() string { return nameWithClip("multi_ips", e.Clip) }

// Needs implements Estimator.
func (MultiIPS) Needs() Columns { return HasPropensity | HasTarget }

// SelfNormalised implements Estimator.
func (MultiIPS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e MultiIPS) Terms(s *Sample) Terms {
	return Terms{Linear: s.Reward * clipped(s.weight(), e.Clip)}
}

// MultiDR is doubly robust over a log that several policies wrote, with the weights of MultiIPS (Kallus, Saito, Uehara,
// Optimal off-policy evaluation from multiple logging policies, 2021, "average DR"). Clip 0 is no clip.
type MultiDR struct{ Clip float64 }

// Name implements Estimator.
func (e MultiDR) Name() string { return nameWithClip("multi_dr", e.Clip) }

// Needs implements Estimator.
func (MultiDR) Needs() Columns { return HasPropensity | HasTarget | HasModel }

// SelfNormalised implements Estimator.
func (MultiDR) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e MultiDR) Terms(s *Sample) Terms {
	return Terms{Linear: s.QTarget + clipped(s.weight(), e.Clip)*(s.Reward-s.QLogged)}
}

// BalancedIPS is balanced IPS: the log is taken for one that the mixture of its policies wrote, so that an action which one of
// them serves rarely has no large weight when another serves it often. Without a clip its variance is at most that of MultiIPS
// (Agarwal et al., 2017). It needs the propensities of all the policies for the served action. Clip 0 is no clip.
type BalancedIPS struct{ Clip float64 }

// Name implements Estimator.
func (e BalancedIPS) Name() string { return nameWithClip("multi_bal", e.Clip) }

// Needs implements Estimator.
func (BalancedIPS) Needs() Columns { return HasMeanPropensity | HasTarget }

// SelfNormalised implements Estimator.
func (BalancedIPS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e BalancedIPS) Terms(s *Sample) Terms {
	return Terms{Linear: s.Reward * clipped(s.balancedWeight(), e.Clip)}
}

// BalancedDR is doubly robust with the weights of BalancedIPS (Kallus, Saito, Uehara, 2021, "DR"). Clip 0 is no clip.
type BalancedDR struct{ Clip float64 }

// Name implements Estimator.
func (e BalancedDR) Name() string { return nameWithClip("multi_bal_dr", e.Clip) }

// Needs implements Estimator.
func (BalancedDR) Needs() Columns { return HasMeanPropensity | HasTarget | HasModel }

// SelfNormalised implements Estimator.
func (BalancedDR) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e BalancedDR) Terms(s *Sample) Terms {
	return Terms{Linear: s.QTarget + clipped(s.balancedWeight(), e.Clip)*(s.Reward-s.QLogged)}
}

// balancedWeight returns π_e(a|x) / Σ_k ρ_k π_k(a|x).
func (s *Sample) balancedWeight() float64 { return s.Target / s.MeanPropensity }

func nameWithClip(name string, clip float64) string {
	if clip > 0 {
		return fmt.Sprintf("%s(%g)", name, clip)
	}
	return name
}
