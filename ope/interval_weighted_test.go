package ope

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// weightedExpected are the numbers of VowpalWabbit/estimators on a case: intervals by method and alpha.
type weightedExpected struct {
	Least       float64                          `json:"rmin"`
	Most        float64                          `json:"rmax"`
	WeightMost  float64                          `json:"wmax_true"`
	Estimators  map[string]float64               `json:"estimators"`
	Intervals   map[string]map[string][2]float64 `json:"intervals"`
	Checkpoints []struct {
		Rows      int                   `json:"t"`
		Sequence  map[string][2]float64 `json:"cs"`
		Divergent map[string][2]float64 `json:"cressieread"`
		Gaussian  map[string][2]float64 `json:"gaussian"`
	} `json:"checkpoints"`
}

// weightedIntervals holds what is needed for all intervals of weighted rewards.
type weightedIntervals struct {
	rewards     Range
	bounded     *CressieRead
	unbounded   *CressieRead
	sequence    *GammaExponential
	moments     Moments
	sum, n, top float64
}

func newWeightedIntervals(rewards Range, weightMost float64) *weightedIntervals {
	sequence := NewGammaExponential(rewards)
	sequence.Unclipped = true
	return &weightedIntervals{
		rewards:   rewards,
		bounded:   NewCressieRead(Range{0, weightMost}, rewards),
		unbounded: NewCressieRead(Range{0, math.Inf(1)}, rewards),
		sequence:  sequence,
	}
}

func (w *weightedIntervals) add(weight, r, dropped float64) {
	w.bounded.Add(weight, r, 1+dropped)
	w.unbounded.Add(weight, r, 1+dropped)
	w.sequence.Add(weight, r, dropped)
	w.moments.Add(Terms{Linear: weight * r, Count: 1 + dropped})
	w.n += 1 + dropped
	w.sum += weight * (r - w.rewards.Least) / (w.rewards.Most - w.rewards.Least)
	w.top = max(w.top, weight)
}

func (w *weightedIntervals) interval(method string, alpha float64) Interval {
	w.moments.Flush()
	switch method {
	case "gaussian":
		return Gaussian(&w.moments, alpha)
	case "clopper_pearson":
		return ClopperPearson(w.n, w.sum, w.top, w.rewards, alpha)
	case "cressieread":
		return w.unbounded.Interval(alpha)
	case "cressieread(wmax=true)":
		return w.bounded.Interval(alpha)
	}
	return w.sequence.Interval(alpha)
}

var alphas = map[string]float64{"0.05": 0.05, "0.1": 0.1}

func nearInterval(t *testing.T, what string, got Interval, want [2]float64) {
	t.Helper()
	near(t, what+" lower", got.Lower, want[0], 1e-8)
	near(t, what+" upper", got.Upper, want[1], 1e-8)
}

func TestWeightedIntervalsOfReference(t *testing.T) {
	for _, c := range intervalCases(t) {
		if c.weighted == "" {
			continue
		}
		name := c.name
		var expected weightedExpected
		readJSON(t, &expected, c.weighted)
		rows := readColumns(t, c.rows)
		all := newWeightedIntervals(Range{expected.Least, expected.Most}, expected.WeightMost)
		next := 0
		for i, r := range rows["reward"] {
			all.add(rows["pi_e"][i]/rows["pscore"][i], r, 0)
			if next < len(expected.Checkpoints) && expected.Checkpoints[next].Rows == i+1 {
				c := expected.Checkpoints[next]
				for method, byAlpha := range map[string]map[string][2]float64{"cs": c.Sequence, "cressieread": c.Divergent, "gaussian": c.Gaussian} {
					for alpha, want := range byAlpha {
						nearInterval(t, name+" "+method, all.interval(method, alphas[alpha]), want)
					}
				}
				next++
			}
		}
		if next != len(expected.Checkpoints) || len(expected.Intervals) != 5 {
			t.Fatalf("%s: %d checkpoints, %d methods", name, next, len(expected.Intervals))
		}
		for method, byAlpha := range expected.Intervals {
			for alpha, want := range byAlpha {
				nearInterval(t, strings.Join([]string{name, method, alpha}, " "), all.interval(method, alphas[alpha]), want)
			}
		}
		testLikelihoods(t, name, rows, &expected, all)
	}
}

