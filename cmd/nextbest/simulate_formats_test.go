package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	campaign  = "demodata/hillstrom.csv.gz"
	headlines = "../../simulate/testdata/upworthy.csv"
	active    = "../../simulate/testdata/active-hours.csv.gz"
	visits    = " --format logged --columns action=arm,reward=visit --drop conversion,spend --rounds 3000"
)

// simulatedJSON runs a simulation and returns its document.
func simulatedJSON(t *testing.T, flags string) map[string]any {
	t.Helper()
	status, out, errs := simulateRun(t, append(strings.Fields(flags), "--json")...)
	if status != exitDone {
		t.Fatalf("%s: status %d: %s", flags, status, errs)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%s: stdout is not one JSON document: %v: %s", flags, err, out)
	}
	return got
}

// at returns the value at a path of keys, nil when there is none.
func at(document any, path string) any {
	for _, key := range strings.Split(path, ".") {
		m, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = m[key]
	}
	return document
}

// TestSimulateFormats runs every format and scenario, and looks at what is particular to it.
func TestSimulateFormats(t *testing.T) {
	for _, c := range []struct {
		flags string
		want  []string // paths that are there
		not   []string // and those that are not
	}{
		{"--data " + satimage, []string{"halves", "tenths", "last_tenth", "expected.share_of_possible_gain", "speed.learn_cpu_microseconds", "seeds"},
			[]string{"logged", "tests", "policies", "standard_error"}},
		{"--data " + satimage + " --flip --new-actions --delay 5 --batch 10", []string{"expected.oracle_reward"}, nil},
		{"--data " + satimage + " --seeds 3 --compare uniform", []string{"standard_error", "policies"}, nil},
		{"--format synthetic --rounds 300 --world arriving --actions 4 --features 2", []string{"expected.reward"}, nil},
		{"--data " + campaign + visits, []string{"logged.low", "logged.high", "logged.accepted"}, []string{"expected", "logged.ips"}},
		{"--data " + campaign + visits + " --replay importance", []string{"logged.ips", "logged.effective_rows", "logged.max_weight"}, []string{"logged.accepted"}},
		{"--data " + headlines + " --format abn --visitors 400 --text headline", []string{"tests.share_second_half", "expected.share_of_possible_gain"}, []string{"logged", "users"}},
		{"--data " + active + " --format sendtime --seeds 2 --compare uniform", []string{"users.cold_start", "users.best_constant_reward", "users.curve", "tenths"}, []string{"logged", "tests"}},
	} {
		got := simulatedJSON(t, c.flags)
		for _, path := range append(c.want, "rounds", "actions", "average_reward", "cpu_seconds", "policy", "seed", "uniform_reward", "best_constant_reward") {
			if at(got, path) == nil {
				t.Errorf("%s: no %s", c.flags, path)
			}
		}
		for _, path := range c.not {
			if at(got, path) != nil {
				t.Errorf("%s: %s is %v", c.flags, path, at(got, path))
			}
		}
		if seconds, _ := at(got, "cpu_seconds").(float64); seconds <= 0 {
			t.Errorf("%s: %v seconds", c.flags, seconds)
		}
	}
}

// TestSimulateSeedsAreRuns: the report of several seeds is the mean of those of each alone.
func TestSimulateSeedsAreRuns(t *testing.T) {
	together, sum := simulatedJSON(t, "--data "+satimage+" --seed 4 --seeds 2"), 0.0
	for i, seed := range []string{"4", "5"} {
		alone, _ := simulatedJSON(t, "--data "+satimage+" --seed "+seed)["average_reward"].(float64)
		one, _ := together["seeds"].([]any)[i].(map[string]any)
		if one["average_reward"] != alone {
			t.Errorf("seed %s: %v of several, %v alone", seed, one["average_reward"], alone)
		}
		sum += alone
	}
	if got, _ := together["average_reward"].(float64); got < sum/2-1e-12 || got > sum/2+1e-12 {
		t.Errorf("mean %v, want %v", got, sum/2)
	}
}

