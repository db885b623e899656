// Package guardrail says which actions may be served.
package guardrail

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/nextbest/nextbest/features"
)

type Kind uint8

const (
	Suppression Kind = iota
	Eligibility
	Applicability
	Suitability
)

type Severity uint8

const (
	Deny Severity = iota
	Warn
)

type OnMissing uint8

const (
	DenyMissing OnMissing = iota
	PermitMissing
)

type Rule struct {
	Name            string
	Kind            Kind
	Severity        Severity
	Require, Forbid string
	Reason, Text    string
	OnMissing       OnMissing
	From, Until     time.Time
}

type Problem struct {
	Rule         string
	Key          string
	Line, Column int
	Message      string
}

type RuleInfo struct {
	Name, Reason, Text string
	Kind               Kind
	Severity           Severity
}

type compiled struct {
	Rule
	info RuleInfo
	p    cel.Program
	read []string
}

type Set struct {
	rules  []compiled
	schema *features.Schema
	brand  *Brand
}
type Bound struct {
	set     *Set
	actions []Subject
}

func Compile(rules []Rule, schema *features.Schema, brand *Brand) (*Set, []Problem) {
	s := &Set{schema: schema, brand: brand}
	var problems []Problem
	env, err := cel.NewEnv(cel.Variable("user", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("context", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("action", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("brand", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("time", cel.MapType(cel.StringType, cel.DynType)),
		cel.Function("banned", cel.MemberOverload("b1", []*cel.Type{cel.DynType, cel.DynType}, cel.BoolType, cel.BinaryBinding(func(_, text ref.Val) ref.Val {
			for _, c := range brand.Banned {
				if regexp.MustCompile(c.Pattern).MatchString(fmt.Sprint(text.Value())) {
					return types.True
				}
			}
			return types.False
		}))),
		cel.Function("discloses", cel.MemberOverload("b2", []*cel.Type{cel.DynType, cel.DynType, cel.DynType}, cel.BoolType, cel.FunctionBinding(func(a ...ref.Val) ref.Val {
			for _, d := range brand.Disclosures[fmt.Sprint(a[2].Value())] {
				if !strings.Contains(fmt.Sprint(a[1].Value()), d) {
					return types.False
				}
			}
			return types.True
		}))))
	if err != nil {
		panic(err)
	}
	for _, r := range rules {
		key, text := "require", r.Require
		if text == "" {
			key, text = "forbid", r.Forbid
		}
		a, issues := env.Compile(text)
		if issues.Err() != nil {
			for _, e := range issues.Errors() {
				problems = append(problems, Problem{r.Name, key, e.Location.Line(), e.Location.Column() + 1, e.Message})
			}
			continue
		}
		c := compiled{Rule: r, info: RuleInfo{r.Name, r.Reason, r.Text, r.Kind, r.Severity}}
		ast.PreOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
				return
			}
			of, name := e.AsSelect().Operand().AsIdent(), e.AsSelect().FieldName()
			c.read = append(c.read, of+"."+name)
			if of == "user" && !slices.ContainsFunc(schema.User, func(f features.Field) bool { return f.Name == name }) {
				at := a.NativeRep().SourceInfo().GetStartLocation(e.ID())
				problems = append(problems, Problem{r.Name, key, at.Line(), at.Column() + 1, "user." + name + " is not declared"})
			}
		}))
		p, err := env.Program(a, cel.CostLimit(10000), cel.EvalOptions(cel.OptTrackCost))
		if err != nil {
			panic(err)
		}
		c.p = p
		s.rules = append(s.rules, c)
	}
	if problems != nil {
		return nil, problems
	}
	slices.SortFunc(s.rules, func(a, b compiled) int {
		return strings.Compare(fmt.Sprint(a.Kind, a.Name), fmt.Sprint(b.Kind, b.Name))
	})
	return s, nil
}

type Subject struct {
	ID            string
	Features      features.Set
	Channel, Text string
	Tags          []string
}

func (s *Set) Bind(actions []Subject) *Bound { return &Bound{s, actions} }

