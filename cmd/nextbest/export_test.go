package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/export"
)

// What a real service has logged comes out as tables that say what explain says of each event.
func TestExportOfAService(t *testing.T) {
	data, loops, out := t.TempDir(), t.TempDir(), t.TempDir()
	deploy(t, loops, "page.yaml", strings.ReplaceAll(fmt.Sprintf(pageLoop, "uniform"), "reward_wait_time: 1h", "reward_wait_time: 1s"))
	s := startWith(t, binary(t, ""), data, loops)
	s.play("e", 20)
	time.Sleep(1100 * time.Millisecond) // The window of the first twenty ends.
	s.play("f", 5)
	s.kill()

	printed, errs, status := cli(t, "log", "export", "--data", data, "--out", out, "--json")
	var summary export.Summary
	if err := json.Unmarshal([]byte(printed), &summary); err != nil || status != exitDone || !strings.Contains(errs, "exporting positions") {
		t.Fatalf("exit %d, %v, %s%s", status, err, printed, errs)
	}
	found, err := filepath.Glob(filepath.Join(out, "loop=page", "day=*", "part-0.parquet"))
	if err != nil || len(found) == 0 || len(found) != len(summary.Partitions) {
		t.Fatalf("files %v, %v, summary %+v", found, err, summary)
	}
	rows, closed := 0, 0
	for _, path := range found {
		table, err := parquet.ReadFile[export.Row](path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range table {
			compareExplained(t, data, &table[i])
			rows++
			if r := &table[i]; r.Reward != nil {
				closed++
				if want := map[string]float64{"a": 0, "b": 1}[r.Action]; *r.Reward != want || r.Pscore != 0.5 {
					t.Errorf("%s of %s has reward %v, pscore %v", r.EventID, r.Action, *r.Reward, r.Pscore)
				}
			}
		}
	}
	if rows != 25 || closed < 20 {
		t.Errorf("%d rows, %d of them closed", rows, closed)
	}
}

func compareExplained(t *testing.T, data string, r *export.Row) {
	t.Helper()
	out, _, _ := cli(t, "explain", "--data", data, "--json", r.EventID)
	var told explanation
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatal(err)
	}
	s := &told.Slots[0]
	if uint64(told.Position) != uint64(r.LogPosition) || s.Served != r.Action || s.Draw != r.Draw || s.Reward != r.RewardSoFar ||
		told.Snapshot != r.SnapshotID || told.Policy != r.Policy || told.Arm != r.Arm || !told.Closes.Truncate(time.Microsecond).Equal(r.Closes) {
		t.Errorf("row %+v, explained as %+v", r, told)
	}
}

func TestExportCommandLine(t *testing.T) {
	empty := t.TempDir()
	if err := os.Mkdir(filepath.Join(empty, logFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(empty, "key")
	if err := os.WriteFile(key, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(empty, "out")
	for _, tc := range []struct {
		args   string
		status int
		says   string // on stderr
	}{
		{"", exitUsage, "--out"},
		{"--out " + out + " --format xlsx", exitUsage, "there are parquet, ndjson, csv"},
		{"--out " + out + " --since yesterday", exitUsage, "--since"},
		{"--out " + out + " --until 2026-11-25T12:00:00Z", exitUsage, "whole days"},
		{"--out " + out + " --since 2026-11-25 --until 2026-11-24T00:00:00Z", exitUsage, "nothing is between"},
		{"--out " + out + " extra", exitUsage, "extra"},
		{"--out " + out + " --data " + empty + "/none", exitFailed, "no event log"},
		{"--out " + out + " --hash-users " + key, exitFailed, "16"},
		{"--out " + out + " --loop nobody", exitFailed, `"nobody"`},
		{"--out " + out, exitDone, ""},
	} {
		args := append([]string{"log", "export", "--data", empty}, strings.Fields(tc.args)...)
		if _, errs, status := cli(t, args...); status != tc.status || !strings.Contains(errs, tc.says) {
			t.Errorf("%v: exit %d, %q; want exit %d and %q", args, status, errs, tc.status, tc.says)
		}
	}
}
