package table

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/ope"
)

// listed is a row as nextbest log export writes it.
type listed struct {
	Actions       []string  `parquet:"actions,list" json:"actions" parquet-element:",dict"`
	Reward        float64   `parquet:"reward" json:"reward"`
	PScore        float64   `parquet:"pscore" json:"pscore"`
	Probabilities []float64 `parquet:"probabilities,list" json:"probabilities"`
	Action        string    `parquet:"action" json:"action"`
}

// listedRows are rows of one to seven actions, the last of which could not be served where there are more than two.
func listedRows(n int) []listed {
	all := make([]listed, n)
	for i := range all {
		r := listed{Reward: float64(i % 3)}
		for k := range 1 + i%7 {
			r.Actions = append(r.Actions, fmt.Sprint("offer ", (i+k)%9))
			r.Probabilities = append(r.Probabilities, 1/float64(max(1, i%7)))
		}
		if last := len(r.Actions) - 1; last > 0 {
			r.Probabilities[last] = 0
		}
		r.Action, r.PScore = r.Actions[0], r.Probabilities[0]
		all[i] = r
	}
	return all
}

// files returns the rows in each format that has lists.
func files(t *testing.T, all []listed) map[string][]byte {
	t.Helper()
	var lines []string
	for _, r := range all {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return map[string][]byte{"rows.parquet": asParquet(t, all), "rows.ndjson": []byte(strings.Join(lines, "\n"))}
}

// Policies are asked about the lists of each row, across pages and row groups.
func TestListsSayWhatCouldBeServed(t *testing.T) {
	all := listedRows(2000)
	for name, content := range files(t, all) {
		path := writeFile(t, name, content)
		row := 0
		policy := func(d *Decision) (target, unsupported float64, err error) {
			want := Decision{all[row].Action, all[row].Actions, all[row].Probabilities}
			if diff := cmp.Diff(want, *d); diff != "" {
				t.Fatalf("%s, row %d (-want +got):\n%s", name, row+1, diff)
			}
			row++
			return Uniform(d)
		}
		got, table, err := readAll(path, Options{Target: policy})
		if err != nil || row != len(all) {
			t.Fatalf("%s: %d rows, %v", name, row, err)
		}
		if want := ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasUnsupported; table.Columns() != want {
			t.Errorf("%s: columns %b, want %b", name, table.Columns(), want)
		}
		for i, s := range got {
			share, out := 1/float64(len(all[i].Actions)), 0.0
			if len(all[i].Actions) > 1 {
				out = share
			}
			if s.Target != share || s.Unsupported != out {
				t.Fatalf("%s, row %d: %+v, want %v and %v", name, i+1, s, share, out)
			}
		}
		// Without a policy they are columns like any others.
		if _, table, err := readAll(path, Options{}); err != nil || table.Columns() != ope.HasAction|ope.HasPropensity {
			t.Errorf("%s without a policy: columns %b, %v", name, table.Columns(), err)
		}
	}
}

func TestListsAreRefusedWithTheirPlace(t *testing.T) {
	const bad = 500 // a row of four actions
	for want, change := range map[string]func(*listed){
		"column probabilities: it has 3 probabilities, actions has 4 actions":                                 func(r *listed) { r.Probabilities = r.Probabilities[:3] },
		"column probabilities: 1.5 is not a probability in [0,1]":                                             func(r *listed) { r.Probabilities[1] = 1.5 },
		"column probabilities: they sum to 0.6666666666666666, not to 1":                                      func(r *listed) { r.Probabilities[1] = 0 },
		"column actions: the action served is not in it":                                                      func(r *listed) { r.Action = "another" },
		"column probabilities: the action served has 0.3333333333333333 there, its logged probability is 0.5": func(r *listed) { r.PScore = 0.5 },
		"column actions: no value": func(r *listed) { r.Actions[2] = "" },
	} {
		all := listedRows(700)
		change(&all[bad])
		for name, content := range files(t, all) {
			path := writeFile(t, name, content)
			samples, _, err := readAll(path, Options{Target: Uniform})
			if err == nil || !strings.HasSuffix(err.Error(), want) || len(samples) != bad {
				t.Errorf("%s: %d samples, error %v\nwant %s", name, len(samples), err, want)
			}
		}
	}
	for name, content := range files(t, []listed{{Action: "a", PScore: 1, Actions: []string{}, Probabilities: []float64{}}}) {
		if _, _, err := readAll(writeFile(t, name, content), Options{Target: Uniform}); err == nil {
			t.Errorf("%s: an empty list was taken", name)
		}
	}
}

// Columns of these names that are no lists are somebody else's.
func TestColumnsThatAreNoLists(t *testing.T) {
	type row struct {
		Action        string  `parquet:"action"`
		Actions       string  `parquet:"actions"`
		Probabilities float64 `parquet:"probabilities"`
		Reward        float64 `parquet:"reward"`
	}
	for name, content := range map[string][]byte{
		"rows.parquet": asParquet(t, []row{{"a", "a b", 0.5, 1}}),
		"rows.ndjson":  []byte(`{"action":"a","actions":"a b","probabilities":[0.5],"reward":1}`),
	} {
		path := writeFile(t, name, content)
		if got, _, err := readAll(path, Options{Target: Always("a")}); err != nil || len(got) != 1 || got[0].Target != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, _, err := readAll(path, Options{Target: Uniform}); err == nil || !strings.Contains(err.Error(), "does not say which actions") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
