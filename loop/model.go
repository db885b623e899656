package loop

import (
	"fmt"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// newExploration returns the policy of a file.
func newExploration(policy string, gamma, epsilon, floor float64) (model.Exploration, error) {
	return policyName(fmt.Sprintf("%s(%g %g) floor %g", policy, gamma, epsilon, floor)), nil
}

// estimatorName names the estimator and all that its sums depend on beside the examples.
const estimatorName = "linear"

func newEstimator() model.Estimator { return nil }

// userNames returns what a fetch of a user's features asks for.
func userNames(s *features.Schema) []string {
	names := make([]string, len(s.User))
	for i := range s.User {
		names[i] = s.User[i].Name
	}
	return names
}

type policyName string

func (p policyName) String() string { return string(p) }

func (p policyName) Probabilities(dst []float64, _ []model.Estimate, _ float64, _ uint64) {
	for i := range dst {
		dst[i] = 1 / float64(len(dst))
	}
}
