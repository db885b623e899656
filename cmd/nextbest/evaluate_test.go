package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/evaluate/report"
)

// synth is the reference's first synthetic log: 1000 rows, 5 actions (ope/testdata/README.md).
const synth = "../../ope/testdata/synth/s01_n1000_a5/rows.csv.gz"

func evaluateRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(context.Background(), append([]string{"evaluate"}, args...), &out, &err)
	return status, out.String(), err.String()
}

func evaluateDocument(t *testing.T, args ...string) (report.Document, int) {
	t.Helper()
	status, out, errs := evaluateRun(t, append(args, "--json")...)
	var d report.Document
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: status %d, stdout is not one JSON document: %v: %s%s", args, status, err, out, errs)
	}
	return d, status
}

// Values of the reference (Open Bandit Pipeline 0.5.5), to 1e-9.
func TestEvaluateTable(t *testing.T) {
	d, status := evaluateDocument(t, "--table", synth, "--estimators", "ips,snips,dm,dr,sndr,switch_dr(20)", "--interval", "bootstrap")
	want := map[string]float64{"ips": 0.554045038344885, "snips": 0.5922432442831478, "dm": 0.5135452461077,
		"dr": 0.5951363165142447, "sndr": 0.6007615496530936, "switch_dr(20)": 0.5951363165142447}
	if status != exitDone || len(d.Estimates) != len(want) || !d.Verdict.Answers || d.Diagnostics.N != 1000 {
		t.Errorf("status %d: %+v", status, d)
	}
	for _, e := range d.Estimates {
		if e.Value == nil || math.Abs(*e.Value/want[e.Name]-1) > 1e-9 {
			t.Errorf("%s is %v, want %v", e.Name, number(e.Value), want[e.Name])
		}
		if e.Lower == nil || !(*e.Lower < *e.Value && *e.Value < *e.Upper) || e.Interval != "ratio_bootstrap" {
			t.Errorf("%s: %v to %v by %s", e.Name, number(e.Lower), number(e.Upper), e.Interval)
		}
	}
}