func TestSimulateDrawsPictures(t *testing.T) {
	for _, name := range []string{"curves.svg", "curves.html"} {
		path := filepath.Join(t.TempDir(), name)
		status, _, errs := simulateRun(t, "--data", satimage, "--seeds", "2", "--compare", "uniform", "--report", path)
		if status != exitDone {
			t.Fatalf("%s: %s", name, errs)
		}
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), "<svg") || !strings.Contains(string(b), "best single action") {
			t.Errorf("%s: %v, %d bytes", name, err, len(b))
		}
		if table := strings.Contains(string(b), "<td>last tenth</td>"); table != (name == "curves.html") {
			t.Errorf("%s: table %v", name, table)
		}
	}
}

func TestSimulateFlagsBelongToFormats(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"--format synthetic --data x", "--data is not for --format synthetic"},
		{"--data x --world drift", "--world is not for --format multiclass"},
		{"--data x --format logged --flip", "--flip is not for --format logged"},
		{"--data x --format abn --rounds 3", "--rounds is not for --format abn"},
		{"--format synthetic --world flat", `no world is called "flat"`},
		{"--format synthetic --actions 1", "at least 2"},
		{"--data x --format sendtime --loop y", "--loop is not for --format sendtime"},
		{"--data x --format sendtime --batch 5", "--batch is not for --format sendtime"},
		{"--data x --seeds 0", "--seeds 0 is not between"},
		{"--data x --delay -1", "--delay -1 is not between"},
		{"--data x --batch -1", "--batch -1 is negative"},
		{"--data x --report curves.png", "neither .svg nor .html"},
		{"--format synthetic --rounds 9223372036854775807", "more than a hundred million"},
		{"--format synthetic --features 9223372036854775807", "--features 9223372036854775807 is more than"},
		{"--data x --format abn --visitors 9223372036854775807", "more than a hundred million"},
		{"--data x --compare best", `--policy "best" is not known`},
		{"--data x --format logged --replay both", "neither rejection nor importance"},
		{"--data x --format logged --columns outcome=y", "--columns names action, reward and propensity"},
		{"--data x --format abn --text body", `--text "body" is not known`},
	} {
		if status, _, errs := simulateRun(t, strings.Fields(c.flags)...); status != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", c.flags, status, exitUsage, c.want, errs)
		}
	}
}

// TestSimulatePage runs what docs/simulate.md says to run, as it stands there.
func TestSimulatePage(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs every example")
	}
	t.Chdir(filepath.Join("..", ".."))
	page, err := os.ReadFile(filepath.Join("docs", "simulate.md"))
	if err != nil {
		t.Fatal(err)
	}
	place := strings.NewReplacer("curves.html", filepath.Join(t.TempDir(), "curves.html"), "\\\n", " ")
	runs := 0
	for _, block := range codeBlock.FindAllStringSubmatch(string(page), -1) {
		if block[1] != "sh" {
			continue
		}
		for _, call := range strings.Split(strings.TrimSpace(place.Replace(block[2])), "\n") {
			args, ok := strings.CutPrefix(call, "nextbest simulate ")
			if !ok {
				t.Errorf("not a simulation: %s", call)
				continue
			}
			if status, _, errs := simulateRun(t, strings.Fields(args)...); status != exitDone {
				t.Errorf("%s: %s", call, errs)
			}
			runs++
		}
	}
	if runs < 6 {
		t.Errorf("%d examples were run", runs)
	}
}

// TestSimulatePageNamesEveryFlag keeps the page and --help together.
func TestSimulatePageNamesEveryFlag(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "simulate.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, help, _ := simulateRun(t, "--help")
	for _, flag := range regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
		if !strings.Contains(string(page), "`--"+flag[1]) {
			t.Errorf("docs/simulate.md does not say what --%s is", flag[1])
		}
	}
	for _, world := range regexp.MustCompile(`(?m)^  ([a-z]+-?[a-z]*) {2,}(linear|rewards|what)`).FindAllStringSubmatch(help, -1) {
		if !strings.Contains(string(page), "`"+world[1]+"`") {
			t.Errorf("docs/simulate.md does not say what the world %s is", world[1])
		}
	}
}
