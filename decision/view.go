package decision

import (
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// View is what a model sees of an input: declared features with their defaults. Deciding and learning look through the
// same one. Its memory is used again by the next Set; the zero View is ready.
type View struct {
	Context    features.Set      // of the request and the user
	Candidates []model.Candidate // one per action, in their order

	merged features.Set      // the candidates' features, one after another
	own    []model.Candidate // used where the actions are not as sent
}

// Set looks at in under the loop's schema. The view holds until in or the view is changed.
func (v *View) Set(l *Loop, in *Input) {
	if l.Send != nil {
		v.Context, v.Candidates = appendEvidence(v.Context[:0], in), in.Actions
		return
	}
	v.Context = l.Schema.MergeForModel(v.Context[:0], in.Context, in.User)
	if l.Schema.ActionsAsSent() {
		v.Candidates = in.Actions
		return
	}
	v.merged, v.own = v.merged[:0], v.own[:0]
	for i := range in.Actions {
		from := len(v.merged)
		v.merged = l.Schema.MergeAction(v.merged, in.Actions[i].Features)
		v.own = append(v.own, model.Candidate{ID: in.Actions[i].ID, Features: v.merged[from:len(v.merged):len(v.merged)]})
	}
	v.Candidates = v.own
}
