package decision

import (
	"time"

	"github.com/nextbest/nextbest/guardrail"
)

// deny leaves in k.denied why an action must not be served, whatever else the request says: the kill switch, the loop's
// guardrails, its contact policy. What is permitted does not depend on their order; the reason that is given does.
func (k *kernel) deny(l *Loop, in *Input) {
	k.denied = append(k.denied[:0], make([]string, len(in.Actions))...)
	k.guarded = false
	k.rules(l, in)
	for _, i := range in.Killed {
		k.denied[i] = ExcludedByKill
		k.guarded = true
	}
}

// rules denies what a guardrail excludes.
func (k *kernel) rules(l *Loop, in *Input) {
	if l.Guardrails == nil {
		return
	}
	bound := l.Bound
	if !in.FromCatalogue {
		bound = l.Guardrails.Bind(subjectsOf(in.Actions))
	}
	k.request = guardrail.Request{
		Now: in.Time, Zone: in.zone(), Context: in.Context, User: in.User, UserKnown: in.UserID != "" && in.Degraded == "",
	}
	bound.Evaluate(&k.verdicts, &k.request)
	for i := range in.Actions {
		if rule, denied := k.verdicts.Denied(i); denied {
			k.denied[i] = rule.Reason
			k.guarded = true
		}
	}
}

// subjectsOf returns the actions of a request as guardrails see them: they have features alone.
func subjectsOf(actions []Action) []guardrail.Subject {
	subjects := make([]guardrail.Subject, len(actions))
	for i := range actions {
		subjects[i] = guardrail.Subject{ID: actions[i].ID, Features: actions[i].Features}
	}
	return subjects
}

// zone returns the time zone of what rules read as time.
func (in *Input) zone() *time.Location {
	if in.Zone == nil {
		return time.UTC
	}
	return in.Zone
}
