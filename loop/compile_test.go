package loop_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
)

var noTime time.Time

// compile compiles a text as t.yaml, which must be right.
func compile(t testing.TB, text string) *learn.Definition {
	t.Helper()
	d, err := loop.Compile("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDefaults(t *testing.T) {
	d := compile(t, smallest)
	if got, want := d.Loop.Policy.String(), model.DefaultExploration().String(); got != want {
		t.Errorf("a new loop explores with %s, the product's default is %s", got, want)
	}
	if got, want := state(t, d.NewEstimator()), state(t, model.DefaultEstimator()); !bytes.Equal(got, want) {
		t.Error("a new loop learns with another estimator than the product's default")
	}
	want := learn.RewardSpec{Window: 24 * time.Hour, Aggregation: learn.Earliest, Min: math.Inf(-1), Max: math.Inf(1)}
	if diff := cmp.Diff(want, d.Reward); diff != "" {
		t.Errorf("reward (-want +got):\n%s", diff)
	}
	l := d.Loop
	if l.Name != "t" || l.Actions != nil || l.Mode != decision.Online || l.Features != decision.UseDefaults || l.Log != decision.BaselineUnlogged ||
		l.RankSync != decision.Process || d.RewardSync != decision.Fsync || l.Schema.Undeclared != features.Infer || len(l.UserNames) != 0 {
		t.Errorf("%+v", l)
	}
	if l.Salt != xxhash.Sum64String("t") {
		t.Errorf("salt %d", l.Salt)
	}
	if string(d.File) != smallest || d.Path != "t.yaml" || d.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(smallest))) {
		t.Errorf("path %q, sha256 %q, file %q", d.Path, d.SHA256, d.File)
	}
}

