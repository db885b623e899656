package decision

import (
	"slices"
	"time"

	"github.com/nextbest/nextbest/guardrail"
)

// deny leaves in k.denied why an action must not be served, whatever else the request says: the kill switch, the loop's
// guardrails, its contact policy. What is permitted does not depend on their order; the reason that is given does.
func (k *kernel) deny(l *Loop, in *Input) {
	k.denied = append(k.denied[:0], make([]string, len(in.Actions))...)
	if l.Send != nil {
		k.denySends(l, in)
	} else {
		k.rules(l, in)
		k.contact(l, in)
	}
	for _, i := range in.Killed {
		k.denied[i] = ExcludedByKill
	}
	k.guarded = slices.ContainsFunc(k.denied, func(reason string) bool { return reason != "" })
}

// contact denies what the contact policy keeps back.
func (k *kernel) contact(l *Loop, in *Input) {
	if l.Contact == nil {
		return
	}
	k.subjects = l.Subjects
	if !in.FromCatalogue {
		k.subjects = subjectsOf(in.Actions)
	}
	k.query = guardrail.ContactQuery{
		Loop: l.Name, Event: in.EventID, Now: in.Time, Zone: in.zone(), ZoneOfUser: in.ZoneOfUser, BudgetZone: l.Zone, Contacts: in.Contacts, Spent: in.Spent,
	}
	if in.FromCatalogue {
		k.query.Mandatory = l.Mandatory
	}
	l.Contact.Evaluate(k.denied, k.subjects, &k.query)
}

// reach counts what a slot has served before the next one is decided: a page with two places does not pass by a cap of one.
func (k *kernel) reach(l *Loop, in *Input, c *Choice, slot int) {
	if l.Contact == nil || slot+1 == len(in.Slots) {
		return
	}
	if c.Reached.Counts {
		k.query.Contacts.Recent = append([]guardrail.Contact{{
			At: in.Time, Loop: l.Name, Action: in.Actions[c.Served()].ID, Channel: c.Reached.Channel, Tags: c.Reached.Tags,
		}}, k.query.Contacts.Recent...)
	}
	if len(c.Reached.Spent) > 0 {
		k.query.Spent = slices.Clone(k.query.Spent)
		for b := range k.query.Spent {
			k.query.Spent[b] += c.Reached.Spent[b]
		}
	}
	l.Contact.Evaluate(k.denied, k.subjects, &k.query)
	k.guarded = k.guarded || slices.ContainsFunc(k.denied, func(reason string) bool { return reason != "" })
	k.allowed = nil
}

// warnings returns the reasons of the rules that an action breaks and that only warn.
func (k *kernel) warnings(l *Loop, in *Input, action int) []string {
	if l.Guardrails == nil {
		return nil
	}
	if l.Send != nil {
		at, sends := in.Send.SendAt(action)
		if !sends {
			return nil
		}
		k.ruleAt(in, at.Unix())
		action = 0 // Rules know a send, at one time or another.
	}
	var reasons []string
	for _, w := range k.bound.Warnings(nil, &k.verdicts, &k.request, action) {
		reasons = append(reasons, w.Reason)
	}
	return reasons
}

// rules denies what a guardrail excludes.
func (k *kernel) rules(l *Loop, in *Input) {
	if l.Guardrails == nil {
		return
	}
	k.bound = l.Bound
	if !in.FromCatalogue {
		k.bound = l.Guardrails.Bind(subjectsOf(in.Actions))
	}
	k.request = guardrail.Request{
		Now: in.Time, Zone: in.zone(), Context: in.Context, User: in.User, UserKnown: in.UserID != "" && in.Degraded == "",
	}
	k.bound.Evaluate(&k.verdicts, &k.request)
	for i := range in.Actions {
		if rule, denied := k.verdicts.Denied(i); denied {
			k.denied[i] = rule.Reason
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
