package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/model"
)

// ABNOptions are the choices of a run over tests.
type ABNOptions struct {
	Tests    int // the first so many
	Visitors int // of each test
	Batch    int // visitors between two models; see Options
	Seed     uint64
	Words    bool   // give actions the words of their headlines, and keep one model from test to test
	Progress func() // called after every test; may be nil
}

// TestsResult tells how tests went, each by expected clicks.
type TestsResult struct {
	Played     int
	FirstHalf  float64 // share of the possible gain in the first half of the tests
	SecondHalf float64 // and in the second, where words can have been learned from the first
}

// Run plays tests one after another, each with its own visitors. Averages are over tests; First, Halves, Tenths and the
// Curve are by the number of a visitor in a test.
func (a *ABN) Run(ctx context.Context, p Policy, o ABNOptions) (*Result, error) {
	if o.Tests < 1 || o.Tests > len(a.Tests) {
		return nil, fmt.Errorf("simulate: %d tests of %d", o.Tests, len(a.Tests))
	}
	if o.Words {
		p = carried(p)
	}
	var results []*Result
	for i := range a.Tests[:o.Tests] {
		t := &a.Tests[i]
		w := t.World(generator(o.Seed, "test "+t.ID), o.Words)
		r, err := Run(ctx, w, p, Options{Rounds: o.Visitors, Batch: o.Batch, Seed: o.Seed + xxhash.Sum64String(t.ID)})
		if err != nil {
			return nil, fmt.Errorf("test %s: %w", t.ID, err)
		}
		results = append(results, r)
		if o.Progress != nil {
			o.Progress()
		}
	}
	return together(results)
}

// carried returns a policy that has one estimator for all runs.
func carried(p Policy) Policy {
	estimator := p.NewEstimator()
	p.NewEstimator = func() model.Estimator { return estimator }
	return p
}

// together returns the average of the tests' results.
func together(results []*Result) (*Result, error) {
	if len(results) == 0 {
		return nil, errors.New("simulate: no test was played")
	}
	out := average(results)
	half := (len(results) + 1) / 2
	out.Tests = &TestsResult{Played: len(results), FirstHalf: average(results[:half]).Share()}
	if half < len(results) {
		out.Tests.SecondHalf = average(results[half:]).Share()
	}
	return out, nil
}

// average averages results of equally many rounds, and adds up what they took.
func average(results []*Result) *Result {
	first, n := results[0], float64(len(results))
	out := &Result{Expected: &Expectations{}, First: slices.Clone(first.First), Halves: make([]float64, len(first.Halves)),
		Tenths: make([]float64, len(first.Tenths)), Curve: slices.Clone(first.Curve)}
	clear(out.Curve)
	for i := range out.First {
		out.First[i].AverageReward = 0
	}
	for _, r := range results {
		out.Rounds += r.Rounds
		out.Actions = max(out.Actions, r.Actions)
		out.AverageReward += r.AverageReward / n
		out.Uniform += r.Uniform / n
		out.BestConstant += r.BestConstant / n
		out.Expected.Got += r.Expected.Got / n
		out.Expected.Oracle += r.Expected.Oracle / n
		out.Outstanding += r.Outstanding
		out.Fits += r.Fits
		out.Time = out.Time.plus(r.Time)
		out.addCurves(r, n)
	}
	return out
}

func (r *Result) addCurves(from *Result, n float64) {
	for i, p := range from.First {
		r.First[i].AverageReward += p.AverageReward / n
	}
	for i, x := range from.Halves {
		r.Halves[i] += x / n
	}
	for i, x := range from.Tenths {
		r.Tenths[i] += x / n
	}
	for i, b := range from.Curve {
		r.Curve[i] = Bin{b.End, r.Curve[i].Reward + b.Reward/n, r.Curve[i].Average + b.Average/n}
	}
}
