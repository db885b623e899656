package guardrail

import (
	"cmp"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// form is what a node of a split expression is.
type form uint8

const (
	ofActions  form = iota // reads actions alone, or nothing: a column, computed when bound
	ofRequest              // reads the request alone: one value for all actions
	comparison             // an operator between a column and a value of the request
	mixed                  // anything else that reads both
	both                   // and
	either                 // or
	negation
	choice // condition ? then : else
)

// node is a part of an expression that is true, false or undecided for each action.
type node struct {
	form    form
	kids    []*node
	program cel.Program // ofActions, ofRequest, mixed

	// Of a comparison.
	compare         func(left, right ref.Val) ref.Val
	column, request cel.Program
	columnLeft      bool

	leaf  int      // index of its column in a Bound: ofActions, comparison, mixed
	reads []string // names of the action's values that a mixed one reads
}

// weight orders nodes by what they cost.
func (n *node) weight() int {
	if n.form == mixed {
		return 2
	}
	w := 0
	for _, kid := range n.kids {
		w = max(w, kid.weight())
	}
	if n.form != ofActions {
		w = max(w, 1)
	}
	return w
}

// splitter splits a checked expression.
type splitter struct {
	l      *language
	ast    *ast.AST
	limit  []cel.ProgramOption
	leaves *[]*node
}

// split returns the tree of an expression.
func (s *splitter) split(e ast.Expr) (*node, error) {
	action, request := reads(e)
	switch {
	case !request:
		return s.leafOf(ofActions, e)
	case !action:
		n := &node{form: ofRequest}
		var err error
		n.program, err = s.program(e)
		return n, err
	case e.Kind() == ast.CallKind:
		return s.call(e)
	}
	return s.leafOf(mixed, e)
}

// call splits a call that reads both actions and the request.
func (s *splitter) call(e ast.Expr) (*node, error) {
	c := e.AsCall()
	if f, ok := connectives[c.FunctionName()]; ok {
		n := &node{form: f}
		for _, arg := range c.Args() {
			kid, err := s.split(arg)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
		if f == both || f == either { // What costs most comes last, and only where it still decides.
			slices.SortStableFunc(n.kids, func(a, b *node) int { return cmp.Compare(a.weight(), b.weight()) })
		}
		return n, nil
	}
	compare, ok := comparisons[c.FunctionName()]
	if !ok || len(c.Args()) != 2 {
		return s.leafOf(mixed, e)
	}
	left, right := c.Args()[0], c.Args()[1]
	leftAction, leftRequest := reads(left)
	rightAction, rightRequest := reads(right)
	switch {
	case !leftRequest && !rightAction:
		return s.comparison(compare, left, right, true)
	case !rightRequest && !leftAction:
		return s.comparison(compare, right, left, false)
	}
	return s.leafOf(mixed, e)
}

func (s *splitter) comparison(compare func(l, r ref.Val) ref.Val, column, request ast.Expr, columnLeft bool) (*node, error) {
	n := &node{form: comparison, compare: compare, columnLeft: columnLeft, leaf: s.next()}
	var err error
	if n.column, err = s.program(column); err != nil {
		return nil, err
	}
	if n.request, err = s.program(request); err != nil {
		return nil, err
	}
	*s.leaves = append(*s.leaves, n)
	return n, nil
}

func (s *splitter) leafOf(f form, e ast.Expr) (*node, error) {
	n := &node{form: f, leaf: s.next(), reads: actionNames(e)}
	var err error
	if n.program, err = s.program(e); err != nil {
		return nil, err
	}
	*s.leaves = append(*s.leaves, n)
	return n, nil
}

func (s *splitter) next() int { return len(*s.leaves) }

// program plans a part of the expression, bounded in cost.
func (s *splitter) program(e ast.Expr) (cel.Program, error) {
	part := ast.NewCheckedAST(ast.NewAST(e, s.ast.SourceInfo()), s.ast.TypeMap(), s.ast.ReferenceMap())
	p, err := s.l.env.PlanProgram(part, s.limit...)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return p, nil
}

// connectives are the operators of which the parts may be true, false or undecided.
var connectives = map[string]form{
	operators.LogicalAnd: both, operators.LogicalOr: either, operators.LogicalNot: negation, operators.Conditional: choice,
}

// comparisons are the operators that are applied here, as CEL's standard library applies them.
var comparisons = map[string]func(left, right ref.Val) ref.Val{
	operators.Equals:        types.Equal,
	operators.NotEquals:     func(l, r ref.Val) ref.Val { return not(types.Equal(l, r)) },
	operators.Less:          ordered(func(c types.Int) bool { return c < 0 }),
	operators.LessEquals:    ordered(func(c types.Int) bool { return c <= 0 }),
	operators.Greater:       ordered(func(c types.Int) bool { return c > 0 }),
	operators.GreaterEquals: ordered(func(c types.Int) bool { return c >= 0 }),
	operators.In:            contained,
}

func not(v ref.Val) ref.Val {
	if b, ok := v.(types.Bool); ok {
		return !b
	}
	return v
}

func ordered(holds func(types.Int) bool) func(left, right ref.Val) ref.Val {
	return func(left, right ref.Val) ref.Val {
		comparer, ok := left.(traits.Comparer)
		if !ok {
			return types.MaybeNoSuchOverloadErr(left)
		}
		c := comparer.Compare(right)
		if i, ok := c.(types.Int); ok {
			return types.Bool(holds(i))
		}
		return c
	}
}

func contained(element, in ref.Val) ref.Val {
	container, ok := in.(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(in)
	}
	return container.Contains(element)
}

// reads reports what an expression reads.
func reads(e ast.Expr) (action, request bool) {
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		switch from, _ := part(e.AsIdent()); from {
		case actionPart:
			action = true
		case userPart, contextPart, timePart:
			request = true
		}
	}))
	return action, request
}

// actionNames returns the names of the action's values that an expression reads, ordered.
func actionNames(e ast.Expr) []string {
	var names []string
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			if from, _ := part(e.AsIdent()); from == actionPart && !slices.Contains(names, e.AsIdent()) {
				names = append(names, e.AsIdent())
			}
		}
	}))
	slices.Sort(names)
	return names
}
