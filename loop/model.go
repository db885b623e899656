package loop

import (
	"fmt"
	"slices"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// Policies returns the names of the policies that a file can ask for.
func Policies() []string { return slices.Clone(policyWords) }

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

// estimator is how a loop learns. Its name says everything that its state depends on beside the examples and the default
// reward. Change it with them: models are then learned anew from the log.
type estimator struct {
	name string
	make func(defaultReward float64) model.Estimator
}

// estimatorOf chooses by the shape of the loop: replicates where the policy asks for them; one mean per action where
// nothing else can come (a slot's position is something), pooled with those that an action is offered with where texts tell them apart; hashed terms where the declared features are more than dense rows have room for; and else a
// mixture, which goes on to choose by how well its members foresee rewards. An action of which nothing is known is taken
// to be worth what an event without a reward is.
func estimatorOf(l *decision.Loop) estimator {
	switch s := &l.Schema; {
	case l.Send != nil:
		return estimator{"send_times/1", func(r float64) model.Estimator {
			return model.NewSendTimeLoop(model.SendTimesOptions{DefaultReward: r})
		}}
	case model.WantsReplicates(l.Policy):
		return estimator{"bootstrap/2", func(r float64) model.Estimator {
			return model.NewBootstrap(model.BootstrapOptions{Gradient: model.GradientOptions{DefaultReward: r}})
		}}
	case s.Undeclared != features.Infer && !l.Position && len(s.Context)+len(s.User)+len(s.Action) == 0:
		return estimator{"arms/2", func(r float64) model.Estimator { return model.NewArms(model.ArmsOptions{DefaultReward: r}) }}
	case s.Undeclared != features.Infer && !l.Position && len(s.Context)+len(s.User) == 0 && onlyTexts(s.Action):
		return estimator{"siblings/1", func(r float64) model.Estimator { return model.NewSiblings(model.ArmsOptions{DefaultReward: r}) }}
	case contextCoordinates(l) > maxTerms || coordinates(s.Action) > maxTerms:
		return estimator{"gradient/2", func(r float64) model.Estimator {
			return model.NewGradient(model.GradientOptions{DefaultReward: r, Variance: true})
		}}
	default:
		return estimator{"mixture/2", func(r float64) model.Estimator {
			return model.NewMixture(model.MixtureOptions{DefaultReward: r})
		}}
	}
}

// onlyTexts reports whether all that is declared are texts.
func onlyTexts(fields []features.Field) bool {
	return !slices.ContainsFunc(fields, func(f features.Field) bool { return f.Type != features.CategoryType && f.Type != features.TagsType })
}

// maxTerms is how many coordinates a mixture has for the request and its user, and again for an action; one is the
// intercept. What does not fit would silently not be learned from.
const maxTerms = 256

// contextCoordinates returns how many coordinates the request, its user and its slot take, with the intercept.
func contextCoordinates(l *decision.Loop) int {
	n := coordinates(l.Schema.Context, l.Schema.User)
	if l.Position {
		n++
	}
	return n
}

// coordinates returns how many coordinates declared features take, with the intercept. Categories and tags count as one
// here: how many texts they have is not known before.
func coordinates(parts ...[]features.Field) int {
	need := 1
	for _, fields := range parts {
		for _, f := range fields {
			need += max(f.Dim, 1)
		}
	}
	return need
}
