package loop

import (
	"fmt"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// newExploration returns the policy of a file. Keys that have no meaning with its type have their defaults, or are 0.
func newExploration(policy *node) (model.Exploration, error) {
	number := func(name string) float64 { return policy.key(name).number }
	floor := number("floor")
	switch name := policy.key("type").text; name {
	case squareCB:
		return model.NewOptimisticSquareCB(model.SquareCBOptions{Gamma: number("gamma"), Optimism: number("optimism"),
			Elimination: number("elimination"), Shortlist: int(number("shortlist")), Floor: floor})
	case thompson:
		return model.NewThompson(number("width"), floor)
	case ucb:
		return model.NewUCB(number("optimism"), floor)
	case softmax:
		return model.NewSoftmax(number("lambda"), floor)
	case bagging:
		return model.NewBagging(number("smoothing"), floor)
	case epsilonGreedy:
		return model.NewDecayingEpsilonGreedy(number("epsilon"), number("decay"), floor)
	case uniform:
		return model.NewUniform(floor)
	default:
		return nil, fmt.Errorf("no policy is called %q", name)
	}
}

// estimatorName names the estimator with everything that its sums depend on beside the examples and the default
// reward. Change it with them: models are then learned anew from the log.
const estimatorName = "mixture/1"

// newEstimator returns the constructor of a loop's estimator. An action of which nothing is known is taken to be worth
// what an event without a reward is.
func newEstimator(defaultReward float64) func() model.Estimator {
	return func() model.Estimator { return model.NewMixture(model.MixtureOptions{DefaultReward: defaultReward}) }
}

// maxTerms is how many coordinates the estimator has for the request and its user, and again for an action; one is the
// intercept. What does not fit would silently not be learned from.
const maxTerms = 256

// roomy refuses declarations that the estimator has no room for. Categories and tags count as one here: how many texts
// they have is not known before.
func (c *compiler) roomy(at position, path string, parts ...[]features.Field) {
	need := 1
	for _, fields := range parts {
		for _, f := range fields {
			need += max(f.Dim, 1)
		}
	}
	if need > maxTerms {
		c.addf(at, "%s: the declared features take %d coordinates (a vector as many as its dim), the model has %d: declare fewer or shorter ones",
			path, need-1, maxTerms-1)
	}
}
