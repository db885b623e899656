package guardrail

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"github.com/agnivade/levenshtein"

	"github.com/nextbest/nextbest/features"
)

// check parses and checks an expression, and says what is wrong with it. Its programs are planned with the options.
func (l *language) check(text string) (checked *cel.Ast, limit []cel.ProgramOption, wrong []Problem) {
	if len(text) > maxExpression {
		return nil, nil, []Problem{{Message: fmt.Sprintf("the expression has %d bytes; at most %d are allowed: split the rule", len(text), maxExpression)}}
	}
	parsed, issues := l.env.Parse(text)
	if issues.Err() != nil {
		return nil, nil, l.problems(issues)
	}
	l.asNumbers(parsed.NativeRep())
	checked, issues = l.env.Check(parsed)
	if issues.Err() != nil {
		return nil, nil, atNames(text, l.problems(issues))
	}
	native := checked.NativeRep()
	if n := len(native.TypeMap()); n > maxNodes {
		return nil, nil, []Problem{{Message: fmt.Sprintf("the expression has %d parts; at most %d are allowed: split the rule", n, maxNodes)}}
	}
	if t := checked.OutputType(); t.Kind() != types.BoolKind {
		return nil, nil, []Problem{{Line: 1, Column: 1, Message: fmt.Sprintf("the expression is a %s; a rule must be true or false", t)}}
	}
	if wrong := l.undeclared(native); len(wrong) > 0 {
		return nil, nil, atNames(text, wrong)
	}
	if wrong := patterns(native); len(wrong) > 0 {
		return nil, nil, atNames(text, wrong)
	}
	estimate, err := l.env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, nil, []Problem{{Message: fmt.Sprintf("its cost cannot be estimated: %v", err)}}
	}
	if estimate.Max > maxEstimate {
		return nil, nil, []Problem{{Line: 1, Column: 1, Message: fmt.Sprintf("the expression can take %d steps; at most %d are allowed: lists within lists multiply", estimate.Max, maxEstimate)}}
	}
	limit = []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if estimate.Max > maxCost { // Counting costs half of the time: it is left out where nothing can come of it.
		limit = append(limit, cel.CostLimit(maxCost))
	}
	return checked, limit, nil
}

// atNames moves problems that CEL places at the point within a name to where the name begins.
func atNames(text string, wrong []Problem) []Problem {
	lines := strings.Split(text, "\n")
	for i := range wrong {
		p := &wrong[i]
		if p.Line < 1 || p.Line > len(lines) {
			continue
		}
		line := []rune(lines[p.Line-1])
		if p.Column < 1 || p.Column > len(line) || line[p.Column-1] != '.' {
			continue
		}
		for p.Column > 1 && (line[p.Column-2] == '.' || line[p.Column-2] == '_' || unicode.IsLetter(line[p.Column-2]) || unicode.IsDigit(line[p.Column-2])) {
			p.Column--
		}
	}
	return wrong
}

// problems translates what CEL found.
func (l *language) problems(issues *cel.Issues) []Problem {
	var all []Problem
	for _, e := range issues.Errors() {
		all = append(all, Problem{Line: e.Location.Line(), Column: e.Location.Column() + 1, Message: l.advised(e.Message)})
		if len(all) == 5 {
			break
		}
	}
	return all
}

var unknownName = regexp.MustCompile(`undeclared reference to '([^']*)'`)

// advised adds the declared name that a misspelt one is nearest to, and what to do about a number's type.
func (l *language) advised(message string) string {
	m := unknownName.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	text := fmt.Sprintf("%s is not declared", m[1])
	if near := l.nearest(m[1]); near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	return text
}

func (l *language) nearest(name string) string {
	best, least := "", len(name)/3+1
	for _, n := range l.names {
		if d := levenshtein.ComputeDistance(name, n); d <= least && (best == "" || d < least) {
			best, least = n, d
		}
	}
	return best
}

