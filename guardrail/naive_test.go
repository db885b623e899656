package guardrail

import (
	"slices"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/nextbest/nextbest/features"
)

// naive is the slow, obvious twin of a Set: every rule, as CEL evaluates it, for every action.
type naive struct {
	schema   *features.Schema
	rules    []Rule
	programs []cel.Program
}

func newNaive(t testing.TB, rules []Rule, schema *features.Schema, brand *Brand) *naive {
	t.Helper()
	var banned claims
	if brand != nil {
		banned, _ = compileClaims(brand)
	}
	l, err := newLanguage(schema, brand, banned)
	if err != nil {
		t.Fatal(err)
	}
	n := &naive{schema: schema, rules: slices.Clone(rules)}
	slices.SortFunc(n.rules, func(a, b Rule) int { return canonically(&a, &b) })
	for i := range n.rules {
		_, text := n.rules[i].expression()
		checked, limit, wrong := l.check(text)
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		p, err := l.env.Program(checked, limit...)
		if err != nil {
			t.Fatal(err)
		}
		n.programs = append(n.programs, p)
	}
	return n
}

// denied returns the name of the first rule that each action breaks, "" for none.
func (n *naive) denied(dst []string, actions []Subject, r *Request) []string {
	for i := range actions {
		first := ""
		for k := range n.rules {
			if n.breaks(k, &actions[i], r) && first == "" && n.rules[k].Severity == Deny {
				first = n.rules[k].Name
			}
		}
		dst = append(dst, first)
	}
	return dst
}

func (n *naive) breaks(k int, action *Subject, r *Request) bool {
	rule := &n.rules[k]
	if !rule.From.IsZero() && r.Now.Before(rule.From) || !rule.Until.IsZero() && !r.Now.Before(rule.Until) {
		return false
	}
	out, _, err := n.programs[k].Eval(&view{schema: n.schema, request: r, local: r.at(), action: action})
	switch {
	case err == nil && out == types.True:
		return rule.Forbid != ""
	case err == nil && out == types.False:
		return rule.Require != ""
	}
	return rule.OnMissing == DenyMissing
}
