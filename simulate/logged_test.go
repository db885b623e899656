package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// fixed is an exploration that always has the same probabilities.
type fixed []float64

func (f fixed) Probabilities(dst []float64, _ []model.Estimate, _ float64, _ uint64) { copy(dst, f) }
func (f fixed) String() string                                                       { return "fixed" }

func logged(t *testing.T, file string) *Logged {
	t.Helper()
	l, err := ReadLogged(strings.NewReader(file), DefaultLoggedColumns())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// skewedLog writes a log whose probabilities depend on a context bit that the rewards depend on too: action 0 pays 1
// with rate 0.2 and action 1 with 0.6 where the bit is 0, and the other way round where it is 1; action 1 is logged with
// probability 0.1 and 0.5. A policy that chooses 1 in 3/4 earns 0.25·(0.2+0.6)/2 + 0.75·(0.6+0.2)/2 = 0.4 in total, and
// one that reads the bit up to 0.6. Naively, action 1's rows pay (0.1·0.6+0.5·0.2)/0.6 = 0.267.
func skewedLog(rows int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("bit,action,reward,propensity\n")
	for range rows {
		bit, action := rng.IntN(2), 0
		one := []float64{0.1, 0.5}[bit]
		p := 1 - one
		if rng.Float64() < one {
			action, p = 1, one
		}
		rate := 0.2
		if action != bit {
			rate = 0.6
		}
		fmt.Fprintf(&b, "b%d,%d,%g,%g\n", bit, action, paid(rng.Float64(), rate), p)
	}
	return b.String()
}

// TestReplaysAreUnbiased: a policy that never changes has a known value, which both replays find within 5 standard
// errors of their own intervals: they fail by chance once in a million seeds.
func TestReplaysAreUnbiased(t *testing.T) {
	l := logged(t, skewedLog(20_000))
	for _, importance := range []bool{false, true} {
		p := Policy{Exploration: fixed{0.25, 0.75}, NewEstimator: model.DefaultEstimator}
		r, err := Replay(context.Background(), l, p, ReplayOptions{Rows: l.Rows(), Seed: 3, Importance: importance})
		if err != nil {
			t.Fatal(err)
		}
		se := (r.Logged.High - r.Logged.Low) / 2 / 1.96
		if math.Abs(r.AverageReward-0.4) > 5*se || se > 0.02 {
			t.Errorf("importance %v: %g ± %g, want 0.4", importance, r.AverageReward, se)
		}
		// The log says so of constant policies and the uniform one as well; 2,000 rows of weight up to 10 have an error of about 0.013.
		if math.Abs(r.Uniform-0.4) > 0.05 || math.Abs(r.BestConstant-0.4) > 0.065 {
			t.Errorf("uniform %g, best constant %g, want 0.4", r.Uniform, r.BestConstant)
		}
		if !importance && math.Abs(float64(r.Logged.Accepted)/20_000-0.1) > 0.011 { // 5 errors of 0.0021
			t.Errorf("%d rows accepted, want about a tenth", r.Logged.Accepted)
		}
		if importance && (r.Rounds != 20_000 || math.Abs(r.Logged.IPS-0.4) > 0.08 || r.Logged.MaxWeight != 7.5) {
			t.Errorf("%d rounds, IPS %g, largest weight %g", r.Rounds, r.Logged.IPS, r.Logged.MaxWeight)
		}
	}
}

// TestReplayLearns: who reads the bit earns 0.6. The bar is 6 standard errors above a policy that does not.
func TestReplayLearns(t *testing.T) {
	l := logged(t, skewedLog(20_000))
	for _, importance := range []bool{false, true} {
		r, err := Replay(context.Background(), l, standard(), ReplayOptions{Rows: l.Rows(), Seed: 3, Importance: importance})
		if err != nil {
			t.Fatal(err)
		}
		if r.AverageReward < 0.48 || r.Logged.High < 0.5 || r.Logged.Low > 0.6 {
			t.Errorf("importance %v: %g (%g to %g)", importance, r.AverageReward, r.Logged.Low, r.Logged.High)
		}
	}
}

// TestRejectedRowsNeverWere: a policy that chooses action 1 alone learns from no row of action 0.
func TestRejectedRowsNeverWere(t *testing.T) {
	l := logged(t, "x,action,reward,propensity\n1,0,0,0.5\n1,1,1,0.5\n1,0,0,0.5\n1,1,3,0.5\n")
	w := &watched{Estimator: model.DefaultEstimator()}
	p := Policy{Exploration: fixed{0, 1}, NewEstimator: func() model.Estimator { return w }}
	r, err := Replay(context.Background(), l, p, ReplayOptions{Rows: 4})
	if err != nil || r.AverageReward != 2 || r.Logged.Accepted != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]int{1, 3}, w.learned); diff != "" || w.now != 2 {
		t.Errorf("observed %d: %s", w.now, diff)
	}
	if _, err := Replay(context.Background(), l, p, ReplayOptions{Rows: 1}); !errors.Is(err, errNothing) {
		t.Errorf("nothing met: %v", err)
	}
	if _, err := Replay(context.Background(), l, p, ReplayOptions{Rows: 5}); err == nil {
		t.Error("5 rows of 4 were played")
	}
}

