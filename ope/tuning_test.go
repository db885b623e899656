package ope

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// slowly chooses as Tuned does, with all rows at hand and the formulas as they are written.
func slowly(tuning Tuning, samples []Sample) (lambda float64) {
	n := float64(len(samples))
	unchanged := linearTerms(tuning.At(tuning.Grid[len(tuning.Grid)-1]), samples)
	weights := linearTerms(IPS{}, rewardsOf(samples, 1))
	slack := 0.0
	if tuning.Rule == MSEBound {
		logs := math.Log(2 / 0.1)
		slack = math.Sqrt(2*meanSquare(weights)*logs/n) + 2*slices.Max(weights)*logs/(3*n)
	}
	var means, widths, scores []float64
	for _, lambda := range tuning.Grid {
		terms := linearTerms(tuning.At(lambda), samples)
		mean, variance := stat.PopMeanVariance(terms, nil)
		bias := 0.0
		for i := range terms {
			bias += (unchanged[i] - terms[i]) / n
		}
		means = append(means, mean)
		widths = append(widths, distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.9)*math.Sqrt(variance/(n-1)))
		scores = append(scores, variance/n+math.Pow(math.Abs(bias)+slack, 2))
	}
	if tuning.Rule == Slope {
		return tuning.Grid[slopeSlowly(means, widths)]
	}
	return tuning.Grid[slices.Index(scores, slices.Min(scores))]
}

// slopeSlowly wants the widths to differ.
func slopeSlowly(means, widths []float64) int {
	order := make([]int, len(widths))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if widths[a] > widths[b] {
			return -1
		}
		return 1
	})
	for k := 1; k < len(order); k++ {
		for j := range k {
			i, kept := order[k], order[j]
			if math.Abs(means[i]-means[kept]) > widths[i]+(math.Sqrt(6)-1)*widths[kept] {
				return order[k-1]
			}
		}
	}
	return order[len(order)-1]
}

func linearTerms(e Estimator, samples []Sample) (terms []float64) {
	for i := range samples {
		terms = append(terms, e.Terms(&samples[i]).Linear)
	}
	return terms
}

func rewardsOf(samples []Sample, reward float64) []Sample {
	samples = slices.Clone(samples)
	for i := range samples {
		samples[i].Reward = reward
	}
	return samples
}

func meanSquare(x []float64) (sum float64) {
	for _, x := range x {
		sum += x * x
	}
	return sum / float64(len(x))
}

func tunings(t *testing.T) (specs []Spec) {
	var names []string
	for _, name := range EstimatorNames() {
		if slices.Contains([]byte(name), '+') {
			names = append(names, name)
		}
	}
	specs, err := ParseEstimators(names, math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	if len(specs) != 18 {
		t.Fatalf("%d tuned estimators, want 6 families by 3 rules", len(specs))
	}
	return specs
}

// The weights of these samples reach 400, and the grids are cut to where each value makes a difference.
func TestTuningChoosesAsTheFormulasDo(t *testing.T) {
	samples := randomSamples(3000)
	chosen := map[float64]bool{}
	for _, spec := range tunings(t) {
		tuning := *spec.Tuning
		tuning.Grid = slices.DeleteFunc(slices.Clone(tuning.Grid), func(l float64) bool { return l >= 500 && l < infinity })
		tuned := tunedOn(tuning, samples)
		got, want := tuned.Candidates[tuned.Choose()].Lambda, slowly(tuning, samples)
		if got != want {
			t.Errorf("%s chooses %v, want %v", spec.Name, got, want)
		}
		chosen[got] = true
	}
	if len(chosen) < 4 {
		t.Errorf("only %d values were ever chosen: the samples tell nothing", len(chosen))
	}
}

// A sample that stands for three is worth what three samples are.
func TestTuningCountsDroppedRecords(t *testing.T) {
	samples := randomSamples(500)
	for _, spec := range tunings(t) {
		once, thrice := NewTuned(*spec.Tuning), NewTuned(*spec.Tuning)
		for i := range samples {
			count := float64(1 + 2*(i%2))
			terms := once.Add(&samples[i], count)
			if terms[0].Count != count {
				t.Fatalf("%s: terms count %v records, want %v", spec.Name, terms[0].Count, count)
			}
			for range int(count) {
				thrice.Add(&samples[i], 1)
			}
		}
		once.flush()
		thrice.flush()
		for i := range once.Candidates {
			got, want := once.Candidates[i].Moments.Value(false), thrice.Candidates[i].Moments.Value(false)
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("%s at %v: %v, want %v", spec.Name, once.Candidates[i].Lambda, got, want)
			}
		}
	}
}

// If all samples stand for four, the choice is as if they stood for themselves.
func TestTuningIsOfTheRecordsNotOfTheirCounts(t *testing.T) {
	samples := randomSamples(500)
	for _, spec := range tunings(t) {
		ones, fours := tunedOn(*spec.Tuning, samples), NewTuned(*spec.Tuning)
		for i := range samples {
			fours.Add(&samples[i], 4)
		}
		if got, want := fours.Choose(), ones.Choose(); got != want {
			t.Errorf("%s chooses candidate %d, want %d", spec.Name, got, want)
		}
		scores := ones.scores()
		for i, score := range fours.scores() {
			if math.Abs(score/scores[i]-1) > 1e-9 {
				t.Errorf("%s: score %v, want %v", spec.Name, score, scores[i])
			}
		}
	}
}

// With too few samples to know a spread, the weights stay as they are; what cannot be computed is NaN, and not a panic.
func TestTuningOfTooLittle(t *testing.T) {
	for _, spec := range tunings(t) {
		last := len(spec.Tuning.Grid) - 1
		for n := range 2 {
			if got := tunedOn(*spec.Tuning, randomSamples(n)).Choose(); got != last {
				t.Errorf("%s chooses candidate %d of %d samples, want %d", spec.Name, got, n, last)
			}
		}
		broken := randomSamples(10)
		broken[3].Reward = math.NaN()
		tuned := tunedOn(*spec.Tuning, broken)
		if got := tuned.Candidates[tuned.Choose()].Moments.Value(false); !math.IsNaN(got) {
			t.Errorf("%s is %v of a reward that is NaN", spec.Name, got)
		}
	}
}

// The last of a grid leaves the weights, which the estimated bias relies on.
func TestGridsEndUnbiased(t *testing.T) {
	for _, spec := range tunings(t) {
		e := spec.Tuning.At(spec.Tuning.Grid[len(spec.Tuning.Grid)-1])
		for _, s := range randomSamples(100) {
			want := s.Reward * s.weight()
			if e.Needs().Has(HasModel) {
				want = DR{}.Terms(&s).Linear
			}
			if got := e.Terms(&s).Linear; got != want {
				t.Fatalf("%s: the last of its grid makes %v of %+v, want %v", spec.Name, got, s, want)
			}
		}
	}
}

// BenchmarkTuned is the cost of a row for a grid of ten.
func BenchmarkTuned(b *testing.B) {
	samples := randomSamples(1024)
	specs, err := ParseEstimators([]string{"dr+slope"}, math.NaN())
	if err != nil {
		b.Fatal(err)
	}
	tuned := NewTuned(*specs[0].Tuning)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tuned.Add(&samples[i%len(samples)], 1)
	}
}
