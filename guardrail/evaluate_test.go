package guardrail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/features"
)

func mustSchema(t testing.TB, undeclared features.Undeclared) *features.Schema {
	t.Helper()
	s, err := features.NewSchema(
		[]features.Field{{Name: "device", Type: features.CategoryType}, {Name: "market", Type: features.CategoryType, Default: features.TextValue("de")}, {Name: "basket", Type: features.NumberType}},
		[]features.Field{{Name: "age", Type: features.NumberType}, {Name: "consent", Type: features.BooleanType}, {Name: "plan", Type: features.CategoryType},
			{Name: "owned", Type: features.TagsType}, {Name: "budget", Type: features.NumberType, Default: features.NumberValue(50)}},
		[]features.Field{{Name: "price", Type: features.NumberType}, {Name: "discount", Type: features.NumberType, Default: features.NumberValue(0)}, {Name: "category", Type: features.CategoryType},
			{Name: "adult", Type: features.BooleanType}, {Name: "tone", Type: features.CategoryType}, {Name: "topics", Type: features.TagsType}},
		undeclared)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

var testBrand = &Brand{
	Name: "acme", Tones: []string{"warm", "plain"}, Banned: []Claim{{Pattern: `(?i)risk[- ]free`}},
	Disclosures: map[string][]string{"de": {"Es gelten die AGB"}}, Limits: map[string]float64{"max_discount": 0.3},
}

// atoms are expressions to make others of; each reads actions, the request, both, or nothing.
var atoms = []string{
	`action.price > 20`, `action.discount <= brand.limits.max_discount`, `action.category == "loan"`, `action.adult`, `action.tone in brand.tones`,
	`"legal" in action.topics`, `"vip" in action.tags`, `action.channel == "email"`, `!brand.banned(action.text)`, `size(action.topics) > 1`, `has(action.price)`,
	`user.consent`, `user.age >= 18`, `user.plan == "pro"`, `context.device == "mobile"`, `context.market != "us"`, `time.hour < 12`, `time.weekday <= 5`, `has(user.age)`, `user.age == 30`,
	`action.price <= user.budget`, `action.category in user.owned`, `user.plan == action.category`, `user.age < action.price`, `context.basket + action.price > 100`,
	`user.owned.exists(o, o == action.category)`, `action.topics.exists(t, t in user.owned)`, `brand.discloses(action.text, context.market)`, `action.price / context.basket > 0.5`,
	`true`, `false`, `1 / 0 > 0`, `context.nowhere == 1.0`, `action.nowhere.startsWith("a")`,
}

func drawExpression(t *rapid.T, depth int) string {
	if depth == 0 {
		return rapid.SampledFrom(atoms).Draw(t, "atom")
	}
	a := drawExpression(t, depth-1)
	switch rapid.IntRange(0, 4).Draw(t, "form") {
	case 0:
		return fmt.Sprintf("(%s && %s)", a, drawExpression(t, depth-1))
	case 1:
		return fmt.Sprintf("(%s || %s)", a, drawExpression(t, depth-1))
	case 2:
		return fmt.Sprintf("!(%s)", a)
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", a, drawExpression(t, depth-1), drawExpression(t, depth-1))
	}
	return a
}

func drawRules(t *rapid.T) []Rule {
	var rules []Rule
	for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
		r := Rule{
			Name: fmt.Sprintf("rule-%d", i), Kind: Kind(rapid.IntRange(0, 3).Draw(t, "kind")), Severity: Severity(rapid.IntRange(0, 4).Draw(t, "severity") / 4),
			OnMissing: OnMissing(rapid.IntRange(0, 1).Draw(t, "missing")),
		}
		if e := drawExpression(t, rapid.IntRange(0, 2).Draw(t, "depth")); rapid.Bool().Draw(t, "require") {
			r.Require = e
		} else {
			r.Forbid = e
		}
		if rapid.IntRange(0, 5).Draw(t, "dated") == 0 {
			r.From = noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "from")) * time.Hour)
		}
		rules = append(rules, r)
	}
	return rules
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func maybe(t *rapid.T, set features.Set, name string, v features.Value) features.Set {
	if rapid.IntRange(0, 4).Draw(t, name) == 0 {
		return set
	}
	return append(set, features.Feature{Name: name, Value: v})
}

func drawSubjects(t *rapid.T) []Subject {
	var all []Subject
	categories := []string{"loan", "card", "pro"}
	for i := range rapid.IntRange(1, 70).Draw(t, "actions") {
		var set features.Set
		set = maybe(t, set, "adult", features.FlagValue(i%3 == 0))
		set = maybe(t, set, "category", features.TextValue(categories[i%3]))
		set = maybe(t, set, "discount", features.NumberValue(float64(i%5)/10))
		set = maybe(t, set, "price", features.NumberValue(float64(i%4)*20))
		set = maybe(t, set, "tone", features.TextValue([]string{"warm", "loud"}[i%2]))
		set = maybe(t, set, "topics", features.TextsValue([]string{"legal", "card", "x"}[:i%4]))
		s := Subject{ID: fmt.Sprintf("a%02d", i), Features: set, Channel: []string{"", "email"}[i%2], Text: []string{"", "Risk-free!", "Es gelten die  AGB."}[i%3]}
		if i%5 == 0 {
			s.Tags = []string{"vip"}
		}
		all = append(all, s)
	}
	return all
}

