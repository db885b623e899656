package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/ope"
)

// BenchmarkMake evaluates a table of 10^6 rows by five estimators with 1000 bootstrap rounds, from the file to the
// document.
func BenchmarkMake(b *testing.B) {
	const rows = 1_000_000
	path := writeTable(b, rows)
	specs, err := ope.ParseEstimators([]string{"ips", "snips", "dm", "dr", "sndr"}, math.NaN())
	if err != nil {
		b.Fatal(err)
	}
	choices := report.Choices{Specs: specs, Options: ope.Options{Method: ope.Resampled}}
	b.ReportAllocs()
	for b.Loop() {
		t, err := table.Open(path, table.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := report.Make(b.Context(), &report.TableRows{Table: t, Path: path}, choices); err != nil {
			b.Fatal(err)
		}
		if err := t.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func writeTable(tb testing.TB, rows int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "rows.csv")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	fmt.Fprintln(f, "action,reward,pscore,pi_e,q_logged,q_pi_e")
	for range rows {
		p, target := 0.05+0.9*rng.Float64(), rng.Float64()
		fmt.Fprintf(f, "%d,%d,%v,%v,%v,%v\n", rng.IntN(20), rng.IntN(2), p, target, rng.Float64(), rng.Float64())
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}
