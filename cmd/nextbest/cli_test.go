package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cli runs a command line in this process.
func cli(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), status
}

func TestExitStatus(t *testing.T) {
	empty := t.TempDir()
	for _, tc := range []struct {
		args   string
		status int
		says   string // on stderr
	}{
		{"", exitDone, ""},
		{"--help", exitDone, ""},
		{"nonsense", exitUsage, `no command "nonsense"`},
		{"serve --nonsense", exitUsage, "unknown flag"},
		{"serve extra", exitUsage, "extra"},
		{"serve --feature-budget -1s", exitUsage, "--feature-budget"},
		{"serve --http nowhere", exitUsage, "HTTPAddr"},
		{"serve --loops " + empty + "/none --data " + empty + "/data", exitFailed, "none"},
		{"explain", exitUsage, "name one event"},
		{"explain --data " + empty + " e-1", exitFailed, "no event log"},
		{"replay --data " + empty, exitFailed, "no event log"},
		{"log verify --data " + empty, exitFailed, "no event log"},
		{"log cat --kind nonsense --data " + empty, exitUsage, "there are decision"},
		{"demo --callers 0", exitUsage, "--callers"},
		{"version", exitDone, ""},
	} {
		_, errs, status := cli(t, strings.Fields(tc.args)...)
		if status != tc.status || !strings.Contains(errs, tc.says) {
			t.Errorf("nextbest %s: exit %d, %q; want exit %d and %q", tc.args, status, errs, tc.status, tc.says)
		}
	}
}

func TestEveryCommandHelpsWithAnExample(t *testing.T) {
	root := rootCommand()
	commands := root.Commands()
	for len(commands) > 0 {
		c := commands[0]
		commands = append(commands[1:], c.Commands()...)
		if c.Name() == "help" || c.Name() == "completion" || c.Parent().Name() == "completion" {
			continue
		}
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
	}
}

// What a service leaves behind can be looked into: printed, explained, verified; damage is found.
func TestLookIntoTheLog(t *testing.T) {
	data, loops := t.TempDir(), t.TempDir()
	deploy(t, loops, "page.yaml", strings.ReplaceAll(pageLoop, "%s", "uniform"))
	s := startWith(t, binary(t, ""), data, loops)
	s.play("e", 20)
	s.kill()

	out, _, status := cli(t, "log", "cat", "--data", data, "--kind", "decision", "--limit", "3")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var line struct {
		Kind   string
		Record struct{ Decision struct{ EventID string } }
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || status != exitDone || len(lines) != 3 || line.Record.Decision.EventID != "e-0" {
		t.Errorf("log cat: exit %d, %v, %d lines, the first: %s", status, err, len(lines), lines[0])
	}

	for kind, want := range map[string]string{"loop_change": `"file":"version: 1\nname: page\n`, "publish": `"modelSha256":"`} {
		if out, _, _ := cli(t, "log", "cat", "--data", data, "--kind", kind, "--limit", "1"); !strings.Contains(out, want) {
			t.Errorf("log cat --kind %s: %s", kind, out)
		}
	}

	out, _, status = cli(t, "explain", "--data", data, "e-3", "--json")
	var told explanation
	if err := json.Unmarshal([]byte(out), &told); err != nil || status != exitDone {
		t.Fatalf("explain: exit %d, %v: %s", status, err, out)
	}
	for _, a := range told.Slots[0].Actions {
		within := a.From <= told.Slots[0].Draw && told.Slots[0].Draw < a.To
		if within != (a.ID == told.Slots[0].Served) {
			t.Errorf("%s is served for a draw of %v, but %+v", told.Slots[0].Served, told.Slots[0].Draw, a)
		}
	}
	if len(told.Rewards) != 1 || told.Rewards[0].Outcome != "joined" || !told.Slots[0].Rewarded {
		t.Errorf("rewards %+v, slot %+v", told.Rewards, told.Slots[0])
	}
	if _, errs, status := cli(t, "explain", "--data", data, "e-none"); status != exitFailed || !strings.Contains(errs, `no event "e-none"`) {
		t.Errorf("explain of an unknown event: exit %d, %s", status, errs)
	}

	if out, _, status := cli(t, "log", "verify", "--data", data); status != exitDone {
		t.Errorf("log verify: exit %d: %s", status, out)
	}
	flipByte(t, filepath.Join(data, logFolder))
	out, _, status = cli(t, "log", "verify", "--data", data, "--json")
	var report struct{ Sound bool }
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != exitFailed || report.Sound {
		t.Errorf("log verify of a damaged log: exit %d, %v: %s", status, err, out)
	}
}

// flipByte damages the middle of a log's first segment.
func flipByte(t *testing.T, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x40
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}
