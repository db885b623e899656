package main

import (
	"math"
	"path/filepath"
	"testing"
)

// An exported log, read back as a table, gives the numbers that the log itself gives.
func TestEvaluateExportedLog(t *testing.T) {
	s := playPage(t, binary(t, ""), 200)
	s.kill()
	own, _ := evaluateDocument(t, "--data", s.data, "--loop", "page", "--policy", "action:b", "--estimators", "ips,snips")
	if own.Source.Rows < 200 {
		t.Fatalf("%d rows: the test shows nothing", own.Source.Rows)
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
		read, _ := evaluateDocument(t, "--table", found[0], "--policy", "action:b", "--estimators", "ips,snips")
		if read.Source.Rows != own.Source.Rows {
			t.Errorf("%s has %d rows, the log %d", format, read.Source.Rows, own.Source.Rows)
		}
		for i, e := range own.Estimates {
			if got := read.Estimates[i]; math.Abs(number(got.Value)-number(e.Value)) > 1e-12 {
				t.Errorf("%s: %s is %v, from the log %v", format, e.Name, number(got.Value), number(e.Value))
			}
		}
	}
}
