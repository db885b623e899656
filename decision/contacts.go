package decision

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
)

// ContactSource reads what is known of a user together with whom the user was reached by, and keeps a place for the event
// that is being decided.
type ContactSource interface {
	// FetchHolding does what FeatureSource.Fetch does and, in the same round trip and as one atomic step, returns the user's
	// contacts and holds a place among them for the event. Events that hold a place see each other in some order: of 1,000
	// at once against a cap of 3, three are permitted. Features and contacts may fail apart: then contacts are not known, or
	// the features have an error. It ends by ctx's deadline. Settle is called after it, also when it failed.
	FetchHolding(ctx context.Context, user string, names []string, h Hold) (UserState, error)
	// Settle puts what reached the user in the place of the hold, or takes the hold away when that is nothing. It does not
	// wait for the store; a hold that cannot be settled stays, and counts.
	Settle(user string, h Hold, reached []guardrail.Contact)
}

// Hold is a place among a user's contacts.
type Hold struct {
	Loop, Event string
	UnixMillis  int64
}

// UserState is what a ContactSource knows of a user.
type UserState struct {
	Features    []features.Raw // one per name
	FeaturesErr error          // why there are none
	Contacts    guardrail.UserContacts
}

// Budgets counts what budgets have spent. It does not block.
type Budgets interface {
	// Hold returns what each budget of a loop has spent today, other holds included, and holds the given amounts.
	Hold(loop string, day string, names []string, amounts []float64) (spent []float64)
	// Settle replaces what was held by what was spent.
	Settle(loop string, day string, names []string, held, spent []float64)
}

// Reached is what one slot's action takes of the contact policy.
type Reached struct {
	Counts  bool // it is a contact
	Channel string
	Tags    []string
	Spent   []float64 // by budget of the policy; nil when there are none
}

// reached returns what serving an action takes of the contact policy.
func (l *Loop) reached(in *Input, action int) Reached {
	if l.Contact == nil || action < 0 {
		return Reached{}
	}
	a := l.subject(in, action)
	r := Reached{Counts: !a.Silent && in.UserID != "", Channel: a.Channel, Tags: a.Tags}
	for i := range l.Contact.Budgets {
		if r.Spent == nil {
			r.Spent = make([]float64, len(l.Contact.Budgets))
		}
		if b := &l.Contact.Budgets[i]; !a.Silent && b.Covers(&a) {
			r.Spent[i] = b.CostOf(&a)
		}
	}
	return r
}

// subject returns an action as guardrails see it.
func (l *Loop) subject(in *Input, action int) guardrail.Subject {
	if l.Send != nil {
		return l.Send.subject(in.Actions[action].ID)
	}
	if in.FromCatalogue {
		return l.Subjects[action]
	}
	return guardrail.Subject{ID: in.Actions[action].ID, Features: in.Actions[action].Features}
}

// ContactsOf returns what a record's actions reached the user by.
func ContactsOf(r *Record) []guardrail.Contact {
	at := r.Time
	if send, ok := r.SendAt(); ok {
		at = send
	}
	var all []guardrail.Contact
	for i := range r.Choices {
		c := &r.Choices[i]
		if c.Filled() && c.Reached.Counts {
			all = append(all, guardrail.Contact{
				At: at, Event: r.EventID, Loop: r.Loop, Action: r.ActionID(c.Served()), Channel: c.Reached.Channel, Tags: c.Reached.Tags,
			})
		}
	}
	return all
}

// spentOf returns what a record's actions took of each of n budgets.
func spentOf(r *Record, n int) []float64 {
	all := make([]float64, n)
	for i := range r.Choices {
		for b, amount := range r.Choices[i].Reached.Spent {
			all[b] += amount
		}
	}
	return all
}

// dearest returns the most that a decision can take of each budget: that much is held until it is known.
func (l *Loop) dearest(in *Input) []float64 {
	most := make([]float64, len(l.Contact.Budgets))
	if l.Send != nil { // Its times are not made yet, and all cost the same.
		for b := range most {
			if l.Contact.Budgets[b].Covers(&l.Send.Subject) {
				most[b] = l.Contact.Budgets[b].CostOf(&l.Send.Subject)
			}
		}
		return most
	}
	for b := range most {
		var costs []float64
		for i := range in.Actions {
			if a := l.subject(in, i); !a.Silent && l.Contact.Budgets[b].Covers(&a) {
				costs = append(costs, l.Contact.Budgets[b].CostOf(&a))
			}
		}
		slices.SortFunc(costs, func(x, y float64) int { return cmp.Compare(y, x) })
		for _, c := range costs[:min(len(costs), len(in.Slots))] {
			most[b] += c
		}
	}
	return most
}

// Sent has caps count a logged decision on a send time at the moment when the user was really reached.
func (d *Decider) Sent(r *Record, at time.Time) {
	contacts := ContactsOf(r)
	if r.Send == nil || d.Contacts == nil || len(contacts) == 0 {
		return
	}
	for i := range contacts {
		contacts[i].At = at
	}
	d.Contacts.Settle(r.UserID, Hold{Loop: r.Loop, Event: r.EventID, UnixMillis: r.Time.UnixMilli()}, contacts)
}
