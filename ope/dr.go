package ope

import "fmt"

// needsModel are the columns of the estimators that correct a reward model by importance weights.
const needsModel = HasPropensity | HasTarget | HasModel

// corrected returns the model's value of the evaluated policy, plus the weighed error of the model at the served action.
func corrected(s *Sample, w float64) Terms {
	return Terms{Linear: s.QTarget + w*(s.Reward-s.QLogged)}
}

// DM is the direct method: what the reward model expects of the evaluated policy, Σ_a π_e(a|x)·q(x,a) (Beygelzimer, Langford,
// The offset tree for learning with partial labels, 2009). It has the bias of the model, and no weights.
type DM struct{}

// Name implements Estimator.
func (DM) Name() string { return "dm" }

// Needs implements Estimator.
func (DM) Needs() Columns { return HasModel }

// SelfNormalised implements Estimator.
func (DM) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (DM) Terms(s *Sample) Terms { return Terms{Linear: s.QTarget} }

// DR is the doubly robust estimator with weights clipped at Clip, q_π + min(w, λ)·(r - q) (Dudík, Langford, Li, Doubly robust
// policy evaluation and learning, 2011; with clipping:
// Su et al., Doubly robust off-policy evaluation with shrinkage, 2020, "pessimistic").
// Clip 0 is no clip.
type DR struct{ Clip float64 }

// Name implements Estimator.
func (e DR) Name() string {
	if e.Clip > 0 {
		return fmt.Sprintf("dr_clipped(%g)", e.Clip)
	}
	return "dr"
}

// Needs implements Estimator.
func (DR) Needs() Columns { return needsModel }

// SelfNormalised implements Estimator.
func (DR) SelfNormalised() bool { return false }

// Terms implements Estimator.
func (e DR) Terms(s *Sample) Terms { return corrected(s, clipped(s.weight(), e.Clip)) }

// SNDR is the self-normalised doubly robust estimator, mean of q_π plus Σ w·(r - q) / Σ w (Thomas, Brunskill, Data-efficient
// off-policy policy evaluation for reinforcement learning, 2016, weighted doubly robust, for one step).
type SNDR struct{}

// Name implements Estimator.
func (SNDR) Name() string { return "sndr" }

// Needs implements Estimator.
func (SNDR) Needs() Columns { return needsModel }

// SelfNormalised implements Estimator.
func (SNDR) SelfNormalised() bool { return true }

// Terms implements Estimator.
func (SNDR) Terms(s *Sample) Terms {
	w := s.weight()
	return Terms{Linear: s.QTarget, Ratio: w * (s.Reward - s.QLogged), Weight: w}
}
