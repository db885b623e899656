package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"

	"github.com/nextbest/nextbest/preflight"
)

// guardedPage is the page's loop with rules of a shared file, of which the text is given.
func guardedPage(t *testing.T, dir, rules string) {
	t.Helper()
	folder := filepath.Join(dir, "guardrails")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	deploy(t, folder, "shared.yaml", "version: 1\nguardrails:\n"+rules)
	deploy(t, dir, "page.yaml", fmt.Sprintf(pageLoop, "uniform")+"guardrails: [{include: shared}]\n")
}

// What a real service has logged is held against new files. The numbers are those of the log itself.
func TestCheckAgainstAService(t *testing.T) {
	data, loops, next := t.TempDir(), t.TempDir(), t.TempDir()
	guardedPage(t, loops, "  - {name: cheap, kind: eligibility, forbid: action.price > 5}\n")
	s := startWith(t, binary(t, ""), data, loops)
	served := make(map[string]int)
	for i := range 300 {
		answer, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "page", EventId: fmt.Sprint("e", i)})
		if err != nil {
			t.Fatal(err)
		}
		served[answer.GetRewardActionId()]++
	}
	s.kill()
	against := func(loopFile string) preflight.Report {
		t.Helper()
		out, errs, status := cli(t, "check", "--against", data, "--json", loopFile)
		var reports []preflight.Report
		if err := json.Unmarshal([]byte(out), &reports); err != nil || status != exitDone || len(reports) != 1 {
			t.Fatalf("exit %d, %v: %s%s", status, err, out, errs)
		}
		return reports[0]
	}

	same := against(filepath.Join(loops, "page.yaml"))
	if same.Decisions != 300 || same.LostServed+same.Narrowed+same.Widened != 0 || !same.Support.Answers || same.Support.Effective < 299.9 {
		t.Errorf("the same file: %+v", same)
	}
	guardedPage(t, next, "  - {name: cheaper, kind: eligibility, forbid: action.price > 1.5}\n")
	narrower := against(filepath.Join(next, "page.yaml"))
	if narrower.LostServed != uint64(served["b"]) || narrower.NoneLeft != 0 || narrower.Narrowed != 300 || narrower.Rules[0].Rule != "cheaper" ||
		narrower.Support.Excluded != 0.5 || narrower.Support.Unsupported != 0 || narrower.Support.Answers != (min(served["a"], 150) >= 200) {
		t.Errorf("without b, which was served %d times: %+v", served["b"], narrower)
	}
	guardedPage(t, next, "  - {name: none, kind: eligibility, require: action.price > 100}\n")
	if none := against(filepath.Join(next, "page.yaml")); none.LostServed != 300 || none.NoneLeft != 300 || none.Support.Answers {
		t.Errorf("without any action: %+v", none)
	}
	deploy(t, next, "page.yaml", strings.Replace(fmt.Sprintf(pageLoop, "uniform"), "  - {id: b", "  - {id: c, features: {price: 1}}\n  - {id: b", 1))
	wider := against(filepath.Join(next, "page.yaml"))
	if wider.Widened != 300 || wider.Newly[0] != (preflight.ActionReport{Action: "c", Slots: 300}) || wider.Support.Answers || wider.Support.Unsupported < 0.333 {
		t.Errorf("with another action: %+v", wider)
	}

	out, _, status := cli(t, "check", "--against", data, filepath.Join(next, "page.yaml"))
	for _, want := range []string{"page.yaml, held against 300 decisions", "0 (0.00%) would have lost the action", "c would be permitted in 300 (100.00%)",
		"33.33% of the new probability is on what could not be logged", "the log can NOT answer", "nothing is known about what they earn"} {
		if status != exitDone || !strings.Contains(out, want) {
			t.Errorf("exit %d; %q is not in\n%s", status, want, out)
		}
	}
	deploy(t, next, "other.yaml", "version: 1\nname: other\nactions: from_request\n")
	if _, errs, status := cli(t, "check", "--against", data, filepath.Join(next, "other.yaml")); status != exitFailed || !strings.Contains(errs, "no decisions of other; it has loops page") {
		t.Errorf("a loop that the log does not have: exit %d, %s", status, errs)
	}
	t.Setenv("LOOPS_DIR", next)
	if out, errs, status := cli(t, "check", "--against", data); status != exitDone || !strings.Contains(out, "page.yaml, held against 300 decisions") || !strings.Contains(errs, "the log has no decisions of other") {
		t.Errorf("the directory that is served: exit %d, %s%s", status, out, errs)
	}
}

