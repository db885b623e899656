package guardrail

import (
	"slices"
	"time"

	"github.com/nextbest/nextbest/features"
)

// Reasons that a contact policy gives. Those of caps and budgets have the name behind a colon, as in cap:weekly.
const (
	ReasonSuppressed      = "suppressed"       // the user must not be reached at all, or not by the action's channel
	ReasonContactsUnknown = "contacts_unknown" // who was reached, and who must not be, could not be read
	ReasonQuietHours      = "quiet_hours"
	ReasonZoneUnknown     = "zone_unknown" // whether it is quiet hours where the user is, nobody can tell
	reasonCap             = "cap:"
	reasonBudget          = "budget:"
	reasonPaced           = "paced:" // the budget lasts, and is ahead of the day
)

// EveryChannel is the channel of a suppression that covers all.
const EveryChannel = "*"

// Contact is one time that a user was reached.
type Contact struct {
	At      time.Time
	Event   string
	Loop    string
	Action  string
	Channel string
	Tags    []string
	// Held says that the event is being decided, or was by a process that died: its action is not known. It counts as one of
	// its loop that any cap may be about.
	Held bool
}

// UserContacts is what is known of whom a user was reached by.
type UserContacts struct {
	Known      bool      // false: it could not be read
	Recent     []Contact // newest first, back to the longest window
	Suppressed []string  // channels that must not be used, EveryChannel for all
	// Truncated says that there were more contacts than are kept, or read: caps whose window reaches further back than Recent
	// take it that they are reached.
	Truncated bool
}

// covers reports whether Recent has all contacts since a time.
func (c *UserContacts) covers(since time.Time) bool {
	return !c.Truncated || len(c.Recent) > 0 && !c.Recent[len(c.Recent)-1].At.After(since)
}

// Scope says which contacts a cap counts, and which actions it is about.
type Scope uint8

// The scopes.
const (
	PerUser    Scope = iota // all contacts; about every action
	PerAction               // each action for itself
	PerTag                  // those with the tag that the cap names
	PerChannel              // those over the channel that the cap names
)

// Cap allows so many contacts in a sliding window.
type Cap struct {
	Name   string
	Limit  int
	Window time.Duration
	Per    Scope
	Of     string // the tag or channel
	// AllLoops counts the contacts of other loops as well.
	AllLoops bool
	// KeptFor are places of the limit that only the loop named may take: priority between loops.
	KeptFor map[string]int
	// OnMissing says what holds while contacts cannot be read.
	OnMissing OnMissing
}

// QuietHours are the times of day, where the user is, at which nobody is reached. Quiet that begins before midnight and ends
// after it belongs to the day on which it begins.
type QuietHours struct {
	From, Until time.Duration // since midnight, by the clock on the wall; the same for the whole day
	Days        [7]bool       // by time.Weekday
	// OnMissing says what holds where the user's own time zone is wanted and not known: PermitMissing goes by the loop's.
	OnMissing OnMissing
	OfUser    bool // the user's own time zone is wanted
}

// Budget limits what an action, or those with a tag, may cost in a day of the policy's zone.
type Budget struct {
	Name   string
	Action string // one of the two
	Tag    string
	Limit  float64
	Cost   string // the action feature that says what serving it costs; "" counts 1, as does a cost that is missing
	Smooth bool   // spread over the day: it is never ahead of the share of the day that is gone by more than HeadStart
}

// HeadStart is the share of a smooth budget that may be spent at any time of the day.
const HeadStart = 1.0 / 24

// ContactPolicy is how often, when and for how much people may be reached. The zero policy only honours suppressions.
type ContactPolicy struct {
	Caps    []Cap
	Quiet   []QuietHours
	Budgets []Budget
}

// ContactQuery is what a policy is asked about.
type ContactQuery struct {
	Loop, Event string
	Now         time.Time      // at which the user would be reached
	Span        time.Duration  // for so long after Now the user may be reached; 0: at Now
	Zone        *time.Location // of the user where ZoneOfUser, else of the loop
	ZoneOfUser  bool
	BudgetZone  *time.Location // of the days that budgets are for; nil is UTC
	Contacts    UserContacts
	Spent       []float64 // by budget, today, what is held for others included
	Mandatory   []bool    // by action: only a suppression keeps it back. nil: none is
}

// Evaluate writes why an action must not be served into why, one per action, and leaves those of the others alone. What is
// declared to fail closed does so while contacts are not known; suppressions always do. They come last, and nothing
// passes them by.
func (p *ContactPolicy) Evaluate(why []string, actions []Subject, q *ContactQuery) {
	for i := range actions {
		a := &actions[i]
		if a.Silent {
			continue
		}
		if why[i] == "" && (q.Mandatory == nil || !q.Mandatory[i]) {
			why[i] = p.reason(a, q)
		}
		if r := suppressed(a, &q.Contacts); r != "" {
			why[i] = r
		}
	}
}

func (p *ContactPolicy) reason(a *Subject, q *ContactQuery) string {
	for i := range p.Budgets {
		if r := p.Budgets[i].reason(a, q, i); r != "" {
			return r
		}
	}
	for i := range p.Quiet {
		if r := p.Quiet[i].reason(q); r != "" {
			return r
		}
	}
	for i := range p.Caps {
		if r := p.Caps[i].reason(a, q); r != "" {
			return r
		}
	}
	return ""
}