type Claim struct{ Pattern, Reason string }
type Example struct {
	Text      string
	Embedding []float64
}
type Brand struct {
	Name        string
	Style       map[string]string
	Tones       []string
	Banned      []Claim
	Disclosures map[string][]string
	Limits      map[string]float64
	Examples    []Example
}

type Request struct {
	Now           time.Time
	Zone          *time.Location
	Context, User features.Set
	UserKnown     bool
}

type Verdicts struct {
	denied []*RuleInfo
}

func (v *Verdicts) Denied(i int) (*RuleInfo, bool) { return v.denied[i], v.denied[i] != nil }

func (b *Bound) Evaluate(v *Verdicts, r *Request) {
	v.denied = make([]*RuleInfo, len(b.actions))
	for i := range b.actions {
		for _, f := range b.Explain(r, i) {
			if f.Outcome == Denies {
				v.denied[i] = f.Rule
				break
			}
		}
	}
}

type Outcome uint8

const (
	Permits Outcome = iota
	Denies
	Warns
	NotInForce
)

type Value struct {
	Name string
	Text string
}

type Finding struct {
	Rule    *RuleInfo
	Outcome Outcome
	Missing bool
	Values  []Value
}

func values(set features.Set, fields []features.Field, defaults bool) map[string]any {
	out := map[string]any{}
	if defaults {
		for _, f := range fields {
			if f.Default.Kind() != (features.Value{}).Kind() {
				out[f.Name] = native(f.Default)
			}
		}
	}
	for _, f := range set {
		out[f.Name] = native(f.Value)
	}
	return out
}

func native(v features.Value) any {
	switch v.Kind() {
	case features.NumberValue(1).Kind():
		return v.Number()
	case features.TextValue("").Kind():
		return v.Text()
	case features.FlagValue(true).Kind():
		return v.Number() == 1
	case features.NumbersValue(nil).Kind():
		return v.Numbers()
	}
	return v.Texts()
}

func (b *Bound) Explain(r *Request, action int) []Finding {
	a := b.actions[action]
	user := map[string]any{}
	if r.UserKnown {
		user = values(r.User, b.set.schema.User, false)
	}
	act := values(a.Features, b.set.schema.Action, true)
	act["id"], act["channel"], act["text"], act["tags"] = a.ID, a.Channel, a.Text, a.Tags
	now := r.Now.In(r.Zone)
	in := map[string]any{"user": user, "context": values(r.Context, b.set.schema.Context, true), "action": act,
		"time": map[string]any{"now": now, "hour": now.Hour(), "minute": now.Minute(), "weekday": (int(now.Weekday())+6)%7 + 1, "date": now.Format(time.DateOnly), "zone": r.Zone.String()}}
	brand := map[string]any{}
	if b.set.brand != nil {
		brand["tones"], brand["limits"], brand["style"] = b.set.brand.Tones, b.set.brand.Limits, b.set.brand.Style
	}
	in["brand"] = brand
	var out []Finding
	for i := range b.set.rules {
		c := &b.set.rules[i]
		f := Finding{Rule: &c.info}
		for _, name := range c.read {
			part, key, _ := strings.Cut(name, ".")
			m, _ := in[part].(map[string]any)
			text := "missing"
			if v, ok := m[key]; ok {
				text = fmt.Sprint(v)
			}
			f.Values = append(f.Values, Value{name, text})
		}
		v, _, err := c.p.Eval(in)
		bad := false
		switch {
		case !c.From.IsZero() && r.Now.Before(c.From), !c.Until.IsZero() && !r.Now.Before(c.Until):
			f.Outcome = NotInForce
			out = append(out, f)
			continue
		case err != nil:
			f.Missing = true
			bad = c.OnMissing == DenyMissing
		case c.Require != "":
			bad = v != types.True
		default:
			bad = v == types.True
		}
		if bad {
			f.Outcome = Denies
			if c.Severity == Warn {
				f.Outcome = Warns
			}
		}
		out = append(out, f)
	}
	return out
}
