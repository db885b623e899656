package ope

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// parityTolerance is relative: the reference sums in another order, in float64 as well.
const parityTolerance = 1e-9

// parityFolders returns the folders of the cases of a kind: those here, and those of the whole reference when
// NEXTBEST_REFERENCE names its folder ope.
func parityFolders(t *testing.T, kind string) (folders []string) {
	t.Helper()
	roots := []string{filepath.Join("testdata", "slates")}
	if full := os.Getenv("NEXTBEST_REFERENCE"); full != "" {
		roots = append(roots, full)
	}
	for _, root := range roots {
		found, err := filepath.Glob(filepath.Join(root, kind, "*"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no cases of %s in %s: %v", kind, root, err)
		}
		folders = append(folders, found...)
	}
	return folders
}

// parityRows calls row with a function that returns a column's number, for each row of the case.
func parityRows(t *testing.T, folder string, row func(column func(string) float64)) {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, "rows.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	table := csv.NewReader(unzipped)
	header, err := table.Read()
	if err != nil {
		t.Fatal(err)
	}
	index := make(map[string]int, len(header))
	for i, name := range header {
		index[name] = i
	}
	for {
		fields, err := table.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		row(func(name string) float64 {
			i, ok := index[name]
			if !ok {
				t.Fatalf("no column %s in %s", name, folder)
			}
			x, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		})
	}
}

// expectedEstimate is what the reference says of an estimator.
type expectedEstimate struct {
	Value       float64   `json:"value"`
	FirstRounds []float64 `json:"round_rewards_first5"`
}

func expectedEstimates(t *testing.T, folder string) map[string]expectedEstimate {
	t.Helper()
	var expected struct {
		Estimators map[string]expectedEstimate `json:"estimators"`
	}
	readJSON(t, &expected, filepath.Join(folder, "expected.json"))
	return expected.Estimators
}

func checkParity(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= parityTolerance*math.Abs(want)) {
		t.Errorf("%s is %.17g, want %.17g", what, got, want)
	}
}

// valueOver returns what an estimator says of samples.
func valueOver(e Estimator, samples []Sample) float64 {
	m := momentsOver(e, samples)
	return m.Value(e.SelfNormalised())
}

func momentsOver(e Estimator, samples []Sample) *Moments {
	m := new(Moments)
	for i := range samples {
		terms := e.Terms(&samples[i])
		terms.Count = 1
		m.Add(terms)
	}
	m.Flush()
	return m
}

func TestMultiLoggerEstimatorsAreThoseOfTheReference(t *testing.T) {
	for _, folder := range parityFolders(t, "multilogger") {
		var samples []Sample
		parityRows(t, folder, func(column func(string) float64) {
			s := Sample{
				Action: int(column("action")), Reward: column("reward"), Propensity: column("pscore"),
				MeanPropensity: column("pscore_avg"), Stratum: int(column("stratum")), Target: column("pi_e"),
				QLogged: column("q_logged"), QTarget: column("q_pi_e"),
			}
			if err := s.Check(HasPropensity | HasMeanPropensity | HasTarget | HasModel); err != nil {
				t.Fatal(err)
			}
			samples = append(samples, s)
		})
		expected := expectedEstimates(t, folder)
		for name, e := range map[string]Estimator{
			"multi_ipw": MultiIPS{}, "multi_bal_ipw": BalancedIPS{}, "multi_dr": MultiDR{},
			"multi_bal_dr": BalancedDR{},
		} {
			checkParity(t, name, valueOver(e, samples), expected[name].Value)
			for i, want := range expected[name].FirstRounds {
				if got := e.Terms(&samples[i]).Linear; math.Abs(got-want) > parityTolerance {
					t.Errorf("%s of row %d is %v, want %v", name, i, got, want)
				}
			}
		}
		for name, e := range map[string]*MultiWeighted{
			"multi_weighted_ipw": {}, "multi_weighted_dr": {DR: true},
		} {
			for i := range samples {
				e.Add(&samples[i], 1)
			}
			checkParity(t, name, e.Value(), expected[name].Value)
			checkParity(t, name+" with its weights fixed", valueOver(e.Fixed(), samples), expected[name].Value)
			for i, want := range expected[name].FirstRounds {
				terms := e.Fixed().Terms(&samples[i])
				if got := terms.Linear + terms.Ratio; math.Abs(got-want) > parityTolerance {
					t.Errorf("%s of row %d is %v, want %v", name, i, got, want)
				}
			}
		}
	}
}