func suppressed(a *Subject, c *UserContacts) string {
	switch {
	case !c.Known:
		return ReasonContactsUnknown
	case slices.Contains(c.Suppressed, EveryChannel), a.Channel == "" && len(c.Suppressed) > 0, slices.Contains(c.Suppressed, a.Channel):
		return ReasonSuppressed
	}
	return ""
}

func (c *Cap) reason(a *Subject, q *ContactQuery) string {
	if !c.about(a) {
		return ""
	}
	if !q.Contacts.Known {
		if c.OnMissing == DenyMissing {
			return ReasonContactsUnknown
		}
		return ""
	}
	if !q.Contacts.covers(q.Now.Add(-c.Window)) {
		return reasonCap + c.Name
	}
	used, byLoop := 0, map[string]int(nil)
	if len(c.KeptFor) > 0 {
		byLoop = make(map[string]int, len(c.KeptFor))
	}
	for i := range q.Contacts.Recent {
		x := &q.Contacts.Recent[i]
		if !c.counts(x, a, q) {
			continue
		}
		used++
		if byLoop != nil {
			byLoop[x.Loop]++
		}
	}
	for loop, kept := range c.KeptFor {
		if loop != q.Loop {
			used += max(0, kept-byLoop[loop])
		}
	}
	if used >= c.Limit {
		return reasonCap + c.Name
	}
	return ""
}

// about reports whether the cap is about an action.
func (c *Cap) about(a *Subject) bool {
	switch c.Per {
	case PerTag:
		return slices.Contains(a.Tags, c.Of)
	case PerChannel:
		return a.Channel == c.Of
	}
	return true
}

// counts reports whether the cap counts a contact when it is asked about an action.
func (c *Cap) counts(x *Contact, a *Subject, q *ContactQuery) bool {
	switch {
	case x.Event == q.Event && x.Loop == q.Loop: // its own place
		return false
	case !x.At.After(q.Now.Add(-c.Window)), !x.At.Before(q.Now.Add(q.Span + c.Window)): // planned ones are ahead
		return false
	case x.Loop != q.Loop && !c.AllLoops:
		return false
	case x.Held:
		return true
	}
	switch c.Per {
	case PerAction:
		return x.Action == a.ID
	case PerTag:
		return slices.Contains(x.Tags, c.Of)
	case PerChannel:
		return x.Channel == c.Of
	}
	return true
}

func (h *QuietHours) reason(q *ContactQuery) string {
	if h.OfUser && !q.ZoneOfUser && h.OnMissing == DenyMissing {
		return ReasonZoneUnknown
	}
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	if at := q.Now.In(zone); h.quiet(at) || q.Span > 0 && h.begins(at, q.Span) {
		return ReasonQuietHours
	}
	return ""
}

// begins reports whether quiet hours begin within a span after a local time.
func (h *QuietHours) begins(at time.Time, span time.Duration) bool {
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	for day := midnight; !day.After(at.Add(span)); day = day.AddDate(0, 0, 1) {
		start := day.Add(h.From) // As far as the clocks are not changed that day; see SendWindow, whose zones are fixed.
		if h.Days[day.Weekday()] && start.After(at) && !start.After(at.Add(span)) {
			return true
		}
	}
	return false
}

// quiet reports whether a local time is within the quiet hours.
func (h *QuietHours) quiet(at time.Time) bool {
	clock := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
	today := at.Weekday()
	yesterday := (today + 6) % 7
	if h.From < h.Until {
		return h.Days[today] && h.From <= clock && clock < h.Until
	}
	return h.Days[today] && clock >= h.From || h.Days[yesterday] && clock < h.Until
}

// Covers reports whether a budget is about an action.
func (b *Budget) Covers(a *Subject) bool {
	return a.ID == b.Action && b.Action != "" || b.Tag != "" && slices.Contains(a.Tags, b.Tag)
}

// CostOf returns what serving an action takes of the budget.
func (b *Budget) CostOf(a *Subject) float64 {
	if b.Cost == "" {
		return 1
	}
	v := a.Features.Get(b.Cost)
	if v.Kind() != features.Number {
		return 1
	}
	return max(0, v.Number())
}

func (b *Budget) reason(a *Subject, q *ContactQuery, i int) string {
	if !b.Covers(a) || i >= len(q.Spent) {
		return ""
	}
	switch after := q.Spent[i] + b.CostOf(a); {
	case after > b.Limit:
		return reasonBudget + b.Name
	case b.Smooth && after > b.Limit*min(1, dayGone(q)+HeadStart) && q.Spent[i] > 0:
		return reasonPaced + b.Name
	}
	return ""
}

// dayGone returns the share of the budgets' day that is over, by the clock on the wall.
func dayGone(q *ContactQuery) float64 {
	zone := q.BudgetZone
	if zone == nil {
		zone = time.UTC
	}
	at := q.Now.In(zone)
	return (float64(at.Hour())*3600 + float64(at.Minute())*60 + float64(at.Second())) / 86400
}
