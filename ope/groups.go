package ope

// Groups are sums of terms over groups of samples: what a bootstrap draws from. Up to a bound, every sample (or unit) is a
// group of its own and the bootstrap is the ordinary one; beyond it samples share groups, which keeps the memory, and the
// time of a resample, constant. The variance and the skewness of a sum of independent samples are those of the sum of
// its groups; only the noise in estimating them grows, by a part in √(2·groups).
type Groups struct {
	Sums []Terms
	next int
}

// DefaultGroups is how many groups there are at most.
const DefaultGroups = 1 << 14

// Add adds a sample that is independent of all others.
func (g *Groups) Add(t Terms) {
	if len(g.Sums) < DefaultGroups {
		g.Sums = append(g.Sums, t)
		return
	}
	g.AddTo(g.next, t)
	g.next = (g.next + 1) % len(g.Sums)
}

// AddTo adds a sample to a group.
func (g *Groups) AddTo(group int, t Terms) {
	s := &g.Sums[group]
	s.Linear += t.Linear
	s.Count += t.Count
	s.Ratio += t.Ratio
	s.Weight += t.Weight
}