func TestMIPSIsThatOfTheReference(t *testing.T) {
	for _, folder := range parityFolders(t, "mips") {
		var samples []Sample
		parityRows(t, folder, func(column func(string) float64) {
			s := Sample{
				Reward: column("reward"), MarginalPropensity: column("p_e_pi_b"), MarginalTarget: column("p_e_pi_e"),
			}
			if err := s.Check(HasMarginals); err != nil {
				t.Fatal(err)
			}
			samples = append(samples, s)
		})
		expected := expectedEstimates(t, folder)
		checkParity(t, "mips", valueOver(MIPS{}, samples), expected["mipw"].Value)
		checkParity(t, "snmips", valueOver(SNMIPS{}, samples), expected["snmipw"].Value)
	}
}

func slateRow(column func(string) float64) SlateRow {
	return SlateRow{
		Sample: Sample{
			Position: int(column("position")), Reward: column("reward"), Propensity: column("pscore"),
			Target: column("eval_pscore"), QLogged: column("q_logged"), QTarget: column("q_pi_e"),
		},
		Slate:             uint64(column("slate_id")),
		ItemPropensity:    column("pscore_item_position"),
		ItemTarget:        column("eval_pscore_item_position"),
		CascadePropensity: column("pscore_cascade"),
		CascadeTarget:     column("eval_pscore_cascade"),
	}
}

// paritySlates returns the slates of a case.
func paritySlates(t *testing.T, folder string) (all [][]SlateRow) {
	t.Helper()
	s := NewSlates(HasSlateProbabilities | HasItemProbabilities | HasCascadeProbabilities | HasSlateModel)
	keep := func(slate []SlateRow) {
		if len(slate) > 0 {
			all = append(all, append([]SlateRow(nil), slate...))
		}
	}
	parityRows(t, folder, func(column func(string) float64) {
		row := slateRow(column)
		slate, err := s.Add(&row)
		if err != nil {
			t.Fatal(err)
		}
		keep(slate)
	})
	keep(s.Last())
	return all
}

func slateMoments(e SlateEstimator, slates [][]SlateRow) *Moments {
	m := new(Moments)
	for _, slate := range slates {
		terms := e.Terms(slate)
		terms.Count = 1
		m.Add(terms)
	}
	m.Flush()
	return m
}

func slotMoments(e SlotEstimator, slates [][]SlateRow) *SlotMoments {
	m := new(SlotMoments)
	for _, slate := range slates {
		m.Add(e.AppendTerms(nil, slate), 1)
	}
	return m
}

func TestSlateEstimatorsAreThoseOfTheReference(t *testing.T) {
	for _, folder := range parityFolders(t, "slate") {
		slates := paritySlates(t, folder)
		expected := expectedEstimates(t, folder)
		for name, e := range map[string]SlateEstimator{
			"sips": SIPS{}, "iips": IIPS{}, "rips": RIPS{}, "snsips": SNSIPS{}, "cascade-dr": CascadeDR{},
		} {
			checkParity(t, name, slateMoments(e, slates).Value(e.SelfNormalised()), expected[name].Value)
		}
		for name, e := range map[string]SlotEstimator{"sniips": SNIIPS{}, "snrips": SNRIPS{}} {
			checkParity(t, name, slotMoments(e, slates).Value(), expected[name].Value)
		}
		var vw struct {
			PseudoInverse struct {
				Value    float64    `json:"value"`
				Gaussian [2]float64 `json:"gaussian_95"`
			} `json:"pseudo_inverse"`
		}
		readJSON(t, &vw, filepath.Join(folder, "..", "..", "vw_estimators", filepath.Base(folder)+".json"))
		m := slateMoments(PseudoInverse{}, slates)
		checkParity(t, "pseudo-inverse", m.Value(false), vw.PseudoInverse.Value)
		const z95 = 1.959963984540054
		half := z95 * math.Sqrt(m.Variance(false))
		checkParity(t, "pseudo-inverse, lower", m.Value(false)-half, vw.PseudoInverse.Gaussian[0])
		checkParity(t, "pseudo-inverse, upper", m.Value(false)+half, vw.PseudoInverse.Gaussian[1])
	}
}
