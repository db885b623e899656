package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
	"github.com/nextbest/nextbest/simulate"
)

// policyNames are what namedPolicy knows.
func policyNames() []string {
	return []string{"default", "squarecb", "thompson", "ucb", "softmax", "bagging", "epsilon_greedy", "uniform"}
}

// namedPolicy returns a policy with its default parameters over the default estimator, or
// a bootstrap where it asks for replicates. No name is the default's.
func namedPolicy(name string) (simulate.Policy, error) {
	exploration, err := namedExploration(name)
	if err != nil {
		return simulate.Policy{}, err
	}
	estimator := model.DefaultEstimator
	if model.WantsReplicates(exploration) {
		estimator = func() model.Estimator { return model.NewBootstrap(model.BootstrapOptions{}) }
	}
	return simulate.Policy{Name: exploration.String(), Exploration: exploration, NewEstimator: estimator}, nil
}

func namedExploration(name string) (model.Exploration, error) {
	switch name {
	case "", "default", "squarecb":
		return model.DefaultExploration(), nil
	case "thompson":
		return model.NewThompson(model.DefaultWidth, model.DefaultFloor)
	case "ucb":
		return model.NewUCB(model.DefaultOptimism, model.DefaultFloor)
	case "softmax":
		return model.NewSoftmax(model.DefaultLambda, model.DefaultFloor)
	case "bagging":
		return model.NewBagging(0, model.DefaultFloor)
	case "epsilon_greedy":
		return model.NewEpsilonGreedy(model.DefaultEpsilon, model.DefaultFloor)
	case "uniform":
		return model.NewUniform(model.DefaultFloor)
	}
	return nil, fmt.Errorf("--policy %q is not known; it can be %s", name, strings.Join(policyNames(), ", "))
}

// policies returns what is to be played: the one of --policy or --loop, then those of --compare.
func (f *simulateFlags) policies() ([]simulate.Policy, error) {
	first, err := f.readPolicy()
	if err != nil {
		return nil, err
	}
	out := []simulate.Policy{first}
	for _, name := range f.compare {
		p, err := namedPolicy(name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (f *simulateFlags) readPolicy() (simulate.Policy, error) {
	if f.loop == "" {
		return namedPolicy(f.policy)
	}
	p, err := loopPolicy(f.loop)
	if err != nil {
		return p, fmt.Errorf("read policy of loop: %w", err)
	}
	return p, nil
}

// loopPolicy reads the policy that a loop file describes, with its estimator.
func loopPolicy(path string) (simulate.Policy, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return simulate.Policy{}, err
	}
	d, err := loop.Compile(path, file)
	if err != nil {
		return simulate.Policy{}, err
	}
	return simulate.Policy{Name: d.Loop.Policy.String(), Exploration: d.Loop.Policy, NewEstimator: d.NewEstimator}, nil
}
