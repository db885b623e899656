package ope

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

const referenceFolder = "testdata/intervals"

var referenceCases = []string{"s01_n1000_a5", "s02_n1000_a10_cont", "s04_n2000_a50_det"}

// readJSON reads a file of the reference.
func readJSON(t *testing.T, into any, path ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{referenceFolder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// readColumns reads a table of numbers by column.
func readColumns(t *testing.T, path ...string) map[string][]float64 {
	t.Helper()
	file, err := os.Open(filepath.Join(append([]string{referenceFolder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string][]float64{}
	for _, row := range rows[1:] {
		for i, text := range row {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			columns[rows[0][i]] = append(columns[rows[0][i]], x)
		}
	}
	return columns
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
	for _, name := range referenceCases {
		terms := referenceTerms(readColumns(t, name, "rows.csv.gz"))
		var expected bootstrapExpected
		readJSON(t, &expected, name, "expected.json")
		if len(expected.Estimators) != 5 {
			t.Fatalf("%s: %d estimators", name, len(expected.Estimators))
		}
		for estimator, want := range expected.Estimators {
			what := name + " " + estimator
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
	}
}
