package preflight

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/ope"
)

// Limits beyond which no number is given of what the loop would have earned (docs/guardrails.md).
const (
	MostUnsupported = 0.01 // of the probability
	LeastEffective  = 200  // decisions
)

// gone is the reason of actions that the loop's new file no longer has.
const gone = "not_in_the_file"

// Against holds logged decisions of a loop against a new file of it: what its guardrails would have excluded, and what that
// leaves of the log's support for off-policy evaluation.
//
// What the request excluded stays excluded, and so does what the contact policy did: rules are asked again. The policy that
// is held against the log is the logged one over what is permitted now: its probabilities, spread over the eligible actions
// that stay, in proportion; an action that becomes permitted, and so never could be logged, takes the share that choosing
// uniformly among all permitted actions would give it.
//
// Decisions are added in the order of the log. It is for one goroutine.
type Against struct {
	loop    *decision.Loop
	report  Report
	byRule  map[string]*RuleReport
	newly   map[string]uint64
	ope     *ope.Evaluation
	numbers map[string]int

	verdicts guardrail.Verdicts
	reasons  []string // of the present decision
	more     []string
	bound    map[*decision.Loop]*catalogue // by the file that decided
}

// catalogue is what was chosen among under one file of the log, as the new file's rules see it.
type catalogue struct {
	was      *decision.Loop
	subjects []guardrail.Subject
	bound    *guardrail.Bound
	missing  []bool // not in the new file
	index    map[string]int
	added    int // the subjects from here on are the new file's own: no decision could serve them
}

