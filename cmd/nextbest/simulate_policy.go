package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
	"github.com/nextbest/nextbest/simulate"
)

// policyNames are what namedPolicy knows: the words of loop files, and one for what a new loop gets.
func policyNames() []string { return append([]string{"default"}, loop.Policies()...) }

// namedPolicy returns a policy as a loop file that says no more than its name has it. No name is the default's.
func namedPolicy(name string) (simulate.Policy, error) { return namedPolicyOf(name, "") }

// headlineFeatures is what a loop of headlines declares: texts of its actions and nothing else.
const headlineFeatures = "features:\n  action: {headline: {type: tags}}\n  undeclared: ignore\n"

// namedPolicyOf returns a policy of a loop whose file declares features as well.
func namedPolicyOf(name, declared string) (simulate.Policy, error) {
	if name == "" {
		name = "default"
	}
	if !slices.Contains(policyNames(), name) {
		return simulate.Policy{}, fmt.Errorf("--policy %q is not known; it can be %s", name, strings.Join(policyNames(), ", "))
	}
	file := "version: 1\nname: simulated\nactions: from_request\n" + declared
	if name != "default" {
		file += "policy: {type: " + name + "}\n"
	}
	return compiledPolicy("simulated.yaml", []byte(file))
}

// policies returns what is to be played: the one of --policy or --loop, then those of --compare.
func (f *simulateFlags) policies() ([]simulate.Policy, error) {
	if f.format == "sendtime" {
		return f.sendTimePolicies()
	}
	first, err := f.readPolicy()
	if err != nil {
		return nil, err
	}
	out := []simulate.Policy{first}
	for _, name := range f.compare {
		p, err := namedPolicyOf(name, f.declared())
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// declared returns the features that a loop would declare for the data, "" where it would leave that to what comes.
func (f *simulateFlags) declared() string {
	if f.format == "abn" && f.text == "headline" {
		return headlineFeatures
	}
	return ""
}

// sendTimePolicies returns the same for send times, which have an estimator and a default of their own.
func (f *simulateFlags) sendTimePolicies() ([]simulate.Policy, error) {
	var out []simulate.Policy
	for _, name := range append([]string{f.policy}, f.compare...) {
		p, err := namedPolicy(name)
		if err != nil {
			return nil, err
		}
		if name == "" || name == "default" {
			p.Exploration = model.DefaultSendTimeExploration()
			p.Name = p.Exploration.String()
		}
		out = append(out, p)
	}
	return out, nil
}

func (f *simulateFlags) readPolicy() (simulate.Policy, error) {
	if f.loop == "" {
		return namedPolicyOf(f.policy, f.declared())
	}
	p, err := loopPolicy(f.loop)
	if err != nil {
		return p, fmt.Errorf("read policy of loop: %w", err)
	}
	return p, nil
}

// loopPolicy reads the policy that a loop file describes, with its estimator.
func loopPolicy(path string) (simulate.Policy, error) {
	d, err := loop.CompileFile(path)
	if err != nil {
		return simulate.Policy{}, err
	}
	return policyOf(d), nil
}

func compiledPolicy(path string, file []byte) (simulate.Policy, error) {
	d, err := loop.Compile(path, file)
	if err != nil {
		return simulate.Policy{}, err
	}
	return policyOf(d), nil
}

func policyOf(d *learn.Definition) simulate.Policy {
	return simulate.Policy{Name: d.Loop.Policy.String(), Exploration: d.Loop.Policy, NewEstimator: d.NewEstimator}
}
