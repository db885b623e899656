package ope

// SlotGroups are what a bootstrap of a SlotEstimator draws from: sums of the terms of each slot, over slates. As of Groups, up to a
// bound each slate is a group of its own. The zero value is ready.
type SlotGroups struct {
	counts Groups   // Count of slates
	slots  []Groups // Ratio and Weight of each slot; Linear is the count of slates that have it
	slates int
}

// Add takes the terms of the next slate, which stands for count slates.
func (g *SlotGroups) Add(terms []Terms, count float64) {
	group := g.slates % DefaultGroups
	g.slates++
	g.counts.AddUnit(group, Terms{Count: count})
	for len(g.slots) < len(terms) {
		g.slots = append(g.slots, Groups{})
	}
	for l, t := range terms {
		g.slots[l].AddUnit(group, Terms{Linear: count, Ratio: t.Ratio * count, Weight: t.Weight * count})
	}
}

// Interval returns the percentile interval that misses with probability alpha.
func (g *SlotGroups) Interval(b Bootstrap, alpha float64) Interval {
	return percentileInterval(g.values(b), alpha, "ratio_bootstrap")
}

// values returns the estimate Σ_l N_l/N · R_l/W_l of each round, NaN where a slot had no weight. The estimate of a slot without a
// ratio is N_l/N, with one it is N_l/N + R_l/W_l.
func (g *SlotGroups) values(b Bootstrap) []float64 {
	if g.slates == 0 {
		return nil
	}
	var groups []*Groups
	var ratios []bool
	for l := range g.slots {
		sums := g.slot(l)
		groups, ratios = append(groups, sums, sums), append(ratios, false, true)
	}
	of := b.Values(groups, ratios)
	values := make([]float64, b.Rounds)
	for l := range g.slots {
		shares, both := of[2*l], of[2*l+1]
		for round := range values {
			values[round] += shares[round] * (both[round] - shares[round])
		}
	}
	return values
}

// slot returns the groups of a slot, all slates' counts among them.
func (g *SlotGroups) slot(l int) *Groups {
	sums := make([]Terms, len(g.counts.Sums))
	copy(sums, g.slots[l].Sums)
	for i := range sums {
		sums[i].Count = g.counts.Sums[i].Count
	}
	return &Groups{Sums: sums}
}
