package decision

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/guardrail"
)

// claim is what is held for an event while it is decided: a place among its user's contacts, and a part of budgets. The zero
// claim holds nothing.
type claim struct {
	decider *Decider
	user    string
	hold    Hold
	held    bool // a place may have been taken
	loop    string
	day     string
	budgets []string
	amounts []float64
}

// readContacts completes in with all that a loop with a contact policy needs.
func (d *Decider) readContacts(ctx context.Context, l *Loop, in *Input, now time.Time) claim {
	c := claim{decider: d, user: in.UserID, loop: l.Name, hold: Hold{Loop: l.Name, Event: in.EventID, UnixMillis: now.UnixMilli()}}
	c.holdBudgets(l, in)
	switch {
	case in.UserID == "": // Nobody was reached before, and nobody has objected.
		in.Contacts.Known = true
		return c
	case d.Contacts == nil:
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, d.featureBudget(ctx))
	defer cancel()
	c.held = true
	user, err := d.Contacts.FetchHolding(ctx, in.UserID, l.UserNames, c.hold)
	if err == nil {
		in.Contacts = user.Contacts
		err = user.FeaturesErr
	}
	if len(l.UserNames) > 0 {
		in.known(l, user.Features, err, now)
	}
	return c
}

// holdBudgets holds the most that the event can take of each budget.
func (c *claim) holdBudgets(l *Loop, in *Input) {
	if c.decider.Budgets == nil || len(l.Contact.Budgets) == 0 {
		return
	}
	c.day = l.Day(in.Time)
	for i := range l.Contact.Budgets {
		c.budgets = append(c.budgets, l.Contact.Budgets[i].Name)
	}
	c.amounts = l.dearest(in)
	in.Spent = c.decider.Budgets.Hold(c.loop, c.day, c.budgets, c.amounts)
}

// Day returns the date of a time where the loop is: what budgets are for.
func (l *Loop) Day(at time.Time) string {
	zone := l.Zone
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone).Format(time.DateOnly)
}

// settle puts what was served in the place of what was held; nil: nothing was.
func (c *claim) settle(r *Record) {
	if c.decider == nil {
		return
	}
	var reached []guardrail.Contact
	spent := make([]float64, len(c.budgets))
	if r != nil {
		reached, spent = ContactsOf(r), spentOf(r, len(c.budgets))
	}
	if c.held {
		for i := range reached {
			reached[i].Event = c.hold.Event // An event that could not be logged has no id of its own.
		}
		c.decider.Contacts.Settle(c.user, c.hold, reached)
	}
	if len(c.budgets) > 0 {
		c.decider.Budgets.Settle(c.loop, c.day, c.budgets, c.amounts, spent)
	}
}
