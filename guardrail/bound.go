package guardrail

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bound is a Set bound to actions: what depends on them alone is computed. It is immutable and safe for concurrent use.
type Bound struct {
	set     *Set
	actions []Subject
	columns []column // one per leaf of the set
}

// column is what a leaf is for the actions.
type column struct {
	truth  truth   // of actions alone
	groups []group // of what the request is joined with
}

// group is actions that are alike in all that a leaf reads of them.
type group struct {
	value   ref.Val // of a comparison's column
	example int     // one of the members
	members bitset  // those whose value is missing are in no group of a comparison
}

// Bind evaluates what depends on actions alone, once for all requests that choose among them.
func (s *Set) Bind(actions []Subject) *Bound {
	b := &Bound{set: s, actions: actions, columns: make([]column, len(s.leaves))}
	for i, leaf := range s.leaves {
		switch leaf.form {
		case ofActions:
			b.columns[i].truth = b.truthOf(leaf.program)
		case comparison:
			b.columns[i].groups = b.valuesOf(leaf.column)
		case mixed:
			b.columns[i].groups = b.alike(leaf.reads)
		}
	}
	return b
}

// truthOf evaluates a program that reads actions alone for each of them.
func (b *Bound) truthOf(p cel.Program) truth {
	t := newTruth(len(b.actions))
	v := view{schema: b.set.schema}
	for i := range b.actions {
		v.action = &b.actions[i]
		t.set(i, eval(p, &v))
	}
	return t
}

// set notes what an expression is for an action. A value that is neither true nor false leaves it undecided.
func (t truth) set(i int, v ref.Val) {
	switch v {
	case types.True:
		t.yes.set(i)
	case types.False:
		t.no.set(i)
	}
}

// eval returns a program's value; nil where it fails: where something is missing, or it costs too much.
func eval(p cel.Program, v *view) ref.Val {
	out, _, err := p.Eval(v)
	if err != nil || types.IsUnknownOrError(out) {
		return nil
	}
	return out
}

// valuesOf groups the actions by the value that a program has for them.
func (b *Bound) valuesOf(p cel.Program) []group {
	var groups []group
	at := make(map[any]int)
	v := view{schema: b.set.schema}
	for i := range b.actions {
		v.action = &b.actions[i]
		val := eval(p, &v)
		if val == nil {
			continue
		}
		key := keyOf(val)
		k, known := at[key]
		if !known || key == nil {
			k = len(groups)
			at[key] = k
			groups = append(groups, group{value: val, example: i, members: newBitset(len(b.actions))})
		}
		groups[k].members.set(i)
	}
	return groups
}

// keyOf returns what tells a simple value from others, nil for one that is in a group of its own.
func keyOf(v ref.Val) any {
	switch v := v.(type) {
	case types.Bool, types.Double, types.Int, types.String:
		return v
	}
	return nil
}

// alike groups the actions that have the same values of some names.
func (b *Bound) alike(names []string) []group {
	var groups []group
	at := make(map[string]int)
	v := view{schema: b.set.schema}
	var key strings.Builder
	for i := range b.actions {
		v.action = &b.actions[i]
		key.Reset()
		for _, name := range names {
			writeKey(&key, v.value(name))
		}
		k, known := at[key.String()]
		if !known {
			k = len(groups)
			at[key.String()] = k
			groups = append(groups, group{example: i, members: newBitset(len(b.actions))})
		}
		groups[k].members.set(i)
	}
	return groups
}

// writeKey writes what tells a value from others: its type, its length and its text.
func writeKey(to *strings.Builder, v ref.Val) {
	if v == nil {
		to.WriteString("-;")
		return
	}
	text := fmt.Sprintf("%#v", v.Value())
	fmt.Fprintf(to, "%s:%d:%s;", v.Type().TypeName(), len(text), text)
}
