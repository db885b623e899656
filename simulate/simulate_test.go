package simulate

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

func read(t *testing.T, name string) *Multiclass {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := Decompress(f, name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadMulticlass(rows)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func standard() Policy {
	return Policy{Exploration: model.DefaultExploration(), NewEstimator: model.DefaultEstimator}
}

func simulated(t *testing.T, data *Multiclass, p Policy, o Options) *Result {
	t.Helper()
	if o.Rounds == 0 {
		o.Rounds = len(data.Labels)
	}
	r, err := Run(context.Background(), data.World(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLearningPays runs the default on 200 real rows. The bars are well below what ten seeds gave at their lowest, and
// far above a uniform choice and the best single action.
func TestLearningPays(t *testing.T) {
	for _, c := range []struct {
		name    string
		actions int
		bar     float64
	}{{"satimage.csv", 6, 0.35}, {"mushroom.csv.gz", 2, 0.75}} {
		r := simulated(t, read(t, c.name), standard(), Options{Seed: 1})
		if r.Rounds != 200 || r.Actions != c.actions || r.AverageReward < c.bar || r.AverageReward <= r.BestConstant {
			t.Errorf("%s: %+v, want at least %g", c.name, *r, c.bar)
		}
	}
}

func TestSameSeedSameResult(t *testing.T) {
	data := read(t, "satimage.csv")
	timeless := cmpopts.IgnoreFields(Result{}, "Time")
	first := simulated(t, data, standard(), Options{Seed: 5})
	if diff := cmp.Diff(first, simulated(t, data, standard(), Options{Seed: 5}), timeless); diff != "" {
		t.Errorf("the second run differs: %s", diff)
	}
	if cmp.Equal(first, simulated(t, data, standard(), Options{Seed: 6}), timeless) {
		t.Error("another seed gives the same rewards")
	}
}

// TestUniformEarnsItsShare replays one label 3,000 times: the average is 1/3 within 5 standard errors, which fails by
// chance once in two million seeds.
func TestUniformEarnsItsShare(t *testing.T) {
	rows := "label,x\n2,1\n" + strings.Repeat("0,1\n", 2999)
	data, err := ReadMulticlass(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	uniform, err := model.NewUniform(0)
	if err != nil {
		t.Fatal(err)
	}
	r := simulated(t, data, Policy{Exploration: uniform, NewEstimator: model.DefaultEstimator}, Options{Seed: 3})
	if r.AverageReward < 0.290 || r.AverageReward > 0.377 || len(r.First) != 3 {
		t.Errorf("uniform over 3 actions: %+v", *r)
	}
}

func TestRoundsBoundTheRun(t *testing.T) {
	steps := 0
	r := simulated(t, read(t, "satimage.csv"), standard(), Options{Rounds: 50, Progress: func() { steps++ }})
	if r.Rounds != 50 || steps != 50 {
		t.Errorf("%d rounds, %d steps of progress", r.Rounds, steps)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, read(t, "satimage.csv").World(), standard(), Options{Rounds: 9}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run ended with %v", err)
	}
}

func TestColumnsAreNumbersUnlessOneIsNot(t *testing.T) {
	m, err := ReadMulticlass(strings.NewReader("z,label,n,mixed,gap\nx,1, 2.5 ,3,\ny,0,-1e3,three,7\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, number := features.TextValue, features.NumberValue
	want := []features.Set{
		{{Name: "mixed", Value: text("3")}, {Name: "n", Value: number(2.5)}, {Name: "z", Value: text("x")}},
		{{Name: "gap", Value: number(7)}, {Name: "mixed", Value: text("three")}, {Name: "n", Value: number(-1000)}, {Name: "z", Value: text("y")}},
	}
	for i := range want {
		if diff := cmp.Diff(want[i], m.table.appendRow(nil, i), cmp.Comparer(features.Value.Equal)); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	if diff := cmp.Diff([]int{1, 0}, m.Labels); diff != "" || m.Actions != 2 {
		t.Errorf("%d actions: %s", m.Actions, diff)
	}
}

func TestByteOrderMarkIsNoPartOfAName(t *testing.T) {
	m, err := ReadMulticlass(strings.NewReader("\uFEFFlabel,x\n0,1\n1,2\n"))
	if err != nil || m.Actions != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"empty.csv", "", "line 1: the file is empty"},
		{"header.csv", "x,label\n", "line 2: no row"},
		{"nolabel.csv", "x,y\n1,2\n", `line 1: no column is named "label"`},
		{"twice.csv", "x,x,label\n1,2,0\n", `line 1: two columns are named "x"`},
		{"unnamed.csv", "x,,label\n1,2,0\n", "line 1: column number 2 has no name"},
		{"missing.csv", "x,label\n1,0\n2,\n", "line 3, column 3 (label): the label is missing"},
		{"fraction.csv", "x,label\n1,0.5\n", `line 2, column 3 (label): the label "0.5" is not an integer`},
		{"negative.csv", "x,label\n1,-1\n", `the label "-1" is not an integer from 0`},
		{"huge.csv", "x,label\n1,99999999\n", "is not below 10000"},
		{"ragged.csv", "x,label\n1,0\n1,2,0\n", "line 3, column 1: wrong number of fields"},
		{"quote.csv", "x,label\n\"1,0\n", "line 2, column"},
		{"plain.csv.gz", "x,label\n1,0\n", "line 1: the name ends in .gz but the file is not gzip"},
		{"cut.gz", "\x1f\x8b\x08", "line 1: unpack"},
		{"binary.csv", "\x00\x01\x02", "no column is named"},
	} {
		rows, err := Decompress(strings.NewReader(c.file), c.name)
		if err == nil {
			_, err = ReadMulticlass(rows)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