func testLikelihoods(t *testing.T, name string, rows map[string][]float64, expected *weightedExpected, all *weightedIntervals) {
	var weights []float64
	for i, p := range rows["pscore"] {
		weights = append(weights, rows["pi_e"][i]/p)
	}
	unbounded := Range{0, math.Inf(1)}
	near(t, name+" mle", LikelihoodValue(weights, rows["reward"], unbounded), expected.Estimators["mle"], 1e-8)
	near(t, name+" mle(wmax=true)", LikelihoodValue(weights, rows["reward"], Range{0, expected.WeightMost}), expected.Estimators["mle(wmax=true)"], 1e-8)
	near(t, name+" cressieread", all.unbounded.Value(), expected.Estimators["cressieread"], 1e-9)
	near(t, name+" cressieread(wmax=true)", all.bounded.Value(), expected.Estimators["cressieread(wmax=true)"], 1e-9)
}

// Rows that were dropped are zeros: as many as their probability says, or as were counted.
func TestDroppedRowsOfReference(t *testing.T) {
	var expected struct {
		Intervals map[string]map[string]map[string][2]float64 `json:"intervals"`
	}
	readJSON(t, &expected, filepath.Join(intervalsFolder, "dropped_rows.json"))
	rows := readColumns(t, filepath.Join(intervalsFolder, "dropped_rows.csv.gz"))
	for counted, byMethod := range expected.Intervals {
		all := newWeightedIntervals(Range{0, 1}, math.Inf(1))
		for i, p := range rows["p_drop"] {
			dropped := p / (1 - p)
			if counted == "p_drop_and_n_drop" {
				dropped = rows["n_drop"][i]
			}
			all.add(rows["pi_e"][i]/(rows["pscore"][i]*(1-p)), rows["reward"][i], dropped)
		}
		for method, byAlpha := range byMethod {
			for alpha, want := range byAlpha {
				nearInterval(t, strings.Join([]string{counted, method, alpha}, " "), all.interval(method, alphas[alpha]), want)
			}
		}
	}
}

// Sums merge to the same bits in any order, and to the reference's numbers.
func TestCressieReadMerges(t *testing.T) {
	var expected struct {
		Values struct {
			Interval [2]float64 `json:"cressieread_interval_merged_400_600"`
			Value    float64    `json:"cressieread_estimator_merged"`
		} `json:"values"`
	}
	readJSON(t, &expected, filepath.Join(intervalsFolder, "merge.json"))
	rows := readColumns(t, filepath.Join(intervalsFolder, "s01_n1000_a5", "rows.csv.gz"))
	const parts = 7
	var whole, merged *CressieRead
	fresh := func() *CressieRead { return NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1}) }
	whole, merged = fresh(), fresh()
	split := make([]*CressieRead, parts)
	for i := range split {
		split[i] = fresh()
	}
	for i, r := range rows["reward"] {
		w := rows["pi_e"][i] / rows["pscore"][i]
		whole.Add(w, r, 1)
		split[i%parts].Add(w, r, 1)
	}
	for i := range split {
		merged.Merge(split[parts-1-i])
	}
	if whole.Interval(0.05) != merged.Interval(0.05) || whole.Value() != merged.Value() {
		t.Errorf("merged %v, whole %v", merged.Interval(0.05), whole.Interval(0.05))
	}
	nearInterval(t, "merged", merged.Interval(0.05), expected.Values.Interval)
	near(t, "merged value", merged.Value(), expected.Values.Value, 1e-9)
}
