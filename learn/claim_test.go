package learn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/eventlog"
)

func TestAggregations(t *testing.T) {
	type r struct {
		at    int64
		value float64
	}
	cases := []struct {
		rewards []r // in the order of the log
		want    map[Aggregation]float64
	}{
		{[]r{{5, 0}}, map[Aggregation]float64{Earliest: 0, First: 0, Sum: 0, Mean: 0, Min: 0, Max: 0, Last: 0}},
		{[]r{{5, -2}, {6, -3}}, map[Aggregation]float64{Earliest: -2, First: -2, Sum: -5, Mean: -2.5, Min: -3, Max: -2, Last: -3}},
		{[]r{{9, 4}, {1, 0}, {3, -1}}, map[Aggregation]float64{Earliest: 0, First: 4, Sum: 3, Mean: 1, Min: -1, Max: 4, Last: 4}},
		{[]r{{1, 0.1}, {2, 0.2}, {3, 0.3}}, map[Aggregation]float64{Earliest: 0.1, First: 0.1, Sum: 0.1 + 0.2 + 0.3, Min: 0.1, Max: 0.3, Last: 0.3}},
	}
	for i, c := range cases {
		for how, want := range c.want {
			var rewards []reward
			for j, x := range c.rewards {
				n := reward{position: eventlog.Position(j + 1), id: fmt.Sprint(j), value: x.value, at: x.at}
				k, _ := slices.BinarySearchFunc(rewards, n, canonically)
				rewards = slices.Insert(rewards, k, n)
			}
			spec := RewardSpec{Aggregation: how, Default: 99}
			if got, ok := spec.worth(rewards, 0); !ok || math.Abs(got-want) > 1e-15 {
				t.Errorf("case %d, aggregation %d: %v %v, want %v", i, how, got, ok, want)
			}
		}
	}
}

func TestWorthOfMetrics(t *testing.T) {
	spec := RewardSpec{Default: 7, Metrics: []Metric{{"click", 1}, {"order", 10}}}
	rewards := []reward{{id: "1", value: 1, metric: 0}, {id: "2", value: 0.5, metric: 1}, {id: "3", value: 3, slot: 1, metric: 1}}
	for slot, want := range []float64{6, 30, 7} {
		got, ok := spec.worth(rewards, slot)
		if got != want || ok != (slot < 2) {
			t.Errorf("slot %d is worth %v (rewarded %v), want %v", slot, got, ok, want)
		}
	}
}
