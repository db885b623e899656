package evaluate

import (
	"slices"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// newJudge makes the rules of the candidates, and one learner for all that learn the same. The first learner is that of
// the file that says what events are worth. Each keeps its last snapshots, as many as keep says.
func (l *Log) newJudge(keep int) judge {
	own := l.newLearner(l.definition, nil, l.settled)
	own.keep = keep
	j := judge{learners: []*learner{own}, counts: &l.counts}
	byKey := map[string]*learner{l.definition.LearningKey: own}
	for i := range l.candidates {
		c := &l.candidates[i]
		if c.file == nil {
			j.rules = append(j.rules, c.rule)
			continue
		}
		more := added(c.file.Loop, l.definition.Loop)
		by := byKey[c.file.LearningKey]
		if by == nil || more != nil {
			by = l.newLearner(c.file, more, nil)
			by.keep = keep
			j.learners = append(j.learners, by)
		}
		if more == nil {
			byKey[c.file.LearningKey] = by
		}
		j.rules = append(j.rules, newFileRule(c.file.Loop, by))
	}
	return j
}

func (l *Log) newLearner(d *learn.Definition, more []decision.Action, ended func(learn.Settled)) *learner {
	return &learner{follower: learn.NewFollower(learn.Following{
		Loop: l.options.Loop, Definition: d, Catalogue: l.definition, Compile: loop.Compile, More: more, Ended: ended,
	})}
}

// added returns the features of actions that a candidate's catalogue has and the newest one has not: nil when there are
// none. Those that both have are as they were logged, also where the candidate's value is another: a price is what it was.
func added(candidate, newest *decision.Loop) []decision.Action {
	var out []decision.Action
	for _, a := range candidate.Actions {
		k := slices.IndexFunc(newest.Actions, func(b decision.Action) bool { return a.ID == b.ID })
		if k < 0 {
			continue
		}
		had := newest.Actions[k].Features
		more := slices.DeleteFunc(slices.Clone(a.Features), func(f features.Feature) bool {
			return slices.ContainsFunc(had, func(g features.Feature) bool { return f.Name == g.Name })
		})
		if len(more) > 0 {
			out = append(out, decision.Action{ID: a.ID, Features: more})
		}
	}
	return out
}
