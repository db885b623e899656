package ope

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

const intervalsFolder = "testdata/intervals"

// intervalCase names the files of a case: a log, and what two libraries say of it; weighted is empty where one does not.
type intervalCase struct{ name, rows, expected, weighted string }

// intervalCases returns the cases here, and those of the whole reference when NEXTBEST_REFERENCE names its folder ope.
func intervalCases(t *testing.T) (cases []intervalCase) {
	t.Helper()
	for _, name := range []string{"s01_n1000_a5", "s02_n1000_a10_cont", "s04_n2000_a50_det"} {
		folder := filepath.Join(intervalsFolder, name)
		cases = append(cases, intervalCase{name, filepath.Join(folder, "rows.csv.gz"), filepath.Join(folder, "expected.json"),
			filepath.Join(folder, "vw.json")})
	}
	root := os.Getenv("NEXTBEST_REFERENCE")
	if root == "" {
		return cases
	}
	found, err := filepath.Glob(filepath.Join(root, "*", "*", "rows.csv.gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases in %s: %v", root, err)
	}
	for _, rows := range found {
		folder := filepath.Dir(rows)
		if kind := filepath.Base(filepath.Dir(folder)); kind != "synth" && kind != "obd" {
			continue
		}
		c := intervalCase{name: filepath.Base(folder), rows: rows, expected: filepath.Join(folder, "expected.json")}
		if weighted := filepath.Join(root, "vw_estimators", c.name+".json"); exists(weighted) {
			c.weighted = weighted
		}
		cases = append(cases, c)
	}
	return cases
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// referenceTerms returns the reference's terms of each row, which for self-normalised estimators hold the mean weight.
func referenceTerms(c map[string][]float64) map[string][]float64 {
	n := len(c["reward"])
	weights, mean := make([]float64, n), 0.0
	for i := range weights {
		weights[i] = c["pi_e"][i] / c["pscore"][i]
		mean += weights[i] / float64(n)
	}
	terms := map[string][]float64{}
	for i, w := range weights {
		r, q, dm := c["reward"][i], c["q_logged"][i], c["q_pi_e"][i]
		for name, x := range map[string]float64{
			"ipw": w * r, "snipw": w * r / mean, "dm": dm, "dr": dm + w*(r-q), "sndr": dm + w*(r-q)/mean,
		} {
			terms[name] = append(terms[name], x)
		}
	}
	return terms
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

type bootstrapExpected struct {
	Estimators map[string]struct {
		Bounds    map[string]float64                   `json:"lower_bound_delta0.05"`
		Bootstrap struct{ Mean, Lower, Upper float64 } `json:"bootstrap"`
		Most      float64                              `json:"round_rewards_max"`
	} `json:"estimators"`
}

// Reference: Open Bandit Pipeline 0.5.5, whose range is the sample's maximum.
func TestBootstrapAndBoundsOfReference(t *testing.T) {
	for _, c := range intervalCases(t) {
		terms := referenceTerms(readColumns(t, c.rows))
		var expected bootstrapExpected
		readJSON(t, &expected, c.expected)
		compared := 0
		for estimator, want := range expected.Estimators {
			if terms[estimator] == nil || want.Bounds == nil {
				continue
			}
			compared++
			what := c.name + " " + estimator
			mean, interval := NumpyBootstrap(terms[estimator], 1000, 12345, 0.05)
			near(t, what+" mean", mean, want.Bootstrap.Mean, 1e-9)
			near(t, what+" lower", interval.Lower, want.Bootstrap.Lower, 1e-9)
			near(t, what+" upper", interval.Upper, want.Bootstrap.Upper, 1e-9)
			var m Moments
			for _, x := range terms[estimator] {
				m.Add(Terms{Linear: x, Count: 1})
			}
			m.Flush()
			s := m.Summary()
			near(t, what+" Hoeffding", s.HoeffdingLower(want.Most, 0.05), want.Bounds["hoeffding"], 1e-9)
			near(t, what+" Bernstein", s.BernsteinLower(want.Most, 0.05), want.Bounds["bernstein"], 1e-9)
			near(t, what+" Student", s.StudentLower(0.05), want.Bounds["student_t"], 1e-9)
		}
		if compared != 5 {
			t.Errorf("%s: compared %d estimators", c.name, compared)
		}
	}
}
