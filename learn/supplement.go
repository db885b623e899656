package learn

import (
	"slices"
	"strings"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
)

// supplement gives the actions of catalogues features that the log's loop files do not have.
type supplement struct {
	more   []decision.Action
	of     *decision.Action  // the first action of the catalogue that was supplemented last
	merged []decision.Action // that catalogue, supplemented
}

// catalogue returns the actions that a snapshot decided from, with the features that they had.
func (l *loopFold) catalogue(snapshotID string) []decision.Action {
	c := l.catalogues.of(snapshotID)
	s := &l.supplement
	if len(s.more) == 0 || len(c) == 0 {
		return c
	}
	if s.of != &c[0] {
		s.of, s.merged = &c[0], supplemented(c, s.more)
	}
	return s.merged
}

func supplemented(catalogue, more []decision.Action) []decision.Action {
	out := slices.Clone(catalogue)
	for i := range out {
		own := out[i].Features
		set := slices.Clone(own)
		for _, f := range catalogueFeatures(more, i, out[i].ID) {
			if !slices.ContainsFunc(own, func(g features.Feature) bool { return g.Name == f.Name }) {
				set = append(set, f)
			}
		}
		slices.SortFunc(set, func(a, b features.Feature) int { return strings.Compare(a.Name, b.Name) })
		out[i].Features = set
	}
	return out
}
