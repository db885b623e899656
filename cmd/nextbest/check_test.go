package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runCheck runs the command line, and returns its exit status and what it printed on each stream.
func runCheck(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append([]string{"check"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

func writeLoop(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckAcceptsTheShippedLoops(t *testing.T) {
	status, stdout, _ := runCheck(t, "../../loops/email-campaign.yaml", "../../loops/homepage.yaml")
	if status != exitDone || stdout != "" {
		t.Fatalf("exit %d, printed %q", status, stdout)
	}
}

func TestCheckPrintsEveryProblemWithItsPlace(t *testing.T) {
	path := writeLoop(t, "a.yaml", "version: 1\nname: b\nactions: from_request\npolcy: {}\n")
	status, stdout, stderr := runCheck(t, path, filepath.Join(t.TempDir(), "absent.yaml"))
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if status != exitFailed || len(lines) != 3 || stderr != "" {
		t.Fatalf("exit %d, printed\n%s\nand on stderr %q", status, stdout, stderr)
	}
	for i, want := range []string{path + ":2:7: name", path + ":4:1: polcy", "absent.yaml:1:1: the file cannot be read"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], want)
		}
	}
}

func TestCheckJSONIsOneDocument(t *testing.T) {
	good := writeLoop(t, "good.yaml", "version: 1\nname: good\nactions: from_request\n")
	bad := writeLoop(t, "bad.yaml", "version: 1\nname: bad\n")
	status, stdout, _ := runCheck(t, "--json", good, bad)
	var report checkReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	if status != exitFailed || report.OK || len(report.Files) != 2 || !report.Files[0].OK || report.Files[0].Loop != "good" ||
		len(report.Files[1].Problems) != 1 || report.Files[1].Problems[0].Line != 1 {
		t.Fatalf("exit %d, report %+v", status, report)
	}
	if status, _, _ := runCheck(t, "--json", good); status != exitDone {
		t.Fatalf("exit %d for a good file", status)
	}
}

// A directory stands for what the service would find in it.
func TestCheckOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if status, stdout, _ := runCheck(t, dir); status != exitFailed || !strings.Contains(stdout, "there are no loop files") {
		t.Errorf("an empty directory: exit %d, printed %q", status, stdout)
	}
	challengers := filepath.Join(dir, "challengers", "good")
	if err := os.MkdirAll(challengers, 0o700); err != nil {
		t.Fatal(err)
	}
	deploy(t, dir, "good.yaml", "version: 1\nname: good\nactions: from_request\n")
	deploy(t, challengers, "bolder.yaml", "version: 1\nname: good\nactions: from_request\n")
	if status, stdout, stderr := runCheck(t, dir); status != exitDone || stdout != "" || !strings.Contains(stderr, "2 loop file(s)") {
		t.Errorf("exit %d, printed %q and %q", status, stdout, stderr)
	}
	deploy(t, challengers, "other.yaml", "version: 1\nname: other\nactions: from_request\n")
	status, stdout, _ := runCheck(t, dir)
	if want := filepath.Join(challengers, "other.yaml") + ":2:7: name"; status != exitFailed || !strings.HasPrefix(stdout, want) {
		t.Errorf("exit %d, printed %q, want %s", status, stdout, want)
	}
}

// A candidate for a loop may be called anything.
func TestCheckOfACandidate(t *testing.T) {
	path := writeLoop(t, "candidate.yaml", "version: 1\nname: good\nactions: from_request\n")
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{path}, exitFailed},
		{[]string{"--loop", "good", path}, exitDone},
		{[]string{"--loop", "other", path}, exitFailed},
		{[]string{"--loop", "good", filepath.Dir(path)}, exitFailed},
	} {
		if status, stdout, _ := runCheck(t, c.args...); status != c.want || (stdout == "") != (status == exitDone) {
			t.Errorf("check %v: exit %d, printed %q", c.args, status, stdout)
		}
	}
}

func TestCheckUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--no-such-flag"}, {"--schema", "a.yaml"}, {"--schema", "--loop", "a"}} {
		if status, stdout, stderr := runCheck(t, args...); status != exitUsage || stdout != "" || stderr == "" {
			t.Errorf("check %v: exit %d, printed %q and %q", args, status, stdout, stderr)
		}
	}
	if status, stdout, _ := runCheck(t, "--help"); status != exitDone || !strings.Contains(stdout, "nextbest check loops/*.yaml") {
		t.Errorf("--help: exit %d, %q", status, stdout)
	}
}

func TestCheckPrintsTheSchema(t *testing.T) {
	status, stdout, _ := runCheck(t, "--schema")
	want, err := os.ReadFile("../../loop/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if status != exitDone || stdout != string(want) {
		t.Fatalf("exit %d; the schema printed is not loop/schema.json", status)
	}
}
