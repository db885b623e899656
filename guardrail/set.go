package guardrail

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/features"
)

// RuleInfo is a compiled rule, as verdicts name it.
type RuleInfo struct {
	Name     string
	Reason   string // code
	Text     string // for people
	Kind     Kind
	Severity Severity
}

// rule is a compiled rule.
type rule struct {
	Rule
	info     RuleInfo
	root     *node
	required bool     // else forbidden
	reads    []string // every name that it reads, ordered
}

// Set is the rules of a loop, compiled. It is immutable and safe for concurrent use.
type Set struct {
	schema  *features.Schema
	denying []*rule // in canonical order
	warning []*rule
	leaves  []*node
}

// Compile checks rules against the declared features and the brand (nil: there is none), and bounds what they cost. What is
// wrong comes in the order of the rules; there is a Set only where nothing is.
func Compile(rules []Rule, schema *features.Schema, brand *Brand) (*Set, []Problem) {
	var banned claims
	var wrong []Problem
	if brand != nil {
		banned, wrong = compileClaims(brand)
	}
	l, err := newLanguage(schema, brand, banned)
	if err != nil {
		return nil, append(wrong, Problem{Message: err.Error()})
	}
	s := &Set{schema: schema}
	seen := make(map[string]bool, len(rules))
	for i := range rules {
		r := &rules[i]
		if seen[r.Name] {
			wrong = append(wrong, Problem{Rule: r.Name, Message: "another rule has the same name"})
		}
		seen[r.Name] = true
		wrong = append(wrong, s.add(l, r)...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	inOrder := func(a, b *rule) int { return canonically(&a.Rule, &b.Rule) }
	slices.SortFunc(s.denying, inOrder)
	slices.SortFunc(s.warning, inOrder)
	return s, nil
}

// add compiles one rule.
func (s *Set) add(l *language, r *Rule) []Problem {
	if (r.Require == "") == (r.Forbid == "") {
		return []Problem{{Rule: r.Name, Message: "a rule has either require or forbid"}}
	}
	key, text := r.expression()
	checked, limit, wrong := l.check(text)
	for i := range wrong {
		wrong[i].Rule, wrong[i].Key = r.Name, key
	}
	if len(wrong) > 0 {
		return wrong
	}
	c := &rule{Rule: *r, info: RuleInfo{r.Name, r.reason(), r.Text, r.Kind, r.Severity}, required: r.Require != "", reads: namesIn(checked.NativeRep().Expr())}
	var err error
	if c.root, err = (&splitter{l: l, ast: checked.NativeRep(), limit: limit, leaves: &s.leaves}).split(checked.NativeRep().Expr()); err != nil {
		return []Problem{{Rule: r.Name, Key: key, Line: 1, Column: 1, Message: err.Error()}}
	}
	if r.Severity == Warn {
		s.warning = append(s.warning, c)
	} else {
		s.denying = append(s.denying, c)
	}
	return nil
}

// Rules returns the rules, denying ones first, each part in canonical order.
func (s *Set) Rules() []RuleInfo {
	all := make([]RuleInfo, 0, len(s.denying)+len(s.warning))
	for _, r := range slices.Concat(s.denying, s.warning) {
		all = append(all, r.info)
	}
	return all
}

// String names the rules.
func (s *Set) String() string {
	var names []string
	for _, r := range s.Rules() {
		names = append(names, r.Name)
	}
	return fmt.Sprintf("guardrails(%s)", strings.Join(names, ", "))
}

// ReadsTime reports whether what a rule says depends on when it is asked.
func (s *Set) ReadsTime() bool {
	readsTime := func(r *rule) bool {
		return !r.From.IsZero() || !r.Until.IsZero() || slices.ContainsFunc(r.reads, func(name string) bool { return name == "time" || strings.HasPrefix(name, "time.") })
	}
	return slices.ContainsFunc(s.denying, readsTime) || slices.ContainsFunc(s.warning, readsTime)
}
