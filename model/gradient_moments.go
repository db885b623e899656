package model

import (
	"math"
	"slices"
)

// moments are running means and variances of numbers by the index of their term: an open hash table of a power of two,
// half empty, so that a copy is one copy of memory. What it holds, not where, is the state.
type moments struct {
	slots []numberMoment
	used  int
	lent  bool // slots is in others' hands: copy before writing
}

// numberMoment is West's (1979) weighted form of Welford's sums, which may be taken out of again.
type numberMoment struct {
	index  int32 // 0 for an empty slot: numeric terms have odd indices
	weight float64
	mean   float64
	square float64 // Σ (v − mean)²
}

const (
	// maxNumbers bounds the numbers that have moments; those that come later are not learned from.
	maxNumbers = 1 << 14
	// maxStandard bounds standardised numbers, so that an outlier among them cannot dominate a prediction.
	maxStandard = 10
	// maxNumber keeps squares from overflow. A larger number counts as missing.
	maxNumber = 1e100
)

// find returns the moment of a term, or nil.
func (m *moments) find(index int32) *numberMoment {
	if len(m.slots) == 0 {
		return nil
	}
	for i := m.place(index); m.slots[i].index != 0; i = (i + 1) & (len(m.slots) - 1) {
		if m.slots[i].index == index {
			return &m.slots[i]
		}
	}
	return nil
}

func (m *moments) place(index int32) int {
	return int(uint32(index)*0x9e3779b1>>8) & (len(m.slots) - 1)
}

// add adds weight times a value.
func (m *moments) add(index int32, v, weight float64) {
	if m.lent {
		m.slots, m.lent = slices.Clone(m.slots), false
	}
	k := m.find(index)
	if k == nil {
		if m.used == maxNumbers || weight <= 0 {
			return
		}
		k = m.insert(numberMoment{index: index})
	}
	k.add(v, weight)
}

// insert takes in a moment whose index is new.
func (m *moments) insert(k numberMoment) *numberMoment {
	if 2*(m.used+1) > len(m.slots) {
		old := m.slots
		m.slots, m.used = make([]numberMoment, max(16, 2*len(old))), 0
		for i := range old {
			if old[i].index != 0 {
				m.insert(old[i])
			}
		}
	}
	i := m.place(k.index)
	for m.slots[i].index != 0 {
		i = (i + 1) & (len(m.slots) - 1)
	}
	m.slots[i] = k
	m.used++
	return &m.slots[i]
}

// sorted returns the moments by index.
func (m *moments) sorted() []numberMoment {
	out := make([]numberMoment, 0, m.used)
	for i := range m.slots {
		if m.slots[i].index != 0 {
			out = append(out, m.slots[i])
		}
	}
	slices.SortFunc(out, func(a, b numberMoment) int { return int(a.index) - int(b.index) })
	return out
}

func (k *numberMoment) add(v, weight float64) {
	n := k.weight + weight
	if !(n > 0) {
		*k = numberMoment{index: k.index}
		return
	}
	d := v - k.mean
	k.weight = n
	k.mean += float64(d*weight) / n
	k.square = max(0, k.square+float64(float64(weight*d)*(v-k.mean)))
}

// merge adds another's moments (Chan, Golub and LeVeque 1979).
func (m *moments) merge(o *moments) {
	for _, b := range o.sorted() {
		if m.lent {
			m.slots, m.lent = slices.Clone(m.slots), false
		}
		switch a := m.find(b.index); {
		case a != nil:
			a.merge(b)
		case m.used < maxNumbers:
			m.insert(b)
		}
	}
}

func (k *numberMoment) merge(b numberMoment) {
	n := k.weight + b.weight
	if !(n > 0) {
		return
	}
	d := b.mean - k.mean
	k.square += b.square + float64(float64(d*d)*(float64(k.weight*b.weight)/n))
	k.mean += float64(d*b.weight) / n
	k.weight = n
}

// standardise returns how many deviations v is above the mean, 0 when they are too few or too small to say.
func (k *numberMoment) standardise(v float64) float64 {
	if k.weight <= 0 {
		return 0
	}
	deviation := math.Sqrt(k.square / k.weight)
	if deviation <= 1e-13*math.Abs(k.mean) { // rounding, not information
		return 0
	}
	return min(max((v-k.mean)/deviation, -maxStandard), maxStandard)
}
