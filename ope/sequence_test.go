package ope

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"
)

// Reference: gostevehoward/confseq 0.0.11, with the rho that its best_rho gives for a one-sided bound.
func TestLogWealthOfReference(t *testing.T) {
	var calls []struct {
		Function  string `json:"fn"`
		Arguments struct {
			S        float64 `json:"s"`
			V        float64 `json:"v"`
			TightAt  float64 `json:"v_opt"`
			Scale    float64 `json:"c"`
			TightFor float64 `json:"alpha_opt"`
		} `json:"args"`
		Value float64 `json:"value"`
	}
	readJSON(t, &calls, filepath.Join(intervalsFolder, "gamma_exponential.json"))
	compared := 0
	for _, c := range calls {
		if c.Function != "gamma_exponential_log_mixture" || c.Arguments.Scale != 1 {
			continue
		}
		l := 2 * math.Log(1/(2*c.Arguments.TightFor))
		rho := c.Arguments.TightAt / (l + math.Log1p(l))
		near(t, "log wealth", logWealth(c.Arguments.S, c.Arguments.V, rho), c.Value, 1e-9*(1+math.Abs(c.Value)))
		compared++
	}
	if compared != 40 {
		t.Errorf("compared %d calls", compared)
	}
}

// Reference: WannabeSmith/drconfseq.
func TestDeltaSequenceOfReference(t *testing.T) {
	var expected struct {
		Results map[string]json.RawMessage `json:"results"`
	}
	readJSON(t, &expected, filepath.Join(intervalsFolder, "asympcs.json"))
	var variances []struct {
		At    float64 `json:"t_opt"`
		Alpha float64 `json:"alpha"`
		Value float64 `json:"value"`
	}
	if err := json.Unmarshal(expected.Results["best_rho2_exact"], &variances); err != nil || len(variances) == 0 {
		t.Fatal(err)
	}
	for _, v := range variances {
		near(t, "mixture variance", mixtureVariance(v.Alpha, v.At)/v.Value, 1, 1e-12)
	}
	values := readColumns(t, filepath.Join(intervalsFolder, "ipw_round_rewards_s05.csv.gz"))["x"]
	for _, at := range []float64{100, 1000} {
		for _, alpha := range []float64{0.05, 0.1} {
			compareSequence(t, values, at, alpha, expected.Results[fmt.Sprintf("asymptotic_confseq(t_opt=%g,alpha=%g)", at, alpha)])
		}
	}
}

func compareSequence(t *testing.T, values []float64, at, alpha float64, text json.RawMessage) {
	t.Helper()
	var want struct {
		N            []int `json:"t"`
		Lower, Upper []float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	var m Moments
	next := 0
	for i, x := range values {
		m.Add(Terms{Linear: x, Count: 1})
		if next < len(want.N) && want.N[next] == i+1 {
			m.Flush()
			got := DeltaSequence(&m, false, alpha, at)
			near(t, "lower", got.Lower, want.Lower[next], 1e-9)
			near(t, "upper", got.Upper, want.Upper[next], 1e-9)
			next++
		}
	}
	if next == 0 || next != len(want.N) {
		t.Errorf("compared %d of %d", next, len(want.N))
	}
}
