package model

import (
	"fmt"
	"testing"
)

// TestCandidatesAlikeAreScoredAsOneByOne compares to the bit, while columns, actions and priors come, from a predictor
// and from one that follows.
func TestCandidatesAlikeAreScoredAsOneByOne(t *testing.T) {
	w, m := newWorld(14), NewMixture(MixtureOptions{MaxActions: 12})
	live := m.Live().(*livePredictor)
	var actions []Candidate
	for i := range 20 {
		actions = append(actions, Candidate{ID: fmt.Sprint(i)})
	}
	for i := range 700 {
		context, _, _ := w.context()
		m.Observe(context, actions)
		e := m.Encode(context, actions[w.rnd.IntN(min(i/10+1, 15))])
		m.Settle(&e, w.rnd.NormFloat64(), 1)
		if i%7 != 0 {
			continue
		}
		for _, p := range []*mixturePredictor{live.now(), must(m.Predictor()).(*mixturePredictor)} {
			s := p.scoring(context)
			p.number(s, actions)
			got := make([]Estimate, len(actions))
			p.estimateAlike(s, got)
			for j := range actions {
				want := p.estimate(s, &actions[j], p.actions.of(actions[j].ID), false)
				if got[j].Mean != want.Mean || got[j].Variance != want.Variance || got[j].Events != want.Events {
					t.Fatalf("after %d examples action %d is estimated at %v, alone at %v", i, j, got[j], want)
				}
			}
		}
	}
}