// undeclared finds what is read of a part without being declared, where the loop does not infer it.
func (l *language) undeclared(a *ast.AST) []Problem {
	var wrong []Problem
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
			return
		}
		from, field := e.AsSelect().Operand().AsIdent(), e.AsSelect().FieldName()
		if (from == contextPart || from == actionPart) && l.schema.Undeclared == features.Infer {
			return
		}
		if from != userPart && from != contextPart && from != actionPart {
			return
		}
		name := from + "." + field
		for _, known := range l.names {
			if known == name {
				return
			}
		}
		at := a.SourceInfo().GetStartLocation(e.ID())
		wrong = append(wrong, Problem{Line: at.Line(), Column: at.Column() + 1, Message: l.advised(fmt.Sprintf("undeclared reference to '%s'", name))})
	}))
	return wrong
}

// patterns refuses regular expressions that are too large, or not written out.
func patterns(a *ast.AST) []Problem {
	var wrong []Problem
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := e.AsCall().Args()
		pattern := args[len(args)-1]
		at := a.SourceInfo().GetStartLocation(pattern.ID())
		problem := ""
		switch text, ok := textLiteral(pattern); {
		case !ok:
			problem = "the pattern of matches must be written out: what is read at run time could cost anything"
		case len(text) > maxPattern:
			problem = fmt.Sprintf("the pattern has %d bytes; at most %d are allowed", len(text), maxPattern)
		default:
			if _, err := regexp.Compile(text); err != nil {
				problem = err.Error()
			}
		}
		if problem != "" {
			wrong = append(wrong, Problem{Line: at.Line(), Column: at.Column() + 1, Message: problem})
		}
	}))
	return wrong
}

func textLiteral(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// asNumbers writes whole numbers as CEL's doubles where they meet a declared number: user.age == 18 means what it says.
func (l *language) asNumbers(a *ast.AST) {
	factory := ast.NewExprFactory()
	double := func(e ast.Expr) {
		if e.Kind() == ast.LiteralKind {
			if i, ok := e.AsLiteral().(types.Int); ok {
				e.SetKindCase(factory.NewLiteral(e.ID(), types.Double(i)))
			}
		}
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
		switch e.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals, operators.Add, operators.Subtract, operators.Multiply, operators.Divide,
			operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			if l.number(left) {
				double(right)
			}
			if l.number(right) {
				double(left)
			}
		case operators.In:
			if l.number(left) && right.Kind() == ast.ListKind {
				for _, e := range right.AsList().Elements() {
					double(e)
				}
			}
		}
	}))
}

// number reports whether an expression, before it is checked, is a declared number or is computed from one.
func (l *language) number(e ast.Expr) bool {
	switch e.Kind() {
	case ast.CallKind:
		switch e.AsCall().FunctionName() {
		case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Negate:
			for _, arg := range e.AsCall().Args() {
				if l.number(arg) {
					return true
				}
			}
		}
		return false
	case ast.SelectKind:
		return l.declaredNumber(dotted(e))
	}
	return false
}

// dotted returns the name that a chain of selections spells, "" when it is none.
func dotted(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() {
			if of := dotted(s.Operand()); of != "" {
				return of + "." + s.FieldName()
			}
		}
	}
	return ""
}

func (l *language) declaredNumber(name string) bool {
	if strings.HasPrefix(name, "brand.limits.") {
		return true
	}
	from, rest := part(name)
	fields := map[string][]features.Field{userPart: l.schema.User, contextPart: l.schema.Context, actionPart: l.schema.Action}[from]
	for i := range fields {
		if fields[i].Name == rest {
			return fields[i].Type == features.NumberType
		}
	}
	return false
}

// sizes tells the estimator of costs how large values can be.
type sizes struct{}

func (sizes) EstimateSize(element cost.AstNode) *cost.SizeEstimate {
	path := element.Path()
	if len(path) == 0 {
		return nil
	}
	switch element.Type().Kind() {
	case types.StringKind, types.DynKind, types.BytesKind:
		return &cost.SizeEstimate{Max: longestText}
	case types.ListKind, types.MapKind:
		return &cost.SizeEstimate{Max: longestList}
	}
	return nil
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
