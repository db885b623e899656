package ope

// MIPS is marginalised inverse propensity scoring: weights are those of what the action is like, its embedding e, and not of the
// action itself, w(x,e) = p(e|x,π_e) / p(e|x,π_b) (Saito, Joachims, Off-policy evaluation for large action spaces via
// embeddings, 2022). It is unbiased where the action works through its embedding alone, and of much
// smaller variance than IPS where actions are many.
type MIPS struct{}

// Name implements Estimator.
func (MIPS) Name() string { return "mips" }

// Needs implements Estimator.
func (MIPS) Needs() Columns { return HasMarginals }

// SelfNormalised implements Estimator.
func (MIPS) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (MIPS) Terms(s *Sample) Terms { return Terms{Linear: s.marginalWeight() * s.Reward} }

// SNMIPS is self-normalised MIPS, Σ w·r / Σ w with the weights of MIPS.
type SNMIPS struct{}

// Name implements Estimator.
func (SNMIPS) Name() string { return "snmips" }

// Needs implements Estimator.
func (SNMIPS) Needs() Columns { return HasMarginals }

// SelfNormalised implements Estimator.
func (SNMIPS) SelfNormalised() bool { return true }

// Terms implements Estimator.
func (SNMIPS) Terms(s *Sample) Terms {
	w := s.marginalWeight()
	return Terms{Ratio: w * s.Reward, Weight: w}
}

func (s *Sample) marginalWeight() float64 { return s.MarginalTarget / s.MarginalPropensity }
