package ope

// Units tells which group the samples of a unit, such as a user, belong to. Units are independent of each other, their samples
// are not: a bootstrap that draws groups, and a variance from the groups' sums, must keep a unit in one. Up to DefaultGroups
// units each has a group of its own; later ones share those by their hash, which keeps the memory constant.
type Units struct {
	groups map[uint64]int
}

// Group returns the group of a unit. The order in which units are first seen decides.
func (u *Units) Group(unit uint64) int {
	if group, known := u.groups[unit]; known {
		return group
	}
	if len(u.groups) == DefaultGroups {
		return int(unit % DefaultGroups)
	}
	if u.groups == nil {
		u.groups = map[uint64]int{}
	}
	group := len(u.groups)
	u.groups[unit] = group
	return group
}

// AddUnit adds a sample to the group that Units told, which may be a new one.
func (g *Groups) AddUnit(group int, t Terms) {
	for len(g.Sums) <= group {
		g.Sums = append(g.Sums, Terms{})
	}
	g.AddTo(group, t)
}

// Moments returns the moments of the groups' sums. Their Value is that of the samples, their Variance holds where samples of a
// group depend on each other: the cluster-robust one of a ratio of sums (Cochran, Sampling techniques, 1977, chapter 6), with
// groups in the place of samples.
func (g *Groups) Moments() *Moments {
	var m Moments
	for _, t := range g.Sums {
		m.Add(t)
	}
	m.Flush()
	return &m
}

// or returns the moments of the groups' sums where there are groups, else those of samples, which must be flushed.
func (g *Groups) or(samples *Moments) *Moments {
	if len(g.Sums) == 0 {
		return samples
	}
	return g.Moments()
}

// effective returns how many groups of equal ratio sums would say as much, (Σ s)² / Σ s² (Kish, 1965).
func (g *Groups) effective() float64 {
	var sum, square float64
	for _, t := range g.Sums {
		sum += t.Ratio
		square += t.Ratio * t.Ratio
	}
	return sum * (sum / square)
}

// designEffect is by how much the variance of a ratio grows as samples of a unit depend on each other; at least 1 (Kish, 1965).
func designEffect(samples *Moments, units *Groups) float64 {
	if len(units.Sums) == 0 || !(samples.Variance(true) > 0) {
		return 1
	}
	return max(1, units.Moments().Variance(true)/samples.Variance(true))
}

// meanSize returns how many samples the group of a sample has in the mean, Σ size² / Σ size; 1 without groups.
func (g *Groups) meanSize() float64 {
	if len(g.Sums) == 0 {
		return 1
	}
	var sum, square float64
	for _, t := range g.Sums {
		sum += t.Count
		square += t.Count * t.Count
	}
	return square / sum
}
