package decision

import "slices"

// barred says which actions a request and each of its slots exclude. Its memory is used again by the next set.
type barred struct {
	request []bool   // by action
	slots   [][]bool // by slot and action; nil for a slot that excludes none
	index   map[string]int
}

// fewExcluded is up to how many ids are compared one by one; more are looked up, so that a long list costs its length
// and not its length times the number of actions.
const fewExcluded = 8

func (b *barred) set(in *Input) {
	clear(b.index)
	b.request = b.mark(b.request[:0], in.Actions, in.Excluded)
	b.slots = slices.Grow(b.slots[:0], len(in.Slots))[:len(in.Slots)]
	for i := range in.Slots {
		b.slots[i] = nil
		if len(in.Slots[i].Excluded) > 0 {
			b.slots[i] = b.mark(nil, in.Actions, in.Slots[i].Excluded)
		}
	}
}

// mark returns dst with one entry per action: whether it is among ids.
func (b *barred) mark(dst []bool, actions []Action, ids []string) []bool {
	dst = append(dst, make([]bool, len(actions))...)
	if len(ids) <= fewExcluded {
		for i := range actions {
			dst[i] = slices.Contains(ids, actions[i].ID)
		}
		return dst
	}
	for _, id := range ids {
		if i, ok := b.indexOf(actions)[id]; ok {
			dst[i] = true
		}
	}
	return dst
}

// indexOf returns the places of the actions by id, made when first needed.
func (b *barred) indexOf(actions []Action) map[string]int {
	if len(b.index) == 0 {
		if b.index == nil {
			b.index = make(map[string]int, len(actions))
		}
		for i := range actions {
			b.index[actions[i].ID] = i
		}
	}
	return b.index
}

// bySlot reports whether the slot excludes the action.
func (b *barred) bySlot(slot, action int) bool { return b.slots[slot] != nil && b.slots[slot][action] }
