package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// slateCases are the reference's slates, 1000 of three slots each (ope/testdata/slates/README.md).
const slateCases = "../../ope/testdata/slates"

func slateTable(t *testing.T) string {
	t.Helper()
	return filepath.Join(slateCases, "slate", "slate01_cascade_n1000_a6_l3", "rows.csv.gz")
}

// slateReference returns the values that Open Bandit Pipeline and VowpalWabbit/estimators give for a case.
func slateReference(t *testing.T, name string) map[string]float64 {
	t.Helper()
	var obp struct {
		Estimators map[string]struct {
			Value float64 `json:"value"`
		} `json:"estimators"`
	}
	var vw struct {
		PseudoInverse struct {
			Value float64 `json:"value"`
		} `json:"pseudo_inverse"`
	}
	for path, into := range map[string]any{
		filepath.Join(slateCases, "slate", name, "expected.json"): &obp,
		filepath.Join(slateCases, "vw_estimators", name+".json"):  &vw,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	values := map[string]float64{"pseudo_inverse": vw.PseudoInverse.Value}
	for theirs, e := range obp.Estimators {
		values[strings.ReplaceAll(theirs, "-", "_")] = e.Value
	}
	return values
}

// Values of the references, to 1e-9; intervals by each method are about the value.
func TestEvaluateSlates(t *testing.T) {
	const names = "sips,snsips,iips,rips,sniips,snrips,cascade_dr,pseudo_inverse"
	for _, c := range []string{"slate01_cascade_n1000_a6_l3", "slate02_independent_n1000_a5_l3"} {
		path := filepath.Join(slateCases, "slate", c, "rows.csv.gz")
		want := slateReference(t, c)
		for _, interval := range []string{"", "delta", "bootstrap"} {
			d, status := evaluateDocument(t, "--table", path, "--estimators", names, "--interval", interval)
			if status != exitDone || len(d.Estimates) != 8 || !d.Verdict.Answers || d.Diagnostics.N != 1000 ||
				d.Source.Rows != 3000 || d.Source.Slates != 1000 || d.Gain == nil || d.Gain.Name != "sips" {
				t.Errorf("%s: status %d: %+v", c, status, d)
			}
			for _, e := range d.Estimates {
				if w, ok := want[e.Name]; !ok || e.Value == nil || math.Abs(*e.Value/w-1) > 1e-9 {
					t.Errorf("%s: %s is %v, want %v", c, e.Name, number(e.Value), w)
				}
				if e.Lower == nil || !(*e.Lower < *e.Value && *e.Value < *e.Upper && *e.Upper-*e.Lower < 0.5) {
					t.Errorf("%s: %s from %v to %v by %s", c, e.Name, number(e.Lower), number(e.Upper), e.Interval)
				}
				if interval == "bootstrap" && e.Interval != "ratio_bootstrap" || interval == "delta" && e.Interval != "delta" {
					t.Errorf("%s: the interval of %s is by %s", c, e.Name, e.Interval)
				}
			}
		}
	}
}

// What lacks columns is not computable; without probabilities of whole slates nothing tells how far the log carries.
func TestEvaluateSlatesWithoutColumns(t *testing.T) {
	path := tableFile(t, "items.csv", "page,slot,action,paid,pscore_item_position,eval_pscore_item_position\n"+
		"x,0,a,1,0.5,1\nx,1,b,0,0.5,0.5\ny,0,b,0,0.5,0\ny,1,c,1,0.25,0.5\n")
	d, status := evaluateDocument(t, "--table", path, "--columns", "slate_id=page,position=slot,reward=paid",
		"--estimators", "iips,rips,cascade_dr,pseudo_inverse,snrips")
	if status != exitDone || d.Verdict.Answers || !strings.Contains(d.Verdict.Text, "probabilities of whole slates are missing") {
		t.Errorf("status %d, verdict %+v", status, d.Verdict)
	}
	if e := d.Estimates[0]; e.Value == nil || *e.Value != 2 { // (2·1 + 0 + 0 + 2·1) / 2.
		t.Errorf("iips is %+v, want 2", e)
	}
	if e := d.Estimates[2]; e.Value != nil ||
		e.NotComputable != "needs pscore_cascade, eval_pscore_cascade, q_logged, q_pi_e" {
		t.Errorf("cascade_dr is %+v", e)
	}
}

func TestEvaluateSlatesForReaders(t *testing.T) {
	page := filepath.Join(t.TempDir(), "r.html")
	status, text, errs := evaluateRun(t, "--table", slateTable(t), "--estimators", "rips,snrips", "--report", page, "--gate")
	if status != exitFailed || !strings.Contains(text, "gain over logged (rips)") || !strings.Contains(text, "Gate failed") {
		t.Errorf("status %d: %s%s", status, text, errs)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "The log can answer.", "snrips", "1000 decisions were evaluated"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
}

func TestEvaluateSlatesFailures(t *testing.T) {
	const header = "slate_id,position,reward,pscore,eval_pscore\n"
	for _, c := range []struct {
		flags  string
		status int
		want   string
	}{
		{"--table x.csv --estimators ips,sips", exitUsage, "estimators ips and sips cannot go together"},
		{"--table x.csv --estimators snrips,rips,dr", exitUsage, "estimators snrips and dr cannot go together"},
		{"--data y --loop l --policy uniform --estimators rips", exitUsage, "rips is for a --table of slates"},
		{"--table x.csv --estimators rips --policy uniform", exitUsage, "--policy is not for slates"},
		{"--table x.csv --estimators rips --per-slot", exitUsage, "--per-slot is not for slates"},
		{"--table x.csv --estimators rips(2)", exitUsage, "rips takes no parameter"},
		{"--table x.csv --estimators rips", exitFailed, "x.csv"},
		{"--estimators sips --table " + tableFile(t, "order.csv", header+"a,1,1,0.5,1\na,0,0,0.5,1\n"), exitFailed,
			"order.csv:2: column position: slot 1 of the slate does not fit: want position 0"},
		{"--estimators sips --table " + tableFile(t, "back.csv", header+"a,0,1,0.5,1\nb,0,0,0.5,1\na,0,0,0.5,1\n"), exitFailed,
			"back.csv:4: column slate_id: the slate comes back"},
		{"--estimators sips --table " + tableFile(t, "differ.csv", header+"a,0,1,0.5,1\na,1,0,0.4,1\n"), exitFailed,
			"differ.csv:3: column pscore"},
		{"--estimators sips --table " + tableFile(t, "zero.csv", header+"a,0,1,0,1\n"), exitFailed, "zero.csv:2: column pscore"},
		{"--estimators sips --table " + tableFile(t, "none.csv", "position,reward\n0,1\n"), exitFailed, "there is no column slate_id"},
	} {
		if status, _, errs := evaluateRun(t, strings.Fields(c.flags)...); status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", c.flags, status, c.status, c.want, errs)
		}
	}
}
