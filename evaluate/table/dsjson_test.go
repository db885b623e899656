package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/ope"
)

const dsjsonLine = `{"_label_cost":-1.5,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,` +
	`"o":[{"v":1.5,"EventId":"e1"}],"Timestamp":"2026-01-02T03:04:05.0000000Z","Version":"1","EventId":"e1",` +
	`"a":[2,1,3],"c":{"x":{"f":1,"f":2},"_multi":[{"i":"a"},{"i":"b"},{"i":"c"}]},"p":[0.8,0.2,0],"pdrop":0.75,` +
	`"VWState":{"m":"N/A"}}`

func dsjson(t *testing.T, lines ...string) string {
	t.Helper()
	return writeFile(t, "rows.dsjson", []byte(strings.Join(lines, "\n")+"\n"))
}

func TestDecisionServiceJSON(t *testing.T) {
	path := dsjson(t, dsjsonLine,
		`{"RewardValue":1.0,"EnqueuedTimeUtc":"2026-01-02T03:04:05Z","EventId":"e0"}`,
		`{"_label_cost":0,"_label_probability":1,"_label_Action":1,"_labelIndex":0,"_skipLearn":true,"a":[1],"p":[1]}`,
		`{"_label_cost":0,"_label_probability":0.25,"_label_Action":3,"_labelIndex":2}`,
		`{"_label_cost":2,"_label_probability":0.2,"_label_Action":1,"a":[1,0],"p":[0.8,0.2]}`, // a counts from 0
	)
	got, table, err := readAll(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Actions are seen in the order 2, 1, 3: what could have been served counts as seen.
	want := []ope.Sample{
		{Action: 0, Reward: 1.5, Propensity: 0.8, Kept: 0.25},
		{Action: 2, Reward: 0, Propensity: 0.25, Kept: 1},
		{Action: 1, Reward: -2, Propensity: 0.2, Kept: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2", "1", "3"}, table.Actions()); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if table.Skipped() != 2 {
		t.Errorf("%d lines passed over, want 2", table.Skipped())
	}
	if want := ope.HasAction | ope.HasPropensity | ope.HasKept; table.Columns() != want {
		t.Errorf("columns %b, want %b", table.Columns(), want)
	}
}

func TestContradictoryDecisionServiceJSONIsRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"_label_cost":-1.5,`, ``, "column _label_cost: no value"},
		{`"_label_probability":0.8,`, ``, "column _label_probability: no value"},
		{`"_label_Action":2,`, ``, "column _label_Action: no value"},
		{`"_label_cost":-1.5`, `"_label_cost":"-1.5"`, `column _label_cost: "\"-1.5\"" is not a number`},
		{`"_label_cost":-1.5`, `"_label_cost":null`, `column _label_cost: "null" is not a number`},
		{`"_label_cost":-1.5`, `"_label_cost":1,"_label_cost":1`, "column _label_cost: it is there twice"},
		{`"_label_probability":0.8`, `"_label_probability":0`, "column p: action 2 has the probability 0.8, but 0 as _label_probability"},
		{`"_label_probability":0.8`, `"_label_probability":0.7`, "column p: action 2 has the probability 0.8, but 0.7 as _label_probability"},
		{`"a":[2,1,3]`, `"a":[4,1,3]`, "column p: action 2 has the probability NaN, but 0.8 as _label_probability"},
		{`"_label_Action":2`, `"_label_Action":0`, "column _label_Action: 0 is not a number of an action, from 1"},
		{`"_label_Action":2`, `"_label_Action":1.5`, "column _label_Action: 1.5 is not a whole number from 0"},
		{`"_labelIndex":1`, `"_labelIndex":2`, "column _labelIndex: 2 is not _label_Action - 1, which is 1"},
		{`"a":[2,1,3]`, `"a":[2,1]`, "column p: it has 3 probabilities, a has 2 actions"},
		{`"a":[2,1,3]`, `"a":7`, "column a: it is not an array"},
		{`"p":[0.8,0.2,0]`, `"p":[0.8,0.1,0]`, "column p: the probabilities sum to 0.9, not to 1"},
		{`"p":[0.8,0.2,0]`, `"p":[0.8,1.2,-1]`, "column p: 1.2 is not a probability in [0,1]"},
		{`"pdrop":0.75`, `"pdrop":1`, "column pdrop: 1 is not a probability in [0,1)"},
		{`"pdrop":0.75`, `"_skipLearn":1`, `column _skipLearn: "1" is not true or false`},
		{`"pdrop":0.75`, `"_outcomes":[]`, "column _outcomes: records of several slots are not read"},
	} {
		line := strings.Replace(dsjsonLine, c.from, c.to, 1)
		if line == dsjsonLine {
			t.Fatalf("%s is not in the line", c.from)
		}
		path := dsjson(t, dsjsonLine, line)
		_, _, err := readAll(path, Options{})
		if want := path + ":2: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s for %s:\ngot  %v\nwant %s", c.to, c.from, err, want)
		}
	}
	path := dsjson(t, `{"_label_probability":1.5,"_label_Action":1,"_label_cost":0}`)
	_, _, err := readAll(path, Options{})
	if want := path + ":1: column _label_probability: 1.5 is not a probability in (0,1]"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// The line has actions 2, 1 and 3 with probabilities 0.8, 0.2 and 0, and 2 was served.
func TestPoliciesToldFromTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		policy              Policy
		target, unsupported float64
	}{
		"uniform":  {Uniform, 1.0 / 3, 1.0 / 3},
		"always 2": {Always("2"), 1, 0},
		"always 1": {Always("1"), 0, 0},
		"always 3": {Always("3"), 0, 1},
		"always 4": {Always("4"), 0, 1},
	} {
		got, table, err := readAll(dsjson(t, dsjsonLine), Options{Target: c.policy})
		if err != nil {
			t.Fatal(err)
		}
		want := []ope.Sample{{Reward: 1.5, Propensity: 0.8, Kept: 0.25, Target: c.target, Unsupported: c.unsupported}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: samples (-want +got):\n%s", name, diff)
		}
		if !table.Columns().Has(ope.HasTarget | ope.HasUnsupported) {
			t.Errorf("%s: columns %b", name, table.Columns())
		}
	}
}

func TestPoliciesOnTables(t *testing.T) {
	path := writeFile(t, "rows.csv", []byte("reward,action,pi_e\n1,a,0.5\n2,b,0.5\n"))
	got, table, err := readAll(path, Options{Target: Always("b")})
	if err != nil {
		t.Fatal(err)
	}
	want := []ope.Sample{{Reward: 1, Kept: 1}, {Action: 1, Reward: 2, Target: 1, Kept: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if want := ope.HasAction | ope.HasTarget; table.Columns() != want {
		t.Errorf("columns %b, want %b", table.Columns(), want)
	}
	_, _, err = readAll(path, Options{Target: Uniform})
	if want := path + ":2: the row does not say which actions could be served, which a uniform policy needs"; err == nil || err.Error() != want {
		t.Errorf("uniform: error %v\nwant %s", err, want)
	}
	_, err = Open(writeFile(t, "rows.csv", []byte("reward\n1\n")), Options{Target: Always("b")})
	if want := "there is no column action, which the evaluated policy needs"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("no actions: error %v\nwant %s", err, want)
	}
}

// In expectation over the logging policy, importance weights of a policy told from the log sum to the probability that it
// gives to what can be served: exactly, by summing over the actions that could have been.
func TestUniformWeightsAreUnbiased(t *testing.T) {
	probabilities := []float64{0.5, 0.3, 0.2, 0}
	sum := 0.0
	for i, p := range probabilities[:3] {
		path := dsjson(t, fmt.Sprintf(`{"_label_cost":0,"_label_probability":%v,"_label_Action":%d,"a":[1,2,3,4],"p":[0.5,0.3,0.2,0]}`, p, i+1))
		got, _, err := readAll(path, Options{Target: Uniform})
		if err != nil {
			t.Fatal(err)
		}
		sum += p * got[0].Target / got[0].Propensity
		if got[0].Unsupported != 0.25 {
			t.Errorf("unsupported %v, want 0.25", got[0].Unsupported)
		}
	}
	if sum != 0.75 {
		t.Errorf("expected weight %v, want 0.75", sum)
	}
}
