package decision

import "slices"

// reserve takes out of k.eligible the actions of which a later slot would be left with none, and says so of each. Without
// it the draw of one slot would decide whether the request can be answered at all, and the probabilities of those that
// were answered and logged would be other than those that were drawn from.
func (k *kernel) reserve(in *Input, slot int, out []Exclusion) []Exclusion {
	later := in.Slots[slot+1:]
	if !slices.ContainsFunc(later, func(s SlotSpec) bool { return len(s.Excluded) > 0 }) {
		return out // They take any action that is left, and there are enough of those or too few whatever is drawn.
	}
	if k.allowed == nil {
		k.allowed = k.barred.allowed(k.denied)
	}
	m := &matching{
		allowed: k.allowed[slot+1:], used: k.used, holder: make([]int, len(in.Actions)), seen: make([]bool, len(in.Actions)),
	}
	if !m.complete(-1) {
		return out // There is no way to fill them all: the slot that is left empty says so.
	}
	needed := slices.Clone(m.holder)
	k.eligible = slices.DeleteFunc(k.eligible, func(i int) bool {
		if needed[i] < 0 || m.complete(i) {
			return false
		}
		out = append(out, Exclusion{i, ExcludedByNeed})
		return true
	})
	return out
}

// allowed returns the actions that each slot may have. denied is why none may have an action, "" where one may.
func (b *barred) allowed(denied []string) [][]int {
	out := make([][]int, len(b.slots))
	for i, no := range b.request {
		if no || denied[i] != "" {
			continue
		}
		for s := range b.slots {
			if !b.bySlot(s, i) {
				out[s] = append(out[s], i)
			}
		}
	}
	return out
}

// matching gives each of some slots an action of its own.
type matching struct {
	allowed [][]int // by slot: actions
	used    []bool  // by action: nobody can have it
	holder  []int   // by action: the slot that has it, or -1
	seen    []bool  // by action: tried for the present slot
}

// complete reports whether every slot can have an action without the given one.
func (m *matching) complete(without int) bool {
	for i := range m.holder {
		m.holder[i] = -1
	}
	for s := range m.allowed {
		copy(m.seen, m.used)
		if without >= 0 {
			m.seen[without] = true
		}
		if !m.place(s) {
			return false
		}
	}
	return true
}

// place finds the slot an action along an augmenting path.
func (m *matching) place(slot int) bool {
	for _, i := range m.allowed[slot] {
		if m.seen[i] {
			continue
		}
		m.seen[i] = true
		if m.holder[i] < 0 || m.place(m.holder[i]) {
			m.holder[i] = slot
			return true
		}
	}
	return false
}
