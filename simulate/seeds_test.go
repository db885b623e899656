package simulate

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// plays are runs of every format.
func plays(t *testing.T) map[string]Play {
	t.Helper()
	rows, log, tests := read(t, "satimage.csv"), logged(t, skewedLog(1000)), headlines(t)
	scenarios := func(w World, seed uint64) World {
		return Delayed(NewActions(Flipped(w, 100, seed), 100), 20, seed)
	}
	return map[string]Play{
		"multiclass": func(ctx context.Context, seed uint64) (*Result, error) {
			return Run(ctx, rows.World(), standard(), Options{Rounds: 200, Seed: seed})
		},
		"scenarios": func(ctx context.Context, seed uint64) (*Result, error) {
			return Run(ctx, scenarios(rows.World(), seed), standard(), Options{Rounds: 200, Seed: seed, Batch: 30})
		},
		"synthetic": func(ctx context.Context, seed uint64) (*Result, error) {
			w, err := Synthetic(SyntheticOptions{Kind: "arriving", Actions: 4, Features: 3, Rounds: 300, Seed: seed})
			if err != nil {
				return nil, err
			}
			return Run(ctx, w, standard(), Options{Rounds: 300, Seed: seed})
		},
		"rejection": func(ctx context.Context, seed uint64) (*Result, error) {
			return Replay(ctx, log, standard(), ReplayOptions{Rows: 1000, Seed: seed})
		},
		"importance": func(ctx context.Context, seed uint64) (*Result, error) {
			return Replay(ctx, log, standard(), ReplayOptions{Rows: 1000, Seed: seed, Importance: true})
		},
		"abn": func(ctx context.Context, seed uint64) (*Result, error) {
			return tests.Run(ctx, standard(), ABNOptions{Tests: 4, Visitors: 500, Batch: 50, Seed: seed, Words: true})
		},
	}
}

// TestSeveralGoroutinesAreOne compares, to the last bit, seeds that are played side by side with the same one by one.
func TestSeveralGoroutinesAreOne(t *testing.T) {
	timeless := cmpopts.IgnoreFields(Result{}, "Time")
	for name, play := range plays(t) {
		together, err := Seeds(context.Background(), 5, 6, play)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, got := range together {
			want, err := play(context.Background(), 5+uint64(i))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(want, got, timeless); diff != "" {
				t.Errorf("%s, seed %d: %s", name, 5+i, diff)
			}
		}
		if name != "importance" && together[0].AverageReward == together[1].AverageReward && together[0].AverageReward == together[2].AverageReward {
			t.Errorf("%s: three seeds have the same average", name)
		}
	}
}

func TestSeedsEndWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	_, err := Seeds(context.Background(), 1, 4, func(ctx context.Context, seed uint64) (*Result, error) {
		if seed == 2 {
			return nil, broken
		}
		return &Result{}, nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestMeanAndError(t *testing.T) {
	if m, se := MeanAndError([]float64{1, 2, 3, 4}); m != 2.5 || math.Abs(se-math.Sqrt(5.0/3/4)) > 1e-15 {
		t.Errorf("%g ± %g", m, se)
	}
	if m, se := MeanAndError([]float64{7}); m != 7 || se != 0 {
		t.Errorf("%g ± %g", m, se)
	}
}

// TestTimeIsSharedOut: parts are not more than the whole.
func TestTimeIsSharedOut(t *testing.T) {
	for name, play := range plays(t) {
		r, err := play(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if x := r.Time; x.CPU <= 0 || x.LearnCPU <= 0 || x.PredictCPU <= 0 || x.LearnCPU+x.PredictCPU > x.CPU {
			t.Errorf("%s: %+v", name, x)
		}
	}
}
