package evaluate

import (
	"slices"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/model"
)

// fileRule is the policy of a loop file over the estimates of its learner, which has seen the decision.
type fileRule struct {
	loop    *decision.Loop
	learner *learner
	own     map[string]struct{} // the ids of the loop's catalogue; nil when requests bring the actions

	among         []int // indexes into choice.eligible: the actions that the loop has
	estimates     []model.Estimate
	probabilities []float64
}

func newFileRule(l *decision.Loop, by *learner) *fileRule {
	f := &fileRule{loop: l, learner: by}
	if len(l.Actions) > 0 {
		f.own = make(map[string]struct{}, len(l.Actions))
	}
	for _, a := range l.Actions {
		f.own[a.ID] = struct{}{}
	}
	return f
}

// target implements rule. A loop in another mode than online serves the baseline, whatever its policy says.
func (f *fileRule) target(dst []float64, c *choice) bool {
	if f.loop.Mode != decision.Online {
		return baseline{}.target(dst, c)
	}
	had := f.choose(c)
	f.estimates = f.estimates[:0]
	for _, j := range f.among {
		f.estimates = append(f.estimates, f.learner.estimates[c.eligible[j]])
	}
	f.probabilities = slices.Grow(f.probabilities[:0], len(f.among))[:len(f.among)]
	clear(f.probabilities)
	f.loop.Policy.Probabilities(f.probabilities, f.estimates, f.learner.deviation, model.EventsOf(f.estimates))
	for i, j := range f.among {
		dst[j] = f.probabilities[i]
	}
	return had
}

// choose leaves in f.among the eligible actions that the loop has: all where it has none, which it reports.
func (f *fileRule) choose(c *choice) bool {
	f.among = f.among[:0]
	for j, i := range c.eligible {
		if f.has(c.record, i) {
			f.among = append(f.among, j)
		}
	}
	if len(f.among) > 0 {
		return true
	}
	for j := range c.eligible {
		f.among = append(f.among, j)
	}
	return false
}

// has reports whether the loop has an action. What a request brings it takes.
func (f *fileRule) has(d *decision.Record, action int) bool {
	if f.own == nil || !d.FromCatalogue {
		return true
	}
	_, ok := f.own[d.Actions[action].ID]
	return ok
}
