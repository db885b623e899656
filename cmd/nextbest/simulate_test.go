package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/model"
)

const satimage = "../../simulate/testdata/satimage.csv"

func simulateRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(context.Background(), append([]string{"simulate"}, args...), &out, &err)
	return status, out.String(), err.String()
}

func TestSimulateJSON(t *testing.T) {
	for _, c := range []struct{ flags, policy string }{
		{"", model.DefaultExploration().String()},
		{"--policy uniform", "uniform"},
		{"--policy epsilon_greedy", "epsilon_greedy(epsilon=0.05) floor 0.01"},
		{"--policy squarecb --rounds 120", model.DefaultExploration().String()},
	} {
		status, out, errs := simulateRun(t, append(strings.Fields(c.flags), "--data", satimage, "--format", "multiclass", "--seed", "3", "--json")...)
		if status != exitDone {
			t.Fatalf("%s: status %d: %s", c.flags, status, errs)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%s: stdout is not one JSON document: %v: %s", c.flags, err, out)
		}
		rounds := 200.0
		if strings.Contains(c.flags, "--rounds") {
			rounds = 120
		}
		if got["rounds"] != rounds || got["actions"] != 6.0 || got["policy"] != c.policy || got["seed"] != 3.0 {
			t.Errorf("%s: %v", c.flags, got)
		}
		for _, name := range []string{"average_reward", "cpu_seconds"} {
			if x, ok := got[name].(float64); !ok || x <= 0 {
				t.Errorf("%s: %s is %v", c.flags, name, got[name])
			}
		}
	}
}

func TestSimulateTable(t *testing.T) {
	status, out, errs := simulateRun(t, "--data", satimage)
	if status != exitDone || !strings.Contains(out, "best single action") || !strings.Contains(errs, "200 of 200") {
		t.Errorf("status %d\n%s\n%s", status, out, errs)
	}
}

func TestSimulateFailures(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("x,label\n1,0\n2,zero\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags  string
		status int
		want   string
	}{
		{"", exitUsage, "--data FILE is needed"},
		{"--data x --policy best", exitUsage, `--policy "best" is not known`},
		{"--data x --format images", exitUsage, `--format "images" is not known`},
		{"--data x --rounds -1", exitUsage, "--rounds -1 is negative"},
		{"--data x --policy uniform --loop y", exitUsage, "exclude each other"},
		{"--data nowhere.csv", exitFailed, "nowhere.csv"},
		{"--data " + bad, exitFailed, "bad.csv: line 3, column 3 (label): the label \"zero\" is not an integer from 0"},
		{"--data x --loop nowhere.yaml", exitFailed, "nowhere.yaml"},
	} {
		if status, _, errs := simulateRun(t, strings.Fields(c.flags)...); status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", c.flags, status, c.status, c.want, errs)
		}
	}
}
