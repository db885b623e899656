// Package guardrail says which actions may be served: rules in CEL over the user, the request, the action, the brand and the
// time, and a contact policy. It is pure: what decides is handed in, and the same input gives the same verdicts.
//
//	Rule ─► Compile (typed, bounded in cost) ─► Set ─► Bind (to the actions of a snapshot) ─► Bound ─► Evaluate ─► Verdicts
//
// Rules are evaluated by columns. What a rule reads of actions alone is computed once, when it is bound; what it reads of the
// request alone, once per request; what joins the two, once for each different value among the actions. The verdicts are
// those of evaluating every rule for every action, and the order of rules and actions never matters.
package guardrail

import (
	"cmp"
	"strings"
	"time"
)

// Kind says what a rule is about. Of several rules that exclude an action, the first by kind, then by name, gives the reason.
type Kind uint8

// The kinds, in the order in which they give reasons.
const (
	Suppression   Kind = iota // the person must not be reached
	Eligibility               // may this person get it?
	Applicability             // does it fit here and now?
	Suitability               // is it as the brand wants it?
)

// String returns the kind as files write it.
func (k Kind) String() string {
	return [...]string{"suppression", "eligibility", "applicability", "suitability"}[k]
}

// Severity says what a rule does to an action that breaks it.
type Severity uint8

// The severities.
const (
	Deny Severity = iota // the action is out
	Warn                 // it may be served, and that is said
)

// String returns the severity as files write it.
func (s Severity) String() string { return [...]string{"deny", "warn"}[s] }

// OnMissing says what becomes of an action when a rule cannot be decided.
type OnMissing uint8

// What can become of it.
const (
	DenyMissing   OnMissing = iota // it breaks the rule
	PermitMissing                  // it keeps the rule
)

// String returns the word that files write.
func (o OnMissing) String() string { return [...]string{"deny", "permit"}[o] }

// Rule is one guardrail.
type Rule struct {
	Name      string // once in a Set
	Kind      Kind
	Severity  Severity
	Require   string    // a CEL expression; the action is out unless it is true. Exactly one of
	Forbid    string    // the two is given; the action is out if it is true
	Reason    string    // code; empty: the name
	Text      string    // for people
	OnMissing OnMissing // also where the expression fails, or costs too much
	From      time.Time // in force from then on; zero: always
	Until     time.Time // in force until just before then; zero: for ever
}

// expression returns the rule's text and the key that it stands under.
func (r *Rule) expression() (key, text string) {
	if r.Require != "" {
		return "require", r.Require
	}
	return "forbid", r.Forbid
}

// reason returns the code that the rule gives.
func (r *Rule) reason() string { return cmp.Or(r.Reason, r.Name) }

// inForce reports whether the rule holds at a time.
func (r *Rule) inForce(at time.Time) bool {
	return (r.From.IsZero() || !at.Before(r.From)) && (r.Until.IsZero() || at.Before(r.Until))
}

// canonically orders rules by kind, then by name.
func canonically(a, b *Rule) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
}

// Problem is what is wrong with a rule, or with the brand: then Rule is empty.
type Problem struct {
	Rule         string
	Key          string // that the expression stands under: require or forbid
	Line, Column int    // within the expression, from 1; 0 when it is about the rule
	Message      string
}