func drawRequest(t *rapid.T) *Request {
	r := &Request{Now: noon.Add(time.Duration(rapid.IntRange(-12, 12).Draw(t, "hours")) * time.Hour), UserKnown: rapid.IntRange(0, 4).Draw(t, "known") > 0}
	r.Context = maybe(t, r.Context, "basket", features.NumberValue(float64(rapid.IntRange(0, 3).Draw(t, "basket value"))*40))
	r.Context = maybe(t, r.Context, "device", features.TextValue("mobile"))
	r.Context = maybe(t, r.Context, "market", features.TextValue(rapid.SampledFrom([]string{"de", "us"}).Draw(t, "market value")))
	r.User = maybe(t, r.User, "age", features.NumberValue(float64(rapid.IntRange(10, 30).Draw(t, "age value"))))
	r.User = maybe(t, r.User, "budget", features.NumberValue(float64(rapid.IntRange(0, 3).Draw(t, "budget value"))*20))
	r.User = maybe(t, r.User, "consent", features.FlagValue(rapid.Bool().Draw(t, "consent value")))
	r.User = maybe(t, r.User, "owned", features.TextsValue([]string{"loan", "card"}[:rapid.IntRange(0, 2).Draw(t, "owned value")]))
	r.User = maybe(t, r.User, "plan", features.TextValue(rapid.SampledFrom([]string{"pro", "basic"}).Draw(t, "plan value")))
	return r
}

func verdicts(b *Bound, v *Verdicts, r *Request, n int) []string {
	b.Evaluate(v, r)
	names := make([]string, n)
	for i := range names {
		if rule, denied := v.Denied(i); denied {
			names[i] = rule.Name
		}
	}
	return names
}

func TestColumnsJudgeAsEveryRuleForEveryActionDoes(t *testing.T) {
	schema := mustSchema(t, features.Infer)
	var v Verdicts // used again, as by the kernel
	rapid.Check(t, func(rt *rapid.T) {
		rules, actions := drawRules(rt), drawSubjects(rt)
		set, wrong := Compile(rules, schema, testBrand)
		if len(wrong) > 0 {
			rt.Fatal(wrong)
		}
		bound := set.Bind(actions)
		slow := newNaive(t, rules, schema, testBrand)
		for range 3 {
			r := drawRequest(rt)
			got, want := verdicts(bound, &v, r, len(actions)), slow.denied(nil, actions, r)
			if !slices.Equal(got, want) {
				rt.Fatalf("verdicts\n%q, want\n%q", got, want)
			}
			i := rapid.IntRange(0, len(actions)-1).Draw(rt, "explained")
			checkExplained(rt, bound, slow, r, i, want[i])
		}
	})
}

// checkExplained holds what is said of one action against the twin.
func checkExplained(t *rapid.T, b *Bound, slow *naive, r *Request, i int, denied string) {
	first := ""
	var v Verdicts
	var warned []string
	for _, w := range b.Warnings(nil, &v, r, i) {
		warned = append(warned, w.Name)
	}
	for _, f := range b.Explain(r, i) {
		k := slices.IndexFunc(slow.rules, func(r Rule) bool { return r.Name == f.Rule.Name })
		if broken := slow.breaks(k, &b.actions[i], r); broken != (f.Outcome == Denies || f.Outcome == Warns) {
			t.Fatalf("rule %s: broken %t, explained as %v", f.Rule.Name, broken, f)
		}
		if f.Outcome == Denies && first == "" {
			first = f.Rule.Name
		}
		if (f.Outcome == Warns) != slices.Contains(warned, f.Rule.Name) {
			t.Fatalf("rule %s is %v, and warnings are %q", f.Rule.Name, f.Outcome, warned)
		}
	}
	if first != denied {
		t.Fatalf("the first rule that denies is %q, want %q", first, denied)
	}
}

func TestOrderNeverMatters(t *testing.T) {
	schema := mustSchema(t, features.Infer)
	rapid.Check(t, func(rt *rapid.T) {
		rules, actions, r := drawRules(rt), drawSubjects(rt), drawRequest(rt)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		of := func(rules []Rule, actions []Subject) map[string]string {
			set, wrong := Compile(rules, schema, testBrand)
			if len(wrong) > 0 {
				rt.Fatal(wrong)
			}
			var v Verdicts
			out := map[string]string{}
			for i, name := range verdicts(set.Bind(actions), &v, r, len(actions)) {
				out[actions[i].ID] = name
			}
			return out
		}
		want := of(rules, actions)
		rules, actions = slices.Clone(rules), slices.Clone(actions)
		rng.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		rng.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
		got := of(rules, actions)
		for id, name := range want {
			if got[id] != name {
				rt.Fatalf("action %s is denied by %q, in another order by %q", id, name, got[id])
			}
		}
	})
}

