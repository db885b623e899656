package guardrail

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Standing says how an action stands with a rule.
type Standing uint8

// The standings.
const (
	Kept       Standing = iota // the action keeps the rule
	Broken                     // it breaks it
	Undecided                  // something is missing, or fails: the rule's OnMissing counts
	NotInForce                 // before From, or from Until on
)

// String returns the standing as people read it.
func (s Standing) String() string {
	return [...]string{"kept", "broken", "undecided", "not in force"}[s]
}

// Reading is a value that a rule read.
type Reading struct {
	Name    string
	Value   string // as text
	Missing bool
}

// Finding is one rule's word on an action.
type Finding struct {
	Rule     *RuleInfo
	Standing Standing
	Denied   bool // the action is out because of it: broken or undecided, and the severity is Deny
	Warned   bool // the same, and the severity is Warn
	Read     []Reading
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
		f := Finding{Rule: &c.RuleInfo, Standing: NotInForce}
		if c.Rule.inForce(r.Now) {
			work.truthOf(t, c.root, only)
			f.Standing = standing(t, action, c.required)
			out := f.Standing == Broken || f.Standing == Undecided && c.Rule.OnMissing == DenyMissing
			f.Denied, f.Warned = out && c.Rule.Severity == Deny, out && c.Rule.Severity == Warn
		}
		work.view.action = &b.actions[action]
		f.Read = work.view.readings(c.reads)
		all = append(all, f)
	}
	return all
}

func standing(t truth, action int, required bool) Standing {
	switch {
	case t.yes.has(action) == t.no.has(action):
		return Undecided
	case t.yes.has(action) == required:
		return Kept
	}
	return Broken
}

func (v *view) readings(names []string) []Reading {
	all := make([]Reading, len(names))
	for i, name := range names {
		all[i] = Reading{Name: name, Missing: true}
		if val := v.value(name); val != nil && !types.IsUnknownOrError(val) {
			all[i].Missing, all[i].Value = false, fmt.Sprint(val.Value())
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
