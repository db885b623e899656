package simulate

import (
	"context"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Play is one run by its seed.
type Play func(ctx context.Context, seed uint64) (*Result, error)

// Seeds plays the seeds first to first+n-1 on as many goroutines as there are processors, and returns their results in
// that order. Runs share nothing that changes, so that each result is the one it would have been alone.
func Seeds(ctx context.Context, first uint64, n int, play Play) ([]*Result, error) {
	results := make([]*Result, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range results {
		group.Go(func() error {
			r, err := play(ctx, first+uint64(i))
			results[i] = r
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

// MeanAndError returns the mean of xs and its standard error, 0 for a single value.
func MeanAndError(xs []float64) (mean, standardError float64) {
	n := float64(len(xs))
	for _, x := range xs {
		mean += x / n
	}
	if n < 2 {
		return mean, 0
	}
	sum := 0.0
	for _, x := range xs {
		sum += float64((x - mean) * (x - mean))
	}
	return mean, math.Sqrt(sum / (n - 1) / n)
}