func TestLoggedColumns(t *testing.T) {
	l, err := ReadLogged(strings.NewReader("arm,visit,p,spend,city\n10,1,0.5,3,a\n9,0,0.5,0,\nnone,0,1,0,b\n"),
		LoggedColumns{Action: "arm", Reward: "visit", Propensity: "p", Drop: []string{"spend"}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range l.actions {
		ids = append(ids, a.ID)
	}
	if diff := cmp.Diff([]string{"9", "10", "none"}, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 0, 2}, l.served); diff != "" {
		t.Error(diff)
	}
	want := features.Set{{Name: "city", Value: features.TextValue("a")}}
	if diff := cmp.Diff(want, l.table.appendRow(nil, 0), cmp.Comparer(features.Value.Equal)); diff != "" {
		t.Error(diff)
	}
}

func TestBadLogsAreNamed(t *testing.T) {
	const header = "x,action,reward,propensity\n1,a,0,0.5\n"
	for _, c := range []struct{ file, want string }{
		{"", "line 1: the file is empty"},
		{"x,action,reward\n", `line 1: no column is named "propensity"`},
		{header + "1,b,0,0\n", "line 3, column 7 (propensity): the propensity 0 is not above 0 and at most 1"},
		{header + "1,b,0,1.01\n", "line 3, column 7 (propensity): the propensity 1.01 is not"},
		{header + "1,b,0,-0.5\n", "line 3, column 7 (propensity): the propensity -0.5 is not"},
		{header + "1,b,0,NaN\n", "line 3, column 7 (propensity): the propensity NaN is not"},
		{header + "1,b,0,\n", `line 3, column 7 (propensity): the propensity "" is not a number`},
		{header + "1,b,Inf,1\n", `line 3, column 5 (reward): the reward "Inf" is not a finite number`},
		{header + "1,b,much,1\n", `line 3, column 5 (reward): the reward "much" is not a finite number`},
		{header + "1,b,1e101,1\n", `line 3, column 5 (reward): the reward 1e101 is beyond ±1e+100`},
		{header + "1,,0,1\n", "line 3, column 3 (action): the action is missing"},
		{header, "the log served 1 different actions"},
		{header + "1,b\n", "line 3, column 1: wrong number of fields"},
	} {
		if _, err := ReadLogged(strings.NewReader(c.file), DefaultLoggedColumns()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.file, err, c.want)
		}
	}
	columns := DefaultLoggedColumns()
	columns.Drop = []string{"x", "spend"}
	if _, err := ReadLogged(strings.NewReader(header), columns); err == nil || !strings.Contains(err.Error(), `no column is named "spend"`) {
		t.Errorf("a dropped column that is not there: %v", err)
	}
}