func TestMissingValues(t *testing.T) {
	schema := mustSchema(t, features.Reject)
	with := features.Set{{Name: "consent", Value: features.FlagValue(true)}}
	for _, tc := range []struct {
		name   string
		rule   Rule
		r      Request
		denied bool
	}{
		{"consent given", Rule{Require: "user.consent"}, Request{User: with, UserKnown: true}, false},
		{"consent absent", Rule{Require: "user.consent"}, Request{UserKnown: true}, true},
		{"the store is down", Rule{Require: "user.consent"}, Request{User: with}, true},
		{"the store is down, declared to permit", Rule{Require: "user.consent", OnMissing: PermitMissing}, Request{User: with}, false},
		{"forbidden, and absent", Rule{Forbid: "user.age < 18"}, Request{UserKnown: true}, true},
		{"no default stands in for a user's feature", Rule{Require: "user.budget == 50"}, Request{UserKnown: true}, true},
		{"one does for the request's", Rule{Require: `context.market == "de"`}, Request{}, false},
		{"one does for an action's", Rule{Require: `action.discount == 0`}, Request{}, false},
		{"what is absent does not decide", Rule{Require: `context.market == "de" || user.consent`}, Request{}, false},
		{"division by zero", Rule{Require: `1 / (size(action.id) - 1) > 0`}, Request{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.Name, tc.r.Now = "rule", noon
			set, wrong := Compile([]Rule{tc.rule}, schema, nil)
			if len(wrong) > 0 {
				t.Fatal(wrong)
			}
			var v Verdicts
			set.Bind([]Subject{{ID: "a"}}).Evaluate(&v, &tc.r)
			if _, denied := v.Denied(0); denied != tc.denied {
				t.Errorf("denied %t, want %t", denied, tc.denied)
			}
		})
	}
}

func TestBrokenRulesAreRefused(t *testing.T) {
	schema := mustSchema(t, features.Reject)
	deep := strings.Repeat("!(", 100) + "true" + strings.Repeat(")", 100)
	for _, tc := range []struct {
		name, text   string
		line, column int
		message      string
	}{
		{"syntax", "user.age >", 1, 11, "Syntax error"},
		{"second line", "user.age > 3 &&\n  user.agee > 4", 2, 3, "user.agee is not declared; did you mean user.age?"},
		{"type", `user.age == "x"`, 1, 10, "no matching overload"},
		{"not a truth", "user.age + 1", 1, 1, "must be true or false"},
		{"unknown function", "now() > 3", 1, 4, "now"},
		{"unknown limit", "action.discount < brand.limits.max", 0, 0, ""},
		{"lists within lists", `user.owned.exists(a, user.owned.exists(b, user.owned.exists(c, a + b == c)))`, 1, 1, "steps"},
		{"pattern that is read", `action.id.matches(user.plan)`, 1, 19, "written out"},
		{"broken pattern", `action.id.matches("a(")`, 1, 19, "missing closing"},
		{"long pattern", `action.id.matches("` + strings.Repeat("a", maxPattern+1) + `")`, 1, 19, "bytes"},
		{"repeated pattern", `action.id.matches("((a{100}){100}){100}")`, 1, 19, "invalid repeat"},
		{"long expression", strings.Repeat("true && ", 600) + "true", 0, 0, "bytes"},
		{"deep expression", deep, 0, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, wrong := Compile([]Rule{{Name: "r", Require: tc.text}}, schema, nil)
			if set != nil || len(wrong) == 0 {
				t.Fatal("it was compiled")
			}
			p := wrong[0]
			if !strings.Contains(p.Message, tc.message) || p.Rule != "r" || p.Key != "require" {
				t.Errorf("problem %+v, want %q", p, tc.message)
			}
			if tc.line != 0 && (p.Line != tc.line || p.Column != tc.column) {
				t.Errorf("at %d:%d, want %d:%d", p.Line, p.Column, tc.line, tc.column)
			}
		})
	}
}

func TestCostlyRulesStopAndCountAsUndecided(t *testing.T) {
	schema := mustSchema(t, features.Reject)
	set, wrong := Compile([]Rule{{Name: "r", Forbid: `user.owned.exists(a, user.owned.exists(b, a == b + "x"))`}}, schema, nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var many []string
	for i := range 250 {
		many = append(many, fmt.Sprint("thing-", i))
	}
	for n, denied := range map[int]bool{10: false, 250: true} {
		var v Verdicts
		set.Bind([]Subject{{ID: "a"}}).Evaluate(&v, &Request{Now: noon, UserKnown: true, User: features.Set{{Name: "owned", Value: features.TextsValue(many[:n])}}})
		if _, got := v.Denied(0); got != denied {
			t.Errorf("with %d things: denied %t, want %t", n, got, denied)
		}
	}
}
