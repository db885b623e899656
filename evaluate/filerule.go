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
	own     map[string]int // the loop's catalogue, by id; nil when requests bring the actions
	met     []bool         // by its order: which actions were eligible in a judged decision

	among         []int // indexes into choice.eligible: the actions that the loop has
	estimates     []model.Estimate
	probabilities []float64
}

func newFileRule(l *decision.Loop, by *learner) *fileRule {
	f := &fileRule{loop: l, learner: by, met: make([]bool, len(l.Actions))}
	if len(l.Actions) > 0 {
		f.own = make(map[string]int, len(l.Actions))
	}
	for i, a := range l.Actions {
		f.own[a.ID] = i
	}
	return f
}

// target implements rule. A loop in another mode than online serves the baseline, whatever its policy says.
func (f *fileRule) target(dst []float64, c *choice) bool {
	had := f.choose(c)
	if f.loop.Mode != decision.Online {
		return baseline{}.target(dst, c)
	}
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
	i, ok := f.own[d.Actions[action].ID]
	if ok {
		f.met[i] = true
	}
	return ok || f.own == nil || !d.FromCatalogue
}

// unmet returns the ids of the loop's actions that no judged decision could have served.
func (f *fileRule) unmet() []string {
	ids := []string{}
	for i, met := range f.met {
		if !met {
			ids = append(ids, f.loop.Actions[i].ID)
		}
	}
	return ids
}