// casesFile writes a loop with its shared rules and a file of cases for it, and returns the second's path.
func casesFile(t *testing.T, cases string) string {
	t.Helper()
	dir := t.TempDir()
	guardedPage(t, dir, `  - {name: cheap, kind: eligibility, reason: too_dear, require: action.price < 2}
  - {name: mobile, kind: suitability, severity: warn, forbid: context.device == "phone"}
`)
	path := filepath.Join(t.TempDir(), "page.yaml")
	text := "version: 1\nloops: " + dir + "\nloop: page\nnow: 2027-01-01\ncases:\n" + cases
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// An absolute directory is taken from the folder of the file.
	rel, err := filepath.Rel(filepath.Dir(path), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, dir, rel, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckCases: what a case can expect, and what is said when it is not so.
func TestCheckCases(t *testing.T) {
	for name, c := range map[string]struct {
		cases  string
		status int
		says   string // "" for any
	}{
		"as expected": {"  - {name: x, context: {device: tv}, action: [a], expect: permitted, warned_by: []}\n" +
			"  - {name: y, action: [b], expect: denied, by: cheap, reason: too_dear}\n", exitDone, "2 cases, 0 not as expected; 100% of"},
		"a warning":            {"  - {name: x, context: {device: phone}, action: [a], expect: permitted, warned_by: [mobile]}\n", exitDone, "warned by mobile"},
		"not permitted":        {"  - {name: x, action: all, expect: permitted}\n", exitFailed, "b: expected to be permitted; cheap denies it"},
		"not denied":           {"  - {name: x, expect: denied}\n", exitFailed, "a: expected to be denied; it is permitted"},
		"another rule":         {"  - {name: x, action: [b], expect: denied, by: mobile}\n", exitFailed, "b: expected to be denied by mobile; it is by cheap"},
		"another reason":       {"  - {name: x, action: [b], expect: denied, reason: mobile}\n", exitFailed, "b: expected the reason mobile; it is too_dear"},
		"no warning":           {"  - {name: x, context: {device: tv}, action: [a], expect: permitted, warned_by: [mobile]}\n", exitFailed, "a: expected the warnings [mobile]; they are []"},
		"missing":              {"  - {name: x, action: [a], expect: permitted, warned_by: [mobile]}\n", exitDone, "warned by mobile"},
		"an action of its own": {"  - {name: x, actions: [{id: z, features: {price: 3}}], expect: denied, by: cheap}\n", exitDone, ""},
		"no such action":       {"  - {name: x, action: [aa], expect: permitted}\n", exitFailed, `page.yaml:6:24: cases[0].action[0]: there is no action "aa"`},
		"no such rule":         {"  - {name: x, expect: denied, by: cheep}\n", exitFailed, "page.yaml:6:35: cases[0].by: the loop has no rule cheep: did you mean cheap?"},
		"no such reason":       {"  - {name: x, expect: denied, reason: too_deer}\n", exitFailed, "the loop has no rule with the reason too_deer: did you mean too_dear?"},
		"no such feature":      {"  - {name: x, user: {age: 1}, expect: denied}\n", exitFailed, "page.yaml:6:22: cases[0].user.age is not declared under features.user"},
		"no such loop":         {"  - {name: x, loop: pag, expect: denied}\n", exitFailed, "loop pag is not right, or not there"},
		"of another type":      {"  - {name: x, context: {device: 1}, expect: denied}\n", exitFailed, "page.yaml:6:33: cases[0].context.device"},
		"no contact policy":    {"  - {name: x, suppressed: [email], expect: denied}\n", exitFailed, "cases[0].suppressed has no meaning: the loop has no contact policy"},
		"by what is expected":  {"  - {name: x, expect: permitted, by: cheap}\n", exitFailed, "has no meaning with expect permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			path := casesFile(t, c.cases)
			out, errs, status := cli(t, "check", "--test", path)
			if status != c.status || !strings.Contains(out, c.says) {
				t.Errorf("exit %d, want %d with %q:\n%s%s", status, c.status, c.says, out, errs)
			}
			asJSON, _, again := cli(t, "check", "--test", path, "--json", "--explain")
			var o preflight.Outcome
			if err := json.Unmarshal([]byte(asJSON), &o); strings.Contains(out, " cases, ") && (err != nil || o.OK != (c.status == exitDone)) || again != c.status {
				t.Errorf("as JSON: exit %d, %v, %s", again, err, asJSON)
			}
		})
	}
}

func TestCheckCoverage(t *testing.T) {
	path := casesFile(t, "  - {name: x, context: {device: tv}, action: [a], expect: permitted}\n  - {name: y, context: {device: phone}, action: [b], expect: denied}\n")
	out, _, status := cli(t, "check", "--test", path, "--min-coverage", "100")
	if status != exitDone || !strings.Contains(out, "100% of the rules' verdicts were seen") {
		t.Errorf("exit %d: %s", status, out)
	}
	path = casesFile(t, "  - {name: x, context: {device: tv}, action: [a], expect: permitted}\n")
	out, _, status = cli(t, "check", "--test", path, "--min-coverage", "51")
	if status != exitFailed || !strings.Contains(out, "shared.yaml:3: in no case rule cheap of loop page objects") || !strings.Contains(out, "51% are asked for") {
		t.Errorf("exit %d: %s", status, out)
	}
	if out, _, status = cli(t, "check", "--test", path, "--min-coverage", "50"); status != exitDone {
		t.Errorf("exit %d: %s", status, out)
	}
	out, _, _ = cli(t, "check", "--test", path, "--explain")
	for _, want := range []string{"x, a:", "action.price = 1", "context.device = ", "permits"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, args := range [][]string{{"--explain"}, {"--test", path, "a.yaml"}, {"--test", path, "--min-coverage", "101"}, {"--test", path, "--schema"},
		{"--test", path, "--against", "data"}, {"--schema", "--against", "data"}} {
		if status, stdout, stderr := runCheck(t, args...); status != exitUsage || stdout != "" || stderr == "" {
			t.Errorf("check %v: exit %d, printed %q and %q", args, status, stdout, stderr)
		}
	}
}

// Shared files are checked with the directory: each problem once, however many loops include the file.
func TestCheckShared(t *testing.T) {
	dir := t.TempDir()
	guardedPage(t, dir, "  - {name: a, kind: eligibility, require: user.age > 1}\n")
	deploy(t, dir, "home.yaml", "version: 1\nname: home\nactions: from_request\nguardrails: [{include: shared}]\nfeatures: {user: {age: {type: number}}}\n")
	deploy(t, filepath.Join(dir, "guardrails"), "unused.yaml", "version: 1\nguardrails: [{name: x}]\n")
	status, out, _ := runCheck(t, dir)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != exitFailed || len(lines) != 3 || !strings.Contains(lines[0], "shared.yaml:3:") || !strings.Contains(lines[0], "(in loop page)") ||
		!strings.Contains(lines[1], "unused.yaml:2:15: guardrails[0].kind is missing") {
		t.Errorf("exit %d:\n%s", status, out)
	}
	status, out, _ = runCheck(t, "--json", dir)
	var report checkReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != exitFailed || len(report.Files) != 2 || len(report.Shared) != 2 ||
		!report.Files[0].OK || report.Files[1].OK || !report.Shared[0].OK || report.Shared[1].OK {
		t.Errorf("exit %d, %v: %+v", status, err, report)
	}
}
