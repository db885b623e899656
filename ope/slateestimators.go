package ope

// SlateEstimator is a rule that turns logged slates into the value of another policy: what it would earn per slate. Its terms
// are summed as those of an Estimator, with the slate in the place of the sample.
type SlateEstimator interface {
	// Name is how the estimator is called on the command line and in reports.
	Name() string
	// Needs returns the columns without which it cannot be computed.
	Needs() SlateColumns
	// SelfNormalised reports whether the value has a ratio part.
	SelfNormalised() bool
	// Terms returns what one slate adds: its rows, at least one, in the order of their positions.
	Terms(slate []SlateRow) Terms
}

// SIPS is standard IPS of slates: the sum of rewards times the weight of the whole slate. It assumes nothing of how the slots
// work together, and has weights that grow exponentially in their number (McInerney et al., Counterfactual
// evaluation of slate recommendations with sequential reward interactions, 2020).
type SIPS struct{}

// Name implements SlateEstimator.
func (SIPS) Name() string { return "sips" }

// Needs implements SlateEstimator.
func (SIPS) Needs() SlateColumns { return HasSlateProbabilities }

// SelfNormalised implements SlateEstimator.
func (SIPS) SelfNormalised() bool { return false }

// Terms implements SlateEstimator.
func (SIPS) Terms(slate []SlateRow) Terms {
	return Terms{Linear: slate[0].weight() * slateReward(slate)}
}

// SNSIPS is self-normalised SIPS: the sum over slates of weight times rewards, over the sum of weights.
type SNSIPS struct{}

// Name implements SlateEstimator.
func (SNSIPS) Name() string { return "snsips" }

// Needs implements SlateEstimator.
func (SNSIPS) Needs() SlateColumns { return HasSlateProbabilities }

// SelfNormalised implements SlateEstimator.
func (SNSIPS) SelfNormalised() bool { return true }

// Terms implements SlateEstimator.
func (SNSIPS) Terms(slate []SlateRow) Terms {
	w := slate[0].weight()
	return Terms{Ratio: w * slateReward(slate), Weight: w}
}

// IIPS is independent IPS: each slot is weighed with the probabilities of its own action. It assumes that the reward of a slot
// depends on no other slot (Li et al., Offline evaluation of ranking policies with click models, 2018).
type IIPS struct{}

// Name implements SlateEstimator.
func (IIPS) Name() string { return "iips" }

// Needs implements SlateEstimator.
func (IIPS) Needs() SlateColumns { return HasItemProbabilities }

// SelfNormalised implements SlateEstimator.
func (IIPS) SelfNormalised() bool { return false }

// Terms implements SlateEstimator.
func (IIPS) Terms(slate []SlateRow) (t Terms) {
	for i := range slate {
		t.Linear += slate[i].itemWeight() * slate[i].Reward
	}
	return t
}

// RIPS is reward interaction IPS: each slot is weighed with the probabilities of its action and those before it. It assumes
// that users look from the first slot on, so that the reward of a slot depends on no later one (McInerney et al., 2020).
type RIPS struct{}

// Name implements SlateEstimator.
func (RIPS) Name() string { return "rips" }

// Needs implements SlateEstimator.
func (RIPS) Needs() SlateColumns { return HasCascadeProbabilities }

// SelfNormalised implements SlateEstimator.
func (RIPS) SelfNormalised() bool { return false }

// Terms implements SlateEstimator.
func (RIPS) Terms(slate []SlateRow) (t Terms) {
	for i := range slate {
		t.Linear += slate[i].cascadeWeight() * slate[i].Reward
	}
	return t
}

// CascadeDR is doubly robust under the assumption of RIPS, Σ_l w_l·(r_l - q_l) + w_(l-1)·q_l(π_e), with the weight 1 before the
// first slot (Kiyohara, Saito, Matsuhiro, Narita, Shimizu, Yamamoto, Doubly robust off-policy evaluation for ranking
// policies under the cascade behavior model, 2022).
type CascadeDR struct{}

// Name implements SlateEstimator.
func (CascadeDR) Name() string { return "cascade_dr" }

// Needs implements SlateEstimator.
func (CascadeDR) Needs() SlateColumns { return HasCascadeProbabilities | HasSlateModel }

// SelfNormalised implements SlateEstimator.
func (CascadeDR) SelfNormalised() bool { return false }

// Terms implements SlateEstimator.
func (CascadeDR) Terms(slate []SlateRow) (t Terms) {
	before := 1.0
	for i := range slate {
		w := slate[i].cascadeWeight()
		t.Linear += w*(slate[i].Reward-slate[i].QLogged) + before*slate[i].QTarget
		before = w
	}
	return t
}

// PseudoInverse is the sum of rewards times Σ_l w_l - L + 1, with w_l the weights of the L slots' own actions. It assumes that
// the expected sum of rewards is a sum of effects of the slots' own actions, and that the logging policy chose for each slot
// independently of the others: only then has the pseudo-inverse this form (Swaminathan et al., Off-policy evaluation for slate
// recommendation, 2017, example 4). Where an action could not be in two slots it is biased.
type PseudoInverse struct{}

// Name implements SlateEstimator.
func (PseudoInverse) Name() string { return "pseudo_inverse" }

// Needs implements SlateEstimator.
func (PseudoInverse) Needs() SlateColumns { return HasItemProbabilities }

// SelfNormalised implements SlateEstimator.
func (PseudoInverse) SelfNormalised() bool { return false }

// Terms implements SlateEstimator.
func (PseudoInverse) Terms(slate []SlateRow) Terms {
	w := 1.0
	for i := range slate {
		w += slate[i].itemWeight() - 1
	}
	return Terms{Linear: w * slateReward(slate)}
}

func slateReward(slate []SlateRow) (sum float64) {
	for i := range slate {
		sum += slate[i].Reward
	}
	return sum
}