// Report is what Against found.
type Report struct {
	Loop string `json:"loop"`
	File string `json:"file,omitempty"` // the new file; for the caller to say
	// Decisions is how many there were, First and Last when. Slots counts their slots: all that follows is of slots.
	Decisions uint64    `json:"decisions"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Slots     uint64    `json:"slots"`
	// LostServed is how many would have lost the action that was served, NoneLeft how many every action, Narrowed how many
	// any eligible action, Widened how many would have had an action that the guardrails of the time excluded.
	LostServed uint64 `json:"lost_served"`
	NoneLeft   uint64 `json:"none_left"`
	Narrowed   uint64 `json:"narrowed"`
	Widened    uint64 `json:"widened"`
	// Rules are those that would have excluded anything, by how many served actions they would have taken. Each is told
	// where it would have given the reason.
	Rules []RuleReport `json:"rules"`
	// Newly are the actions that become permitted where they were excluded, by how often.
	Newly   []ActionReport `json:"newly_permitted"`
	Support Support        `json:"support"`
}

// RuleReport is what one rule would have done.
type RuleReport struct {
	Rule string `json:"rule"`
	// Slots is how many it would have narrowed, LostServed in how many of them it takes the action that was served, and
	// Probability how much of all probability that was logged is on what it takes.
	Slots       uint64  `json:"slots"`
	LostServed  uint64  `json:"lost_served"`
	Probability float64 `json:"probability"`
	actions     map[string]struct{}
	Actions     []string `json:"actions"`
}

// ActionReport is one action, and in how many slots it becomes permitted.
type ActionReport struct {
	Action string `json:"action"`
	Slots  uint64 `json:"slots"`
}

// Support says what the log can still say about the loop under its new guardrails.
type Support struct {
	// Samples is how many slots it is judged by: those in which the policy itself chose.
	Samples uint64 `json:"samples"`
	// Excluded is the mean logged probability of what is excluded now. It is harmless: the others weigh more.
	Excluded float64 `json:"excluded"`
	// Unsupported is the mean probability of actions that no decision could serve.
	Unsupported float64 `json:"unsupported"`
	// Effective is the effective sample, (Σ w)² / Σ w², or what is expected of it where that is less.
	Effective float64 `json:"effective_sample"`
	// Answers is false where the log can not say what the loop would have earned: Refusals say why.
	Answers  bool     `json:"answers"`
	Refusals []string `json:"refusals"`
}

// NewAgainst returns one without decisions, for a loop as its new file has it.
func NewAgainst(l *decision.Loop) (*Against, error) {
	if l.Send != nil {
		return nil, errors.New("the rules of send times hold for the moment of each send, and are not checked against logged ones yet: leave out --against")
	}
	evaluation, err := ope.New(ope.HasAction|ope.HasPropensity|ope.HasTarget|ope.HasUnsupported|ope.HasKept|ope.HasUnit|ope.HasExpectedSquare,
		nil, ope.Options{})
	if err != nil {
		return nil, err
	}
	return &Against{
		loop: l, report: Report{Loop: l.Name}, byRule: make(map[string]*RuleReport), newly: make(map[string]uint64), ope: evaluation,
		numbers: make(map[string]int), bound: make(map[*decision.Loop]*catalogue),
	}, nil
}

// Add adds a decision that was made under a file of the loop, nil where that is not known.
func (a *Against) Add(r *decision.Record, was *decision.Loop) error {
	if a.report.Decisions++; a.report.Decisions == 1 {
		a.report.First = r.Time
	}
	a.report.Last = r.Time
	a.judge(r, was)
	for i := range r.Choices {
		a.report.Slots++
		if err := a.slot(r, i); err != nil {
			return fmt.Errorf("event %q: %w", r.EventID, err)
		}
	}
	return nil
}

// judge asks the new file's rules about a decision: a.reasons says for each of its actions why it is excluded, "" where it is
// not; a.more are the permitted actions of the new file that it could not serve.
func (a *Against) judge(r *decision.Record, was *decision.Loop) {
	c, at := a.candidates(r, was)
	a.reasons, a.more = append(a.reasons[:0], make([]string, len(r.Actions))...), a.more[:0]
	denied := func(int) string { return "" }
	if c.bound != nil {
		q := guardrail.Request{Now: r.Time, Context: r.Context, User: r.User, UserKnown: r.UserID != "" && r.Degraded == ""}
		q.Zone, _ = Zone(a.loop, r.Context, r.User, q.UserKnown)
		c.bound.Evaluate(&a.verdicts, &q)
		denied = func(i int) string {
			if rule, ok := a.verdicts.Denied(i); ok {
				return rule.Name
			}
			return ""
		}
	}
	for i := range r.Actions {
		switch {
		case at[i] < 0 || c.missing[at[i]]:
			a.reasons[i] = gone
		default:
			a.reasons[i] = denied(at[i])
		}
	}
	for i := c.added; i < len(c.subjects); i++ {
		if denied(i) == "" {
			a.more = append(a.more, c.subjects[i].ID)
		}
	}
}

// Zone returns the time zone of a request, and whether it is the user's own: where the loop says which feature holds it,
// and it is one. Else it is the loop's.
func Zone(l *decision.Loop, context, user features.Set, userKnown bool) (zone *time.Location, own bool) {
	part, name, ok := strings.Cut(l.ZoneFeature, ".")
	if !ok || part == "user" && !userKnown {
		return l.Zone, false
	}
	set := user
	if part == "context" {
		set = context
	}
	if v := set.Get(name).Text(); v != "" && v != "Local" {
		if zone, err := time.LoadLocation(v); err == nil {
			return zone, true
		}
	}
	return l.Zone, false
}

// candidates returns the actions of a decision as the new rules see them, and where each of them is.
func (a *Against) candidates(r *decision.Record, was *decision.Loop) (*catalogue, []int) {
	at := make([]int, len(r.Actions))
	if !r.FromCatalogue {
		c := &catalogue{missing: make([]bool, len(r.Actions))}
		for i, action := range r.Actions {
			at[i] = i
			c.subjects = append(c.subjects, guardrail.Subject{ID: action.ID, Features: action.Features})
		}
		c.added = len(c.subjects)
		c.bind(a.loop)
		return c, at
	}
	c := a.bound[was]
	if c == nil {
		c = newCatalogue(a.loop, was)
		a.bound[was] = c
	}
	for i, action := range r.Actions {
		if at[i] = i; i >= len(c.subjects) || c.subjects[i].ID != action.ID {
			var ok bool
			if at[i], ok = c.index[action.ID]; !ok {
				at[i] = -1
			}
		}
	}
	return c, at
}

// newCatalogue returns the actions of a file of the log as the new file has them. A new file without any has them from
// the catalogue, and so has those of the log.
func newCatalogue(now, was *decision.Loop) *catalogue {
	c := &catalogue{was: was, index: make(map[string]int)}
	named := make(map[string]guardrail.Subject, len(now.Subjects))
	for _, s := range now.Subjects {
		named[s.ID] = s
	}
	if was == nil {
		c.subjects = slices.Clone(now.Subjects)
	} else {
		c.subjects = slices.Clone(was.Subjects)
	}
	c.added = len(c.subjects)
	c.missing = make([]bool, len(c.subjects))
	for i, s := range c.subjects {
		c.index[s.ID] = i
		n, ok := named[s.ID]
		if c.missing[i] = !ok && len(named) > 0; ok {
			c.subjects[i] = n
		}
	}
	for _, s := range now.Subjects {
		if _, ok := c.index[s.ID]; !ok {
			c.subjects = append(c.subjects, s)
		}
	}
	c.bind(now)
	return c
}

func (c *catalogue) bind(l *decision.Loop) {
	if l.Guardrails != nil {
		c.bound = l.Guardrails.Bind(c.subjects)
	}
}

// byGuardrail reports whether a logged exclusion was one of rules, and so may be lifted by others.
func byGuardrail(reason string) bool {
	switch reason {
	case decision.ExcludedByRequest, decision.ExcludedBySlot, decision.ExcludedByUse, decision.ExcludedByNeed, decision.ExcludedByKill,
		guardrail.ReasonSuppressed, guardrail.ReasonContactsUnknown, guardrail.ReasonQuietHours, guardrail.ReasonZoneUnknown:
		return false
	}
	return !strings.Contains(reason, ":")
}

// slot adds one slot.
func (a *Against) slot(r *decision.Record, slot int) error {
	c, reasons := &r.Choices[slot], a.reasons
	excluded, narrowed := 0.0, make(map[string]float64)
	stay := 0
	for _, k := range c.Ranking {
		reason := reasons[k.Action]
		if reason == "" {
			stay++
			continue
		}
		excluded += k.Probability
		narrowed[reason] += k.Probability
		a.rule(reason).actions[r.Actions[k.Action].ID] = struct{}{}
	}
	widened := 0
	for _, e := range c.Excluded {
		if reasons[e.Action] == "" && byGuardrail(e.Reason) {
			widened++
			a.newly[r.Actions[e.Action].ID]++
		}
	}
	for _, id := range a.more {
		if !slices.Contains(r.Excluded, id) && !slices.Contains(r.Slots[slot].Excluded, id) {
			widened++
			a.newly[id]++
		}
	}
	a.count(c, narrowed, stay, widened)
	if !c.Filled() || c.WouldHaveChosen >= 0 || r.Outcome.Fallback != "" {
		return nil
	}
	return a.sample(r, c, excluded, stay, widened)
}

func (a *Against) rule(name string) *RuleReport {
	rule := a.byRule[name]
	if rule == nil {
		rule = &RuleReport{Rule: name, actions: make(map[string]struct{})}
		a.byRule[name] = rule
	}
	return rule
}

func (a *Against) count(c *decision.Choice, narrowed map[string]float64, stay, widened int) {
	for name, probability := range narrowed { // sums of different rules: their order does not matter
		rule := a.rule(name)
		rule.Slots++
		rule.Probability += probability
	}
	if len(narrowed) > 0 {
		a.report.Narrowed++
	}
	if widened > 0 {
		a.report.Widened++
	}
	if c.Filled() && a.reasons[c.Served()] != "" {
		a.report.LostServed++
		a.rule(a.reasons[c.Served()]).LostServed++
	}
	if c.Filled() && stay+widened == 0 {
		a.report.NoneLeft++
	}
}

// sample adds what the slot says about the policy over what is permitted now.
func (a *Against) sample(r *decision.Record, c *decision.Choice, excluded float64, stay, widened int) error {
	a.report.Support.Samples++
	a.report.Support.Excluded += excluded
	served := c.Ranking[0]
	s := ope.Sample{Action: a.number(r.Actions[served.Action].ID), Propensity: served.Probability, Kept: 1, Unit: unit(r)}
	if stay+widened == 0 { // nothing would be served: a decision for no policy
		return a.ope.Add(&s)
	}
	s.Unsupported = float64(widened) / float64(stay+widened)
	if left := 1 - excluded; left > 0 && stay > 0 {
		scale := (1 - s.Unsupported) / left
		for _, k := range c.Ranking {
			if a.reasons[k.Action] == "" {
				s.ExpectedSquare += scale * scale * k.Probability
			}
		}
		if a.reasons[served.Action] == "" {
			s.Target = min(scale*served.Probability, 1)
		}
	} else {
		s.Unsupported = 1 // what stays had no probability
	}
	return a.ope.Add(&s)
}

func (a *Against) number(id string) int {
	n, ok := a.numbers[id]
	if !ok {
		n = len(a.numbers)
		a.numbers[id] = n
	}
	return n
}

// unit hashes the user, as package evaluate does.
func unit(r *decision.Record) uint64 {
	if r.UserID == "" {
		return xxhash.Sum64String("\x00" + r.EventID)
	}
	return xxhash.Sum64String(r.UserID)
}

// Report sums up.
func (a *Against) Report() Report {
	out := a.report
	out.Rules, out.Newly = []RuleReport{}, []ActionReport{}
	for _, name := range slices.Sorted(maps.Keys(a.byRule)) {
		rule := *a.byRule[name]
		rule.Actions = slices.Sorted(maps.Keys(rule.actions))
		rule.Probability /= float64(max(out.Slots, 1))
		out.Rules = append(out.Rules, rule)
	}
	slices.SortStableFunc(out.Rules, func(a, b RuleReport) int {
		return cmp.Or(cmp.Compare(b.LostServed, a.LostServed), cmp.Compare(b.Slots, a.Slots))
	})
	for _, id := range slices.Sorted(maps.Keys(a.newly)) {
		out.Newly = append(out.Newly, ActionReport{id, a.newly[id]})
	}
	slices.SortStableFunc(out.Newly, func(a, b ActionReport) int { return cmp.Compare(b.Slots, a.Slots) })
	out.Support.judge(a.ope)
	return out
}

func (s *Support) judge(e *ope.Evaluation) {
	s.Refusals = []string{}
	if s.Samples == 0 {
		s.Refusals = append(s.Refusals, "There are no decisions in which the policy itself chose.")
		return
	}
	s.Excluded /= float64(s.Samples)
	d := e.Result(ope.Known{}).Diagnostics
	s.Unsupported, s.Effective = d.Unsupported, d.Effective()
	if s.Unsupported > MostUnsupported {
		s.Refusals = append(s.Refusals, fmt.Sprintf("%.3g%% of the probability would be on actions that were excluded when the log was written: nothing is known about what they earn.", 100*s.Unsupported))
	}
	if !(s.Effective >= LeastEffective) || math.IsNaN(s.Effective) {
		s.Refusals = append(s.Refusals, fmt.Sprintf("The effective sample is %.1f of %d decisions, under %d: a handful of them would decide.", s.Effective, s.Samples, LeastEffective))
	}
	s.Answers = len(s.Refusals) == 0
}
