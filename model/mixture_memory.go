package model

import "math"

// mostOwnWeights bounds the memory of actions' own blocks: the numbers of one matrix for each of them. A mixture has about
// eight such matrices, and as many again while rewards are open. What comes first has it: with 100 columns it is enough for
// some 800 actions, with 256 for 120, and further actions share a block; with 250 actions it is enough for 180 columns, and
// the context gets no further ones. The numbers of actions' own features, ownNumbers at most, are let in all the same.
const mostOwnWeights = 1 << 22

// number returns an action's number, and gives it one while there is memory for its blocks.
func (m *Mixture) number(id string) int {
	most := m.opts.MaxActions
	if size := packedSize(len(m.design.rows[fullRow].columns)); size > 0 {
		most = min(most, mostOwnWeights/size)
	}
	m.actions.add(id, most)
	return m.actions.of(id)
}

// limitColumns has context terms and products come only while there is memory for them in the blocks of all actions. It
// depends on what the state has alone.
func (m *Mixture) limitColumns() {
	d := &m.design
	d.budget.most = mostColumns(len(m.actions.ids))
	room := max(0, d.budget.most-len(d.rows[fullRow].columns))
	m.context.Bound(min(m.mostTerms, len(d.context)+room))
}

// mostColumns returns how many columns the rows of so many actions' own blocks may have: packedSize(4q) is 8·q·(q+1).
func mostColumns(actions int) int {
	q := (math.Sqrt(1+mostOwnWeights/(2*float64(max(actions, 1)))) - 1) / 2
	return block * int(q)
}
