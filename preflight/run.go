package preflight

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/loop"
)

// Outcome is what the cases of test files came to.
type Outcome struct {
	OK    bool         `json:"ok"`
	Cases []CaseResult `json:"cases"`
	// Coverage is of the rules of all loops that the cases ask, by loop and name.
	Coverage []RuleCoverage `json:"coverage"`
	// Covered is the share of what could be seen that was: each rule permitting, and each rule objecting.
	Covered float64 `json:"covered"`
}

// CaseResult is one case.
type CaseResult struct {
	File    string         `json:"file"`
	Line    int            `json:"line"`
	Name    string         `json:"name"`
	Loop    string         `json:"loop"`
	OK      bool           `json:"ok"`
	Actions []ActionResult `json:"actions"`
}

// ActionResult is what became of one action of a case.
type ActionResult struct {
	Action    string    `json:"action"`
	Permitted bool      `json:"permitted"`
	Rule      string    `json:"rule,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	WarnedBy  []string  `json:"warned_by"`
	Wrong     string    `json:"wrong,omitempty"` // what is not as expected
	Findings  []Finding `json:"findings,omitempty"`
}

// Finding is what one rule says of one action.
type Finding struct {
	Rule    string `json:"rule"`
	Kind    string `json:"kind"`
	Verdict string `json:"verdict"` // permits, denies, warns or not in force
	// Missing says that the rule could not be decided, so that its on_missing counts.
	Missing bool   `json:"missing,omitempty"`
	Values  []Read `json:"values"`
}

// Read is a value that a rule read.
type Read struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// RuleCoverage says what was seen of a rule: that it permits an action, that it objects (denies or warns), and that it
// could not be decided.
type RuleCoverage struct {
	Loop     string `json:"loop"`
	Rule     string `json:"rule"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Permits  bool   `json:"permits"`
	Objects  bool   `json:"objects"`
	Missings bool   `json:"missing"`
}

// Run asks the loops of test cases what becomes of their actions. explain adds every rule's verdict, with the values that it
// read, to each action.
func Run(cases []loop.Case, explain bool) Outcome {
	out := Outcome{OK: true, Cases: []CaseResult{}}
	seen := make(map[[2]string]*RuleCoverage)
	for i := range cases {
		c := &cases[i]
		for _, r := range c.Rules {
			key := [2]string{c.Loop.Name, r.Name}
			if seen[key] == nil {
				seen[key] = &RuleCoverage{Loop: c.Loop.Name, Rule: r.Name, File: r.File, Line: r.Line}
			}
		}
		result := run(c, explain, seen)
		out.OK = out.OK && result.OK
		out.Cases = append(out.Cases, result)
	}
	out.cover(seen)
	return out
}

func (o *Outcome) cover(seen map[[2]string]*RuleCoverage) {
	o.Coverage = []RuleCoverage{}
	got := 0
	for _, c := range seen {
		o.Coverage = append(o.Coverage, *c)
		for _, is := range []bool{c.Permits, c.Objects} {
			if is {
				got++
			}
		}
	}
	slices.SortFunc(o.Coverage, func(a, b RuleCoverage) int {
		return strings.Compare(a.Loop+"\x00"+a.Rule, b.Loop+"\x00"+b.Rule)
	})
	o.Covered = 1
	if len(seen) > 0 {
		o.Covered = float64(got) / float64(2*len(seen))
	}
}