func state(t testing.TB, e model.Estimator) []byte {
	t.Helper()
	b, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const everything = `version: 1
name: t
description: all that there is
salt: pepper
actions:
  - id: b
    features: {price: 2, tone: bold, sale: true, at: [1, -2.5], topics: [x, y], other: 1e3}
  - {id: "1"}
  - {id: größe, features: {topics: []}}
features:
  context:
    hour: {type: number, default: -0.5}
  user:
    visits: {type: number, default: 3, max_age: 90m}
    plan: {type: category, default: "no"}
  action:
    price: {type: number}
    tone: {type: category}
    sale: {type: boolean, default: false}
    at: {type: vector, dim: 2, default: [0, 0]}
    topics: {type: tags, default: [a]}
  undeclared: ignore
policy: {type: epsilon_greedy, epsilon: 0.25, floor: 0}
reward:
  reward_wait_time: 90d
  default_reward: -1
  aggregation: last
  range: [-1, 10]
  metrics: {order: 5, click: 0.5}
learning_mode: apprentice
durability: {rank: fsync, reward: process}
fallback: {features: baseline, log: unavailable}
`

func TestEverything(t *testing.T) {
	d := compile(t, everything)
	num, text := features.NumberValue, features.TextValue
	wantSchema := struct{ Context, User, Action []features.Field }{
		Context: []features.Field{{Name: "hour", Type: features.NumberType, Default: num(-0.5)}},
		User: []features.Field{
			{Name: "plan", Type: features.CategoryType, Default: text("no")},
			{Name: "visits", Type: features.NumberType, Default: num(3), MaxAge: 90 * time.Minute},
		},
		Action: []features.Field{
			{Name: "at", Type: features.VectorType, Dim: 2, Default: features.NumbersValue([]float64{0, 0})},
			{Name: "price", Type: features.NumberType},
			{Name: "sale", Type: features.BooleanType, Default: features.FlagValue(false)},
			{Name: "tone", Type: features.CategoryType},
			{Name: "topics", Type: features.TagsType, Default: features.TextsValue([]string{"a"})},
		},
	}
	s := d.Loop.Schema
	gotSchema := wantSchema
	gotSchema.Context, gotSchema.User, gotSchema.Action = s.Context, s.User, s.Action
	if diff := cmp.Diff(wantSchema, gotSchema); diff != "" || s.Undeclared != features.Ignore {
		t.Errorf("schema, undeclared %d (-want +got):\n%s", s.Undeclared, diff)
	}
	wantActions := []decision.Action{
		{ID: "b", Features: features.Set{
			{Name: "at", Value: features.NumbersValue([]float64{1, -2.5})}, {Name: "other", Value: num(1000)}, {Name: "price", Value: num(2)},
			{Name: "sale", Value: features.FlagValue(true)}, {Name: "tone", Value: text("bold")}, {Name: "topics", Value: features.TextsValue([]string{"x", "y"})},
		}},
		{ID: "1"},
		{ID: "größe", Features: features.Set{{Name: "topics", Value: features.TextsValue([]string{})}}},
	}
	if diff := cmp.Diff(wantActions, d.Loop.Actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	wantReward := learn.RewardSpec{Window: 90 * 24 * time.Hour, Default: -1, Aggregation: learn.Last, Min: -1, Max: 10,
		Metrics: []learn.Metric{{Name: "click", Weight: 0.5}, {Name: "order", Weight: 5}}}
	if diff := cmp.Diff(wantReward, d.Reward); diff != "" {
		t.Errorf("reward (-want +got):\n%s", diff)
	}
	l := d.Loop
	if l.Policy.String() != "epsilon_greedy(epsilon=0.25) floor 0" || l.Mode != decision.Apprentice || l.Features != decision.ServeBaseline ||
		l.Log != decision.Unavailable || l.RankSync != decision.Fsync || d.RewardSync != decision.Process || l.Salt != xxhash.Sum64String("pepper") {
		t.Errorf("%+v, policy %s", l, l.Policy)
	}
	if want := s.UserFieldNames(); !slices.Equal(l.UserNames, want) || !slices.Contains(want, "visits@at") {
		t.Errorf("a fetch asks for %v, want %v", l.UserNames, want)
	}
}

// TestWords: every word of the file gives the constant of that name.
func TestWords(t *testing.T) {
	for i, w := range []string{"number", "category", "boolean", "vector", "tags"} {
		dim := ""
		if w == "vector" {
			dim = ", dim: 1"
		}
		d := compile(t, smallest+"features: {context: {x: {type: "+w+dim+"}}}\n")
		if got := d.Loop.Schema.Context[0].Type; got != features.Type(i) || got.String() != w {
			t.Errorf("type %s is %v", w, got)
		}
	}
	for _, m := range []decision.LearningMode{decision.Online, decision.Apprentice, decision.LoggingOnly} {
		if d := compile(t, smallest+"learning_mode: "+m.String()+"\n"); d.Loop.Mode != m {
			t.Errorf("mode %s is %s", m, d.Loop.Mode)
		}
	}
	for w, a := range map[string]learn.Aggregation{"earliest": learn.Earliest, "first": learn.First, "sum": learn.Sum, "mean": learn.Mean,
		"min": learn.Min, "max": learn.Max, "last": learn.Last} {
		if d := compile(t, smallest+"reward: {aggregation: "+w+"}\n"); d.Reward.Aggregation != a {
			t.Errorf("aggregation %s is %d", w, d.Reward.Aggregation)
		}
	}
	for w, u := range map[string]features.Undeclared{"infer": features.Infer, "ignore": features.Ignore, "reject": features.Reject} {
		if d := compile(t, smallest+"features: {undeclared: "+w+"}\n"); d.Loop.Schema.Undeclared != u {
			t.Errorf("undeclared %s is %d", w, d.Loop.Schema.Undeclared)
		}
	}
	for _, p := range []string{"squarecb", "thompson", "ucb", "softmax", "bagging", "epsilon_greedy", "uniform"} {
		if d := compile(t, smallest+"policy: {type: "+p+"}\n"); !strings.HasPrefix(d.Loop.Policy.String(), p) {
			t.Errorf("policy %s is %s", p, d.Loop.Policy)
		}
	}
}

// TestPolicies: the parameters of each policy reach it, and those that are not given have their defaults.
func TestPolicies(t *testing.T) {
	for written, want := range map[string]string{
		"type: squarecb": model.DefaultExploration().String(),
		"type: squarecb, gamma: 3, optimism: 0, elimination: 2, shortlist: 9, floor: 0.5": "squarecb(gamma=3, elimination=2, shortlist=9) floor 0.5",
		"optimism: 1.5":                         "squarecb(gamma=50, optimism=1.5, shortlist=50) floor 0.01",
		"type: thompson, width: 0.5":            "thompson(width=0.5) floor 0.01",
		"type: ucb, floor: 0.1":                 "ucb(optimism=0.4) floor 0.1",
		"type: ucb, optimism: 2":                "ucb(optimism=2) floor 0.01",
		"type: softmax":                         "softmax(lambda=10) floor 0.01",
		"type: softmax, lambda: 2":              "softmax(lambda=2) floor 0.01",
		"type: bagging":                         "bagging floor 0.01",
		"type: bagging, smoothing: 1, floor: 0": "bagging(smoothing=1) floor 0",
		"type: epsilon_greedy":                  "epsilon_greedy(epsilon=0.05) floor 0.01",
		"type: epsilon_greedy, decay: 1e3":      "epsilon_greedy(epsilon=0.05, decay=1000) floor 0.01",
		"type: uniform":                         "uniform",
	} {
		if got := compile(t, smallest+"policy: {"+written+"}\n").Loop.Policy.String(); got != want {
			t.Errorf("{%s} is %s, want %s", written, got, want)
		}
	}
}

// TestWriting: the same loop in other ways of writing it.
func TestWriting(t *testing.T) {
	want := compile(t, everything)
	for name, text := range map[string]string{
		"CRLF":               strings.ReplaceAll(everything, "\n", "\r\n"),
		"a document header":  "---\n" + everything,
		"a byte order mark":  "\ufeff" + everything,
		"comments":           strings.ReplaceAll(everything, "\n", " # größe\n"),
		"no last line end":   strings.TrimSuffix(everything, "\n"),
		"quoted words":       strings.ReplaceAll(everything, "apprentice", `"apprentice"`),
		"quoted durations":   strings.ReplaceAll(everything, "90d", "'90d'"),
		"numbers otherwise":  strings.NewReplacer("price: 2,", "price: 2.0,", "1e3", "+1000", "-2.5", "-25e-1").Replace(everything),
		"a block for a flow": strings.Replace(everything, "durability: {rank: fsync, reward: process}", "durability:\n    rank: fsync\n    reward: process", 1),
	} {
		got := compile(t, text)
		if got.LearningKey != want.LearningKey {
			t.Errorf("%s: another learning key", name)
		}
		if diff := cmp.Diff(want.Loop.Actions, got.Loop.Actions); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got.Loop.Policy.String() != want.Loop.Policy.String() || got.Loop.Salt != want.Loop.Salt || got.Loop.RankSync != want.Loop.RankSync {
			t.Errorf("%s: %+v", name, got.Loop)
		}
	}
}

// TestLearningKey changes one thing at a time. What the model depends on gives another key, and everything else the same.
func TestLearningKey(t *testing.T) {
	was := compile(t, everything).LearningKey
	seen := map[string]string{was: "nothing"}
	for _, c := range []struct {
		old, new string
		changes  bool
	}{
		{"hour: {type: number, default: -0.5}", "hour: {type: number, default: 0.5}", true},
		{"hour: {type: number, default: -0.5}", "hour: {type: number}", true},
		{"hour: {type: number, default: -0.5}", "hour: {type: category}", true},
		{"hour: {type: number, default: -0.5}", "hours: {type: number, default: -0.5}", true},
		{`plan: {type: category, default: "no"}`, `plan: {type: category, default: "yes"}`, true},
		{`    plan: {type: category, default: "no"}` + "\n", "", true},
		{"dim: 2, default: [0, 0]", "dim: 2, default: [0, 1]", true},
		{"undeclared: ignore", "undeclared: infer", true},
		{"reward_wait_time: 90d", "reward_wait_time: 89d", true},
		{"default_reward: -1", "default_reward: 0", true},
		{"aggregation: last", "aggregation: max", true},
		{"range: [-1, 10]", "range: [-1, 11]", true},
		{"range: [-1, 10]", "range: [-2, 10]", true},
		{"metrics: {order: 5, click: 0.5}", "metrics: {order: 5, click: 0.6}", true},
		{"metrics: {order: 5, click: 0.5}", "metrics: {order: 5, clock: 0.5}", true},
		{"  metrics: {order: 5, click: 0.5}\n", "", true},

		{"aggregation: last", "aggregation: last\n  machine: [{within: 2s}]", true},
		{"aggregation: last", "aggregation: last\n  machine: [{within: 3s}]", true},
		{"aggregation: last", "aggregation: last\n  machine: [{within: 2s, metrics: [click]}]", true},
		{"aggregation: last", "aggregation: last\n  machine: [{within: 2s, known: true}]", true},
		{"aggregation: last", "aggregation: last\n  machine: [{user_agents: [x]}]", true},
		{"aggregation: last", "aggregation: last\n  machine: [{networks: [192.0.2.0/24]}]", true},

		{"aggregation: last", "aggregation: last\n  ip: drop", false},
		{"metrics: {order: 5, click: 0.5}", "metrics: {click: 0.5, order: 5}", false},
		{"all that there is", "other words", false},
		{"salt: pepper", "salt: sugar", false},
		{"max_age: 90m", "max_age: 91m", false},
		{"epsilon: 0.25, floor: 0", "epsilon: 0.2, floor: 0.1", false},
		{"type: epsilon_greedy, epsilon: 0.25", "type: uniform", false},
		{"learning_mode: apprentice", "learning_mode: online", false},
		{"rank: fsync, reward: process", "rank: process, reward: fsync", false},
		{"features: baseline, log: unavailable", "features: defaults, log: baseline", false},
		{"price: 2,", "price: 3,", false},
		{"  - {id: \"1\"}\n", "", false},
	} {
		text := strings.Replace(everything, c.old, c.new, 1)
		if text == everything {
			t.Fatalf("%q is not in the file", c.old)
		}
		key := compile(t, text).LearningKey
		if (key != was) != c.changes {
			t.Errorf("%q for %q: the learning key changes: %t, want %t", c.new, c.old, key != was, c.changes)
		}
		if before, again := seen[key]; again && c.changes {
			t.Errorf("%q for %q has the same key as %s", c.new, c.old, before)
		}
		seen[key] = fmt.Sprintf("%q for %q", c.new, c.old)
	}
}

// TestStableHashes holds what is written into logs and checkpoints to what it was in the first version.
func TestStableHashes(t *testing.T) {
	d := compile(t, everything)
	const key, salt = "09a7dfe62d73d838b3c7e56b279cca4244b0ccb214ca6227893136a7212c095d", uint64(10444361584178277924)
	if d.LearningKey != key || d.Loop.Salt != salt {
		t.Errorf("learning key %s, salt %d", d.LearningKey, d.Loop.Salt)
	}
}

// TestEstimatorByShape holds what a loop learns with to what its file declares.
func TestEstimatorByShape(t *testing.T) {
	const head = "version: 1\nname: t\nactions: from_request\n"
	for _, c := range []struct {
		file string
		want model.Estimator
	}{
		{head, &model.Mixture{}},
		{head + "features: {context: {hour: {type: number}}, undeclared: ignore}\n", &model.Mixture{}},
		{head + "features: {undeclared: reject}\n", &model.Arms{}},
		{head + "features: {context: {a: {type: vector, dim: 200}}, user: {b: {type: vector, dim: 200}}}\n", &model.Gradient{}},
		{head + "features: {action: {a: {type: vector, dim: 255}, b: {type: number}}}\n", &model.Gradient{}},
		{head + "policy: {type: bagging}\n", &model.Bootstrap{}},
	} {
		d := compile(t, c.file)
		if got := d.NewEstimator(); reflect.TypeOf(got) != reflect.TypeOf(c.want) {
			t.Errorf("%s\nlearns with %T, want %T", c.file, got, c.want)
		}
	}
}
