package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// fiveGroups returns groups of the default estimators over made-up samples: ips, snips, dm, dr, sndr.
func fiveGroups(n int, seed uint64) (groups []*Groups, selfNormalised []bool) {
	rng := rand.New(rand.NewPCG(seed, 0))
	groups = make([]*Groups, 5)
	for e := range groups {
		groups[e] = &Groups{}
	}
	for range n {
		w, r, q, m := rng.ExpFloat64(), math.Round(rng.Float64()), rng.Float64(), rng.Float64()
		groups[0].Add(Terms{Linear: w * r, Count: 1})
		groups[1].Add(Terms{Ratio: w * r, Weight: w, Count: 1})
		groups[2].Add(Terms{Linear: m, Count: 1})
		groups[3].Add(Terms{Linear: m + w*(r-q), Count: 1})
		groups[4].Add(Terms{Linear: m, Ratio: w * (r - q), Weight: w, Count: 1})
	}
	return groups, []bool{false, true, false, false, true}
}

// The bits depend on the seed, not on how many work.
func TestBootstrapDoesNotDependOnWorkers(t *testing.T) {
	groups, selfNormalised := fiveGroups(777, 1)
	one := Bootstrap{Rounds: 50, Seed: 3, Workers: 1}.Values(groups, selfNormalised)
	four := Bootstrap{Rounds: 50, Seed: 3, Workers: 4}.Values(groups, selfNormalised)
	other := Bootstrap{Rounds: 50, Seed: 4, Workers: 1}.Values(groups, selfNormalised)
	for e := range one {
		if !slices.Equal(one[e], four[e]) {
			t.Errorf("estimator %d depends on the workers", e)
		}
		if slices.Equal(one[e], other[e]) {
			t.Errorf("estimator %d does not depend on the seed", e)
		}
	}
}

// The slow twin draws the same groups one after the other, and adds their terms.
func TestBootstrapResamplesGroups(t *testing.T) {
	groups, selfNormalised := fiveGroups(301, 2)
	const rounds = 20
	values := Bootstrap{Rounds: rounds, Seed: 5}.Values(groups, selfNormalised)
	for round := range rounds {
		d := drawer{counts: make([]uint32, 301)}
		d.draw(rand.NewPCG(5, uint64(round)))
		drawn := uint32(0)
		for _, c := range d.counts {
			drawn += c
		}
		if drawn != 301 {
			t.Fatalf("drew %d of 301", drawn)
		}
		for e, g := range groups {
			var s Terms
			for i, c := range d.counts {
				for range c {
					s.Linear += g.Sums[i].Linear
					s.Count += g.Sums[i].Count
					s.Ratio += g.Sums[i].Ratio
					s.Weight += g.Sums[i].Weight
				}
			}
			want := s.Linear / s.Count
			if selfNormalised[e] {
				want += s.Ratio / s.Weight
			}
			near(t, "value", values[e][round], want, 1e-12)
		}
	}
}

// Over 4000 rounds the deviation of the bootstrap is that of the delta method to within 4% with probability above 0.999 (its
// own error is 1.1%, the delta method's at 2000 groups about 1%): generators seeded by neighbouring rounds are independent.
func TestBootstrapDeviatesAsDelta(t *testing.T) {
	groups, selfNormalised := fiveGroups(2000, 6)
	for e, values := range (Bootstrap{Rounds: 4000, Seed: 7, Workers: 2}).Values(groups, selfNormalised) {
		var b Moments
		for _, v := range values {
			b.Add(Terms{Linear: v, Count: 1})
		}
		b.Flush()
		deviation := math.Sqrt(b.Summary().Variance)
		delta := math.Sqrt(groups[e].Moments().Variance(selfNormalised[e]))
		if math.Abs(deviation/delta-1) > 0.04 {
			t.Errorf("estimator %d deviates by %v, by the delta method %v", e, deviation, delta)
		}
		if z := (b.Mean[linear] - groups[e].Moments().Value(selfNormalised[e])) / delta; math.Abs(z) > 0.15 {
			t.Errorf("estimator %d is off by %v deviations", e, z)
		}
	}
}

func TestBootstrapOfNothingKnowsNothing(t *testing.T) {
	empty := (Bootstrap{Rounds: 10}).Intervals([]*Groups{{}}, []bool{false}, 0.05)[0]
	if !empty.Covers(-1e300) || !empty.Covers(1e300) {
		t.Errorf("an interval of nothing is %v", empty)
	}
}

func BenchmarkBootstrap(b *testing.B) {
	groups, selfNormalised := fiveGroups(DefaultGroups, 1)
	b.ReportAllocs()
	for b.Loop() {
		Bootstrap{Rounds: 1000, Seed: 1}.Intervals(groups, selfNormalised, 0.05)
	}
}
