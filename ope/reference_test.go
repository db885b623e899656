package ope

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// referenceCase is a log, and what the Open Bandit Pipeline says of it.
type referenceCase struct {
	samples    []Sample
	estimators map[string]referenceEstimate
	// otherPropensity is a second set of propensities, with their estimates; empty where there is none.
	otherPropensity []float64
	otherEstimators map[string]referenceEstimate
}

type referenceEstimate struct {
	Value     float64
	MSEScores map[string]float64 `json:"mse_scores"`
}

// referenceFolders are the cases that are checked in, or all, in the folder that NEXTBEST_REFERENCE names.
func referenceFolders(t *testing.T) (folders []string) {
	root := "testdata"
	if named := os.Getenv("NEXTBEST_REFERENCE"); named != "" {
		root = named
	}
	for _, kind := range []string{"synth", "obd"} {
		found, err := filepath.Glob(filepath.Join(root, kind, "*"))
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, found...)
	}
	if len(folders) < 4 {
		t.Fatalf("%d cases in %s, want 4 or more", len(folders), root)
	}
	return folders
}

func readReferenceCase(t *testing.T, folder string) (c referenceCase) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Estimators      map[string]referenceEstimate
		WithTruePscores struct {
			Estimators map[string]referenceEstimate
		} `json:"with_true_pscore"`
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	c.estimators, c.otherEstimators = expected.Estimators, expected.WithTruePscores.Estimators
	for _, row := range readReferenceRows(t, filepath.Join(folder, "rows.csv.gz")) {
		c.samples = append(c.samples, Sample{Reward: row["reward"], Propensity: row["pscore"], Target: row["pi_e"],
			QLogged: row["q_logged"], QTarget: row["q_pi_e"]})
		if p, ok := row["true_pscore"]; ok {
			c.otherPropensity = append(c.otherPropensity, p)
		}
	}
	return c
}

func readReferenceRows(t *testing.T, file string) (rows []map[string]float64) {
	t.Helper()
	columns := readColumns(t, file)
	for i := range columns["reward"] {
		row := map[string]float64{}
		for name, values := range columns {
			row[name] = values[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// ourName translates a name of the pipeline: "dr-os(lambda=10)", "ipw+mse(bias_point)".
func ourName(theirs string) string {
	base, rest := theirs, ""
	if i := strings.IndexAny(theirs, "+("); i >= 0 {
		base, rest = theirs[:i], theirs[i:]
	}
	switch base {
	case "dr-os":
		base = "dros"
	case "rm":
		base = "replay"
	}
	base = strings.ReplaceAll(strings.ReplaceAll(base, "ipw", "ips"), "-", "_")
	switch {
	case rest == "+mse(bias_upper_bound)":
		return base + "+mse"
	case rest == "+mse(bias_point)":
		return base + "+mse_point"
	case strings.HasPrefix(rest, "(") && (base == "ips" || base == "dr"):
		base += "_clipped"
	}
	return base + strings.Replace(rest, "lambda=", "", 1)
}

func estimateOf(e Estimator, samples []Sample) float64 {
	var m Moments
	for i := range samples {
		m.Add(e.Terms(&samples[i]).times(1))
	}
	m.Flush()
	return m.Value(e.SelfNormalised())
}

func tunedOn(tuning Tuning, samples []Sample) *Tuned {
	tuned := NewTuned(tuning)
	for i := range samples {
		tuned.Add(&samples[i], 1)
	}
	return tuned
}

// TestEstimatesAreThoseOfTheOpenBanditPipeline compares every value, and the scores that λ is chosen by, to 1e-9 of
// themselves.
func TestEstimatesAreThoseOfTheOpenBanditPipeline(t *testing.T) {
	for _, folder := range referenceFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			c := readReferenceCase(t, folder)
			if len(c.estimators) < 20 {
				t.Errorf("%d estimators, want 20 or more", len(c.estimators))
			}
			checkReference(t, c.samples, c.estimators)
			for i, p := range c.otherPropensity {
				c.samples[i].Propensity = p
			}
			checkReference(t, c.samples, c.otherEstimators)
		})
	}
}

func checkReference(t *testing.T, samples []Sample, want map[string]referenceEstimate) {
	for theirs, w := range want {
		specs, err := ParseEstimators([]string{ourName(theirs)}, math.NaN())
		if err != nil {
			t.Error(err)
			continue
		}
		if specs[0].Estimator != nil {
			nearTo(t, theirs, estimateOf(specs[0].Estimator, samples), w.Value)
			continue
		}
		tuned := tunedOn(*specs[0].Tuning, samples)
		nearTo(t, theirs, tuned.Candidates[tuned.Choose()].Moments.Value(false), w.Value)
		for text, score := range w.MSEScores {
			nearTo(t, theirs+" at "+text, scoreAt(t, tuned, text), score)
		}
	}
}

func scoreAt(t *testing.T, tuned *Tuned, text string) float64 {
	lambda, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	for i, score := range tuned.scores() {
		if tuned.Candidates[i].Lambda == lambda {
			return score
		}
	}
	t.Errorf("λ = %v is not in the grid", lambda)
	return math.NaN()
}

func nearTo(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
