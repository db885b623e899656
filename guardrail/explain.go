package guardrail

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Outcome is a rule's word on an action.
type Outcome uint8

// The outcomes.
const (
	Permits    Outcome = iota
	Denies             // the action is out
	Warns              // the action would be out, were the rule there to deny
	NotInForce         // before From, or from Until on
)

// String returns the outcome as people read it.
func (o Outcome) String() string { return [...]string{"permits", "denies", "warns", "not in force"}[o] }

// Value is what a rule read.
type Value struct {
	Name string
	Text string // "missing" where there is none
}

// Finding is what a rule makes of an action, and why.
type Finding struct {
	Rule    *RuleInfo
	Outcome Outcome
	Missing bool // it could not be decided: OnMissing was
	Values  []Value
}

// Explain says how an action stands with every rule, denying ones first, each part in canonical order.
func (b *Bound) Explain(r *Request, action int) []Finding {
	var all []Finding
	var work evaluation
	work.begin(b, r)
	t := work.take()
	only := newBitset(len(b.actions))
	only.set(action)
	for _, c := range slices.Concat(b.set.denying, b.set.warning) {
		f := Finding{Rule: &c.info, Outcome: NotInForce}
		if c.inForce(r.Now) {
			work.truthOf(t, c.root, only)
			f.Outcome, f.Missing = c.outcome(t, action)
		}
		work.view.action = &b.actions[action]
		f.Values = work.view.values(c.reads)
		all = append(all, f)
	}
	return all
}

// outcome is what a rule makes of an action for which its expression is as t says.
func (c *rule) outcome(t truth, action int) (o Outcome, missing bool) {
	missing = t.yes.has(action) == t.no.has(action)
	switch {
	case missing && c.OnMissing == PermitMissing, !missing && t.yes.has(action) == c.required:
		return Permits, missing
	case c.Severity == Warn:
		return Warns, missing
	}
	return Denies, missing
}

func (v *view) values(names []string) []Value {
	all := make([]Value, len(names))
	for i, name := range names {
		all[i] = Value{name, "missing"}
		if val := v.value(name); val != nil && !types.IsUnknownOrError(val) {
			all[i].Text = fmt.Sprint(val.Value())
		}
	}
	return all
}

// namesIn returns the names of the values that an expression reads, ordered. What it reads of a part as a whole, as in
// has(user.age), goes by the name of the part and the field.
func namesIn(e ast.Expr) []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	isPart := func(name string) bool {
		return name == userPart || name == contextPart || name == actionPart
	}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			switch from, rest := part(e.AsIdent()); from {
			case userPart, contextPart, actionPart, timePart:
				if rest != "" {
					add(e.AsIdent())
				}
			}
		case ast.SelectKind:
			if of := e.AsSelect().Operand(); of.Kind() == ast.IdentKind && isPart(of.AsIdent()) {
				add(of.AsIdent() + "." + e.AsSelect().FieldName())
			}
		}
	}))
	slices.Sort(names)
	return names
}
