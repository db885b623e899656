package main

import (
	"math"
	"path/filepath"
	"testing"
)

// An exported log, read back as a table, gives the numbers that the log itself gives. A cell of CSV is no list, so only the
// other formats say what else could have been served, which a uniform policy needs.
func TestEvaluateExportedLog(t *testing.T) {
	s := playPage(t, binary(t, ""), 200)
	s.kill()
	policies := map[string][]string{
		"parquet": {"action:b", "uniform"}, "ndjson": {"action:b", "uniform"}, "csv": {"action:b"},
	}
	for _, format := range []string{"parquet", "ndjson", "csv"} {
		out := t.TempDir()
		if _, errs, status := cli(t, "log", "export", "--data", s.data, "--out", out, "--format", format, "--closed"); status != exitDone {
			t.Fatalf("%s: %s", format, errs)
		}
		found, err := filepath.Glob(filepath.Join(out, "loop=page", "day=*", "part-0."+format+"*"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", format, found, err)
		}
		if len(found) > 1 {
			t.Skip("midnight: the log has two days, which are two tables")
		}
		for _, policy := range policies[format] {
			compareExported(t, s.data, found[0], policy)
		}
	}
}

func compareExported(t *testing.T, data, table, policy string) {
	t.Helper()
	own, _ := evaluateDocument(t, "--data", data, "--loop", "page", "--policy", policy, "--estimators", "ips,snips")
	if own.Source.Rows < 200 {
		t.Fatalf("%d rows: the test shows nothing", own.Source.Rows)
	}
	read, _ := evaluateDocument(t, "--table", table, "--policy", policy, "--estimators", "ips,snips")
	if read.Source.Rows != own.Source.Rows {
		t.Errorf("%s has %d rows, the log %d", table, read.Source.Rows, own.Source.Rows)
	}
	for i, e := range own.Estimates {
		if got := read.Estimates[i]; math.Abs(number(got.Value)-number(e.Value)) > 1e-12 {
			t.Errorf("%s, %s: %s is %v, from the log %v", table, policy, e.Name, number(got.Value), number(e.Value))
		}
	}
}
