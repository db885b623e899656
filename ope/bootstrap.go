package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Bootstrap resamples groups with replacement and computes the whole estimate anew in each round, both sums of a ratio
// included (Efron, Tibshirani, An introduction to the bootstrap, 1993). To resample terms that were divided by the weights of
// the one sample, as is also done, makes intervals of self-normalised estimates several times too wide.
type Bootstrap struct {
	// Rounds is how often it resamples, Seed starts its generators: each round has its own, so the results do not depend on
	// Workers, which is how many goroutines share the rounds (1).
	Rounds  int
	Seed    uint64
	Workers int
	// Between is asked before each round, by all workers, and may yield; false ends the bootstrap, whose values are then worth
	// nothing. It may be nil.
	Between func() (goOn bool)
}

// Values returns an estimate for each estimator and round. All groups are of equal length, since the estimators saw the same
// samples; so they share the draws of a round, and differences between estimators are resampled as well.
// A value is NaN where no group with weight was drawn.
func (b Bootstrap) Values(groups []*Groups, selfNormalised []bool) [][]float64 {
	t := tabulate(groups)
	values := make([][]float64, len(groups))
	for e := range values {
		values[e] = make([]float64, b.Rounds)
	}
	workers := max(b.Workers, 1)
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			d := drawer{counts: make([]uint32, t.groups), sums: make([]float64, len(t.columns))}
			for round := w; round < b.Rounds && (b.Between == nil || b.Between()); round += workers {
				d.draw(rand.NewPCG(b.Seed, uint64(round)))
				t.sum(&d)
				for e, at := range t.terms {
					values[e][round] = at.value(d.sums, selfNormalised[e])
				}
			}
		})
	}
	running.Wait()
	return values
}

// Intervals returns the percentile intervals that miss with probability alpha.
func (b Bootstrap) Intervals(groups []*Groups, selfNormalised []bool, alpha float64) []Interval {
	var intervals []Interval
	for e, values := range b.Values(groups, selfNormalised) {
		if len(groups[e].Sums) < 2 { // One group drawn again is the same.
			values = nil
		}
		intervals = append(intervals, percentileInterval(values, alpha, "ratio_bootstrap"))
	}
	return intervals
}

// percentileInterval sorts the values.
func percentileInterval(values []float64, alpha float64, method string) Interval {
	slices.Sort(values)
	if len(values) == 0 || math.IsNaN(values[0]) {
		return everything(method)
	}
	return Interval{percentile(values, alpha/2), percentile(values, 1-alpha/2), method}
}

// percentile interpolates between sorted values, from the nearer end so that the bits are those of the reference's library.
func percentile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	a, b, part := sorted[i], sorted[min(i+1, len(sorted)-1)], at-float64(i)
	if part >= 0.5 {
		return b - (b-a)*(1-part)
	}
	return a + (b-a)*part
}

// drawer is the scratch space of a worker.
type drawer struct {
	counts []uint32  // how often each group was drawn
	sums   []float64 // of each column
}

// draw draws as many groups as there are, each 32 random bits times the number of groups (Lemire, Fast random integer
// generation in an interval, 2019).
func (d *drawer) draw(source *rand.PCG) {
	clear(d.counts)
	n := uint64(len(d.counts))
	if n == 0 {
		return
	}
	reject := uint32(-n) % uint32(n)
	for drawn := uint64(0); drawn < n; {
		bits := source.Uint64()
		for _, half := range [2]uint64{bits & math.MaxUint32, bits >> 32} {
			if product := half * n; uint32(product) >= reject && drawn < n {
				d.counts[product>>32]++
				drawn++
			}
		}
	}
}

// table holds the groups' sums by columns, without those that are zero and those that are another's, so that a round reads
// little memory.
type table struct {
	groups  int
	columns [][]float64
	terms   []columnsOf
}

// columnsOf says in which columns the terms of an estimator are; -1 is nowhere, since all are zero.
type columnsOf [termCount]int

func tabulate(groups []*Groups) *table {
	t := &table{}
	for _, g := range groups {
		t.groups = len(g.Sums)
		var at columnsOf
		for term := range termCount {
			column := make([]float64, t.groups)
			for i := range g.Sums {
				column[i] = g.Sums[i].vector()[term]
			}
			at[term] = t.place(column)
		}
		t.terms = append(t.terms, at)
	}
	return t
}

// place returns where a column is, which it adds if it is new.
func (t *table) place(column []float64) int {
	if !slices.ContainsFunc(column, func(x float64) bool { return x != 0 }) {
		return -1
	}
	if at := slices.IndexFunc(t.columns, func(c []float64) bool { return slices.Equal(c, column) }); at >= 0 {
		return at
	}
	t.columns = append(t.columns, column)
	return len(t.columns) - 1
}

// sum sums the columns over the drawn groups.
func (t *table) sum(d *drawer) {
	for i, column := range t.columns {
		d.sums[i] = weighted(d.counts, column)
	}
}

// weighted returns Σ counts·column, in four sums that a processor adds side by side.
func weighted(counts []uint32, column []float64) float64 {
	var a, b, c, d float64
	column = column[:len(counts)]
	i := 0
	for ; i+4 <= len(counts); i += 4 {
		a += float64(counts[i]) * column[i]
		b += float64(counts[i+1]) * column[i+1]
		c += float64(counts[i+2]) * column[i+2]
		d += float64(counts[i+3]) * column[i+3]
	}
	for ; i < len(counts); i++ {
		a += float64(counts[i]) * column[i]
	}
	return a + b + (c + d)
}

// value returns the estimate from the sums.
func (at *columnsOf) value(sums []float64, selfNormalised bool) float64 {
	var s [termCount]float64
	for term, column := range at {
		if column >= 0 {
			s[term] = sums[column]
		}
	}
	v := s[linear] / s[count]
	if selfNormalised {
		v += s[ratio] / s[weight]
	}
	return v
}
