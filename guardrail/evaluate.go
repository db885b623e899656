package guardrail

import (
	"cel.dev/cel-go/common/types"
)

// Verdicts say which actions are denied, and by which rule. Their memory is used again by the next Evaluate; the zero
// Verdicts are ready.
type Verdicts struct {
	denied []*rule // by action; nil: permitted
	work   evaluation
	open   bitset // actions that no rule has denied yet
	broken bitset
}

// Denied returns the rule that an action breaks, the first in canonical order, and false when it breaks none.
func (v *Verdicts) Denied(action int) (*RuleInfo, bool) {
	if r := v.denied[action]; r != nil {
		return &r.info, true
	}
	return nil, false
}

// Evaluate judges every action. It takes no lock, and memory only where the verdicts have none yet.
func (b *Bound) Evaluate(v *Verdicts, r *Request) {
	n := len(b.actions)
	v.denied = append(v.denied[:0], make([]*rule, n)...)
	v.open = resized(v.open, n)
	v.broken = resized(v.broken, n)
	v.open.fill(n)
	v.work.begin(b, r)
	for _, c := range b.set.denying {
		if !v.open.any() {
			return
		}
		if !c.inForce(r.Now) {
			continue
		}
		v.work.breaks(v.broken, c, v.open)
		v.broken.and(v.open)
		v.broken.each(func(i int) { v.denied[i] = c })
		v.open.andNot(v.broken)
	}
}

// Warnings appends the warning rules that an action breaks, in canonical order.
func (b *Bound) Warnings(dst []*RuleInfo, v *Verdicts, r *Request, action int) []*RuleInfo {
	if len(b.set.warning) == 0 {
		return dst
	}
	v.broken = resized(v.broken, len(b.actions))
	v.open = resized(v.open, len(b.actions))
	clear(v.open)
	v.open.set(action)
	v.work.begin(b, r)
	for _, c := range b.set.warning {
		if c.inForce(r.Now) {
			if v.work.breaks(v.broken, c, v.open); v.broken.has(action) {
				dst = append(dst, &c.info)
			}
		}
	}
	return dst
}

func resized(b bitset, n int) bitset {
	if cap(b) < words(n) {
		return newBitset(n)
	}
	return b[:words(n)]
}

// evaluation is the scratch memory of judging actions against a request.
type evaluation struct {
	bound *Bound
	view  view
	spare []truth // not in use
}

func (e *evaluation) begin(b *Bound, r *Request) {
	if e.bound == nil || len(e.bound.actions) != len(b.actions) {
		e.spare = nil
	}
	e.bound = b
	e.view = view{schema: b.set.schema, request: r, local: r.at()}
}

// breaks leaves in dst which of the actions of interest break a rule; of others it may say anything.
func (e *evaluation) breaks(dst bitset, c *rule, of bitset) {
	t := e.take()
	e.truthOf(t, c.root, of)
	kept, broken := t.yes, t.no
	if !c.required {
		kept, broken = t.no, t.yes
	}
	if c.OnMissing == DenyMissing {
		dst.fill(len(e.bound.actions))
		dst.andNot(kept)
	} else {
		copy(dst, broken)
	}
	e.give(t)
}

func (e *evaluation) take() truth {
	if n := len(e.spare); n > 0 {
		t := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return t
	}
	return newTruth(len(e.bound.actions))
}

func (e *evaluation) give(t truth) { e.spare = append(e.spare, t) }

// truthOf writes into t what a node is for each action of interest.
func (e *evaluation) truthOf(t truth, n *node, of bitset) {
	switch n.form {
	case ofActions:
		t.copyFrom(e.bound.columns[n.leaf].truth)
	case ofRequest:
		e.forAll(t, n)
	case comparison:
		e.compared(t, n)
	case mixed:
		e.joined(t, n, of)
	case negation:
		e.truthOf(truth{t.no, t.yes}, n.kids[0], of)
	case both, either:
		e.connected(t, n, of)
	case choice:
		e.chosen(t, n, of)
	}
}

// forAll evaluates what depends on the request alone.
func (e *evaluation) forAll(t truth, n *node) {
	t.clear()
	e.view.action = nil
	switch eval(n.program, &e.view) {
	case types.True:
		t.yes.fill(len(e.bound.actions))
	case types.False:
		t.no.fill(len(e.bound.actions))
	}
}

// compared compares each different value among the actions with one of the request.
func (e *evaluation) compared(t truth, n *node) {
	t.clear()
	e.view.action = nil
	of := eval(n.request, &e.view)
	if of == nil {
		return
	}
	groups := e.bound.columns[n.leaf].groups
	for i := range groups {
		g := &groups[i]
		left, right := g.value, of
		if !n.columnLeft {
			left, right = of, g.value
		}
		switch n.compare(left, right) {
		case types.True:
			t.yes.or(g.members)
		case types.False:
			t.no.or(g.members)
		}
	}
}

// joined evaluates once for each group of actions that are alike, if there are any of interest among them.
func (e *evaluation) joined(t truth, n *node, of bitset) {
	t.clear()
	groups := e.bound.columns[n.leaf].groups
	for i := range groups {
		g := &groups[i]
		if !g.members.meets(of) {
			continue
		}
		e.view.action = &e.bound.actions[g.example]
		switch eval(n.program, &e.view) {
		case types.True:
			t.yes.or(g.members)
		case types.False:
			t.no.or(g.members)
		}
	}
}

// connected joins the parts of && or ||. What one part has decided is of no interest to the next.
func (e *evaluation) connected(t truth, n *node, of bitset) {
	e.truthOf(t, n.kids[0], of)
	o := e.take()
	still := e.take()
	for _, kid := range n.kids[1:] {
		decided := t.yes
		if n.form == both {
			decided = t.no
		}
		copy(still.yes, of)
		still.yes.andNot(decided)
		e.truthOf(o, kid, still.yes)
		if n.form == both {
			t.and(o)
		} else {
			t.or(o)
		}
	}
	e.give(o)
	e.give(still)
}

// chosen is condition ? then : else, undecided where the condition is.
func (e *evaluation) chosen(t truth, n *node, of bitset) {
	condition, then := e.take(), e.take()
	e.truthOf(condition, n.kids[0], of)
	e.truthOf(then, n.kids[1], of)
	e.truthOf(t, n.kids[2], of)
	t.yes.and(condition.no)
	t.no.and(condition.no)
	then.yes.and(condition.yes)
	then.no.and(condition.yes)
	t.yes.or(then.yes)
	t.no.or(then.no)
	e.give(condition)
	e.give(then)
}