func run(c *loop.Case, explain bool, seen map[[2]string]*RuleCoverage) CaseResult {
	out := CaseResult{File: c.File, Line: c.Line, Name: c.Name, Loop: c.Loop.Name, OK: true, Actions: []ActionResult{}}
	zone, own := Zone(c.Loop, c.Context, c.User, c.UserKnown)
	q := guardrail.Request{Now: c.Now, Zone: zone, Context: c.Context, User: c.User, UserKnown: c.UserKnown}
	bound := c.Loop.Bound
	if c.Brought && c.Loop.Guardrails != nil {
		bound = c.Loop.Guardrails.Bind(c.Actions)
	}
	var verdicts guardrail.Verdicts
	if bound != nil {
		bound.Evaluate(&verdicts, &q)
	}
	why := make([]string, len(c.Actions))
	rules := make([]string, len(c.Actions))
	for i := range c.Actions {
		if bound == nil {
			break
		}
		if rule, no := verdicts.Denied(i); no {
			why[i], rules[i] = rule.Reason, rule.Name
		}
	}
	contact(c, why, rules, zone, own)
	for _, i := range c.Asked {
		a := ActionResult{Action: c.Actions[i].ID, Permitted: why[i] == "", Rule: rules[i], Reason: why[i], WarnedBy: []string{}}
		if bound != nil {
			for _, f := range bound.Explain(&q, i) {
				a.finding(&f, seen[[2]string{c.Loop.Name, f.Rule.Name}], explain)
			}
		}
		slices.Sort(a.WarnedBy)
		a.Wrong = wrong(c, &a)
		out.OK = out.OK && a.Wrong == ""
		out.Actions = append(out.Actions, a)
	}
	return out
}

// contact adds what the loop's contact policy keeps back.
func contact(c *loop.Case, why, rules []string, zone *time.Location, own bool) {
	if c.Loop.Contact == nil {
		return
	}
	q := guardrail.ContactQuery{Loop: c.Loop.Name, Event: "a case", Now: c.Now, Zone: zone, ZoneOfUser: own, Contacts: c.Contacts, Spent: c.Spent}
	if !c.Brought {
		q.Mandatory = c.Loop.Mandatory
	}
	byRules := slices.Clone(why)
	c.Loop.Contact.Evaluate(why, c.Actions, &q)
	for i := range why {
		if why[i] != byRules[i] { // a suppression is told before any rule
			rules[i] = ""
		}
	}
}

// verdictWords are those of guardrail.Outcome.
var verdictWords = []string{"permits", "denies", "warns", "not in force"}

func (a *ActionResult) finding(f *guardrail.Finding, seen *RuleCoverage, explain bool) {
	switch f.Outcome {
	case guardrail.Permits:
		seen.Permits = true
	case guardrail.Warns:
		a.WarnedBy = append(a.WarnedBy, f.Rule.Name)
		seen.Objects = true
	case guardrail.Denies:
		seen.Objects = true
	}
	seen.Missings = seen.Missings || f.Missing
	if !explain {
		return
	}
	told := Finding{Rule: f.Rule.Name, Verdict: verdictWords[f.Outcome], Missing: f.Missing, Values: []Read{}}
	for _, v := range f.Values {
		told.Values = append(told.Values, Read{v.Name, v.Text})
	}
	a.Findings = append(a.Findings, told)
}

// wrong says what of an action is not as its case expects.
func wrong(c *loop.Case, a *ActionResult) string {
	switch {
	case c.Permitted && !a.Permitted:
		return fmt.Sprintf("expected to be permitted; %s denies it", byRule(a))
	case !c.Permitted && a.Permitted:
		if c.By != "" {
			return fmt.Sprintf("expected to be denied by %s; it is permitted", c.By)
		}
		return "expected to be denied; it is permitted"
	case c.By != "" && a.Rule != c.By:
		return fmt.Sprintf("expected to be denied by %s; it is by %s", c.By, byRule(a))
	case c.Reason != "" && a.Reason != c.Reason:
		return fmt.Sprintf("expected the reason %s; it is %s", c.Reason, a.Reason)
	case c.WarnedBy != nil && !slices.Equal(c.WarnedBy, a.WarnedBy):
		return fmt.Sprintf("expected the warnings %v; they are %v", c.WarnedBy, a.WarnedBy)
	}
	return ""
}

func byRule(a *ActionResult) string {
	if a.Rule == "" {
		return a.Reason
	}
	return a.Rule
}