func number(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

func tableFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What lacks a column is not computable, and a log that cannot answer is no failure.
func TestEvaluateWhatIsMissing(t *testing.T) {
	path := tableFile(t, "few.csv", "arm,paid,p,pi_e\na,1,0.5,1\nb,0,0.5,0\na,0,0.5,1\n")
	d, status := evaluateDocument(t, "--table", path, "--columns", "action=arm,reward=paid,pscore=p")
	if status != exitDone || d.Verdict.Answers || len(d.Verdict.Refusals) == 0 {
		t.Errorf("status %d, verdict %+v", status, d.Verdict)
	}
	for _, e := range d.Estimates {
		if computable := e.Name == "ips" || e.Name == "snips"; computable != (e.NotComputable == "") || computable == (e.Value == nil) {
			t.Errorf("%+v", e)
		}
	}
	d, status = evaluateDocument(t, "--table", tableFile(t, "none.csv", "action,reward,pi_e\na,1,1\nb,0,0\n"))
	if status != exitDone || d.Verdict.Answers || !strings.Contains(d.Verdict.Text, "pscore") {
		t.Errorf("status %d, verdict %+v", status, d.Verdict)
	}
}

func TestEvaluateGate(t *testing.T) {
	for _, c := range []struct {
		flags  string
		status int
		passed bool
	}{
		{"--gate", exitDone, true},
		{"--gate --min-gain 0.1", exitDone, true},
		{"--gate --min-gain 0.3", exitFailed, false},
	} {
		d, status := evaluateDocument(t, append(strings.Fields(c.flags), "--table", synth)...)
		if status != c.status || d.Gate == nil || d.Gate.Passed != c.passed || d.Gate.Reason == "" {
			t.Errorf("%s: status %d, %+v", c.flags, status, d.Gate)
		}
	}
	few := tableFile(t, "few.csv", "action,reward,pscore,pi_e\na,1,0.5,1\nb,0,0.5,0\na,1,0.5,1\n")
	if d, status := evaluateDocument(t, "--table", few, "--gate"); status != exitFailed || d.Gate.Passed {
		t.Errorf("a log that cannot answer passed: %+v", d.Gate)
	}
}

func TestEvaluateReport(t *testing.T) {
	page := filepath.Join(t.TempDir(), "r.html")
	if status, _, errs := evaluateRun(t, "--table", synth, "--report", page); status != exitDone {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "The log can answer.", "snips", "effective sample"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, link := range []string{"src=", "href=\"http"} {
		if bytes.Contains(text, []byte(link)) {
			t.Errorf("the page needs another file: %q", link)
		}
	}
}

func TestEvaluateFailures(t *testing.T) {
	for _, c := range []struct {
		flags  string
		status int
		want   string
	}{
		{"", exitUsage, "either --table FILE or --data DIR is needed"},
		{"--table x.csv --data y", exitUsage, "either --table FILE or --data DIR is needed"},
		{"--data y", exitUsage, "--loop says"},
		{"--data y --loop l", exitUsage, "--policy says"},
		{"--data y --loop l --policy nobody", exitUsage, "want online, uniform, baseline, action:ID or action:*, or a loop file"},
		{"--data y --loop l --policy uniform --policy online --policy uniform", exitUsage, "--policy uniform is there twice"},
		{"--data y --loop l --policy uniform --since 2026-10-02 --until 2026-10-01T23:00:00Z", exitUsage,
			"--until 2026-10-01T23:00:00Z is not after --since 2026-10-02"},
		{"--data y --loop l --policy uniform --since 2026-10-02 --until 2026-10-02", exitUsage, "is not after"},
		{"--data nowhere --loop l --policy uniform --since 2026-10-02 --until 2026-10-03", exitFailed, "nowhere"},
		{"--data nowhere --loop l --policy uniform", exitFailed, "nowhere"},
		{"--data nowhere --loop l --policy nowhere.yaml", exitFailed, "nowhere.yaml"},
		{"--table x.csv --loop l", exitUsage, "--loop is for --data"},
		{"--table x.csv --policy best", exitUsage, "uniform or action:ID"},
		{"--table x.csv --estimators ips,best", exitUsage, `unknown estimator "best"`},
		{"--table x.csv --alpha 2", exitUsage, "alpha is 2"},
		{"--table x.csv --interval wide", exitUsage, `unknown interval "wide"`},
		{"--table x.csv --reward-min 1", exitUsage, "--reward-min and --reward-max go together"},
		{"--reward-min 0 --reward-max 1 --table " + tableFile(t, "range.csv", "action,reward,pscore,pi_e\na,1,0.5,1\na,2,0.5,1\n"),
			exitFailed, "range.csv:3: column reward: 2 is not between 0 and 1, as --reward-min and --reward-max say"},
		{"--table x.csv --report r.png", exitUsage, ".html"},
		{"--table x.csv", exitFailed, "x.csv"},
		{"--table " + tableFile(t, "zero.csv", "action,reward,pscore,pi_e\na,1,0.5,1\nb,0,0,0\n"), exitFailed, "zero.csv:3: column pscore"},
		{"--table " + tableFile(t, "nan.csv", "action,reward,pscore,pi_e\na,NaN,0.5,1\n"), exitFailed, "nan.csv:2: column reward"},
		{"--table " + tableFile(t, "short.csv", "action,reward,pscore,pi_e\na,1,0.5\n"), exitFailed, "short.csv:2"},
		{"--columns reward=paid --table " + tableFile(t, "names.csv", "action,reward,pscore\na,1,0.5\n"), exitFailed, "paid"},
	} {
		if status, _, errs := evaluateRun(t, strings.Fields(c.flags)...); status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", c.flags, status, c.status, c.want, errs)
		}
	}
}

// Rows that were all read end the count, whatever was told last; after a failure it stays where it was.
func TestEvaluateProgressEndsAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		all  bool
		last string
	}{{true, "evaluate: 1000 of 1000\n"}, {false, "evaluate: 400 of 1000\n"}} {
		var out bytes.Buffer
		p := newEvaluateProgress(&out)
		p.at(0, 50)
		p.at(20, 50)
		p.done(c.all)
		if !strings.HasSuffix(out.String(), c.last) {
			t.Errorf("%q, want %q at its end", out.String(), c.last)
		}
	}
}
