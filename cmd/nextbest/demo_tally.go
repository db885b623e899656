package main

import (
	"fmt"
	"sync"

	"github.com/nextbest/nextbest/experiment"
)

// armPropensity is the probability with which the campaign gave each customer each action.
const armPropensity = 1.0 / float64(len(campaignActions))

// campaignTally compares the service with the policies that need no service, on the same customers. Every customer's
// action was randomised, so each policy's value is the mean over those customers whose action agrees with it, and
// the gain over a single action to everyone is the mean of the difference of the importance-weighted rewards, which
// is zero wherever the service chose that same action.
type campaignTally struct {
	mu      sync.Mutex
	service experiment.MeanSequence
	uniform experiment.MeanSequence
	single  [len(campaignActions)]experiment.MeanSequence
	gain    [len(campaignActions)]experiment.MeanSequence // of the service over each single action
	overAll experiment.MeanSequence                       // gain of the service over uniform
}

func newCampaignTally(customers int) *campaignTally {
	n := float64(customers)
	sequence := func(values, width float64) experiment.MeanSequence {
		return experiment.MeanSequence{Confidence: 0.95, TightestAt: values, Range: width}
	}
	const weight = 1 / armPropensity
	t := &campaignTally{service: sequence(n*armPropensity, 1), uniform: sequence(n, 1), overAll: sequence(n, weight)}
	for i := range campaignActions {
		t.single[i], t.gain[i] = sequence(n*armPropensity, 1), sequence(n, 2*weight)
	}
	return t
}

// add takes the customer for whom the service chose an action.
func (t *campaignTally) add(chosen string, c *customer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	weighted := func(agrees bool) float64 {
		if agrees {
			return c.visit / armPropensity
		}
		return 0
	}
	if chosen == c.sent {
		t.service.Add(c.visit)
	}
	t.uniform.Add(c.visit)
	t.overAll.Add(weighted(chosen == c.sent) - c.visit)
	for i, action := range campaignActions {
		if action == c.sent {
			t.single[i].Add(c.visit)
		}
		t.gain[i].Add(weighted(chosen == c.sent) - weighted(action == c.sent))
	}
}

// line is the state in a few words, for a progress display.
func (t *campaignTally) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := fmt.Sprintf("visits %s ± %s", percent(t.service.Mean()), percent(t.service.HalfWidth()))
	s += ", random " + percent(t.uniform.Mean())
	for i, action := range campaignActions {
		s += fmt.Sprintf(", %s %s", action, percent(t.single[i].Mean()))
	}
	return s
}

// campaignResult is what `nextbest demo --json` prints.
type campaignResult struct {
	Policies []policyResult `json:"policies"`
	Verdict  string         `json:"verdict"`
}

// policyResult is one policy's value with its interval, and the service's gain over it with its own.
type policyResult struct {
	Name      string  `json:"name"`
	Customers int     `json:"customers"`
	VisitRate float64 `json:"visit_rate"`
	Lower     float64 `json:"lower"`
	Upper     float64 `json:"upper"`
	Gain      float64 `json:"gain"`
	GainLower float64 `json:"gain_lower"`
	GainUpper float64 `json:"gain_upper"`
}

func (t *campaignTally) result() campaignResult {
	t.mu.Lock()
	defer t.mu.Unlock()
	result := campaignResult{Policies: []policyResult{
		newPolicyResult("nextbest, while learning", &t.service, nil),
		newPolicyResult("one at random", &t.uniform, &t.overAll),
	}}
	best := 0
	for i, action := range campaignActions {
		result.Policies = append(result.Policies, newPolicyResult(action+" to everyone", &t.single[i], &t.gain[i]))
		if t.single[i].Mean() > t.single[best].Mean() {
			best = i
		}
	}
	result.Verdict = verdict(campaignActions[best], &t.gain[best])
	return result
}

func newPolicyResult(name string, value, gain *experiment.MeanSequence) policyResult {
	r := policyResult{
		Name: name, Customers: value.N(), VisitRate: value.Mean(),
		Lower: max(0, value.Mean()-value.HalfWidth()), Upper: min(1, value.Mean()+value.HalfWidth()),
	}
	if gain != nil { // The service gains nothing over itself.
		r.Gain, r.GainLower, r.GainUpper = gain.Mean(), max(-1, gain.Mean()-gain.HalfWidth()), min(1, gain.Mean()+gain.HalfWidth())
	}
	return r
}

// verdict says in words what the gain over the best single action, chosen in hindsight, comes to.
func verdict(best string, gain *experiment.MeanSequence) string {
	mean, half := gain.Mean(), gain.HalfWidth()
	told := fmt.Sprintf("%s points of visit rate, 95%% interval %s to %s", points(mean), points(max(-1, mean-half)), points(min(1, mean+half)))
	switch {
	case mean-half > 0:
		return fmt.Sprintf("Choosing per person beat %s to everyone, the best single choice in hindsight: %s.", best, told)
	case mean+half < 0:
		return fmt.Sprintf("Choosing per person, learning included, fell short of %s to everyone, the best single choice in hindsight: %s.", best, told)
	default:
		return fmt.Sprintf("Choosing per person, learning included, is level with %s to everyone, the best single choice in hindsight: %s.", best, told)
	}
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", 100*x) }

// points formats a difference of rates.
func points(x float64) string { return fmt.Sprintf("%+.2f", 100*x) }
