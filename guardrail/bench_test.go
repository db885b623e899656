package guardrail

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
)

// realistic are 20 rules as teams write them: a third each on the action alone, the user or the request alone, and both.
var realistic = []string{
	`action.discount <= brand.limits.max_discount`,
	`action.tone in brand.tones`,
	`!brand.banned(action.text)`,
	`!("draft" in action.topics) && size(action.topics) < 10`,
	`action.price > 0 && action.price < 10000`,
	`action.channel != "" || action.category == "none"`,
	`!(action.category == "loan" && action.discount > 0)`,

	`user.consent`,
	`user.age >= 18 && user.age < 100`,
	`context.market in ["de", "at", "ch"]`,
	`time.weekday <= 5 || time.hour >= 10`,
	`user.plan != "closed" && !("fraud" in user.owned)`,
	`context.device != "watch"`,
	`size(user.owned) < 20`,

	`!action.adult || user.age >= 21`,
	`!(action.category in user.owned)`,
	`action.price <= user.budget`,
	`brand.discloses(action.text, context.market) || action.category != "loan"`,
	`action.category != "upgrade" || user.plan == "basic"`,
	`!(action.category == "card" && context.device == "mobile" && time.hour < 8)`,
}

func realisticCase(t testing.TB) ([]Rule, *features.Schema, []Subject, []*Request) {
	var rules []Rule
	for i, text := range realistic {
		rules = append(rules, Rule{Name: fmt.Sprintf("rule-%02d", i), Kind: Kind(i % 4), Require: text})
	}
	categories := []string{"loan", "card", "upgrade", "none", "gift"}
	var actions []Subject
	for i := range 50 {
		actions = append(actions, Subject{
			ID: fmt.Sprintf("offer-%02d", i), Channel: "email", Text: fmt.Sprintf("Offer %d: es gelten die AGB", i),
			Features: features.Set{
				{Name: "adult", Value: features.FlagValue(i%9 == 0)}, {Name: "category", Value: features.TextValue(categories[i%5])},
				{Name: "discount", Value: features.NumberValue(float64(i%7) / 20)}, {Name: "price", Value: features.NumberValue(5 + float64(i))},
				{Name: "tone", Value: features.TextValue("warm")}, {Name: "topics", Value: features.TextsValue([]string{"spring", "bank"})},
			},
		})
	}
	var requests []*Request
	for i := range 20 {
		requests = append(requests, &Request{
			Now: noon, UserKnown: true,
			Context: features.Set{{Name: "basket", Value: features.NumberValue(10)}, {Name: "device", Value: features.TextValue([]string{"mobile", "desktop"}[i%2])}, {Name: "market", Value: features.TextValue("de")}},
			User: features.Set{{Name: "age", Value: features.NumberValue(float64(16 + i*2))}, {Name: "budget", Value: features.NumberValue(float64(20 + i))},
				{Name: "consent", Value: features.FlagValue(true)}, {Name: "owned", Value: features.TextsValue([]string{"card", "gift"}[:i%3])}, {Name: "plan", Value: features.TextValue("basic")}},
		})
	}
	return rules, mustSchema(t, features.Reject), actions, requests
}

func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func BenchmarkEvaluate(b *testing.B) {
	rules, schema, actions, requests := realisticCase(b)
	set, wrong := Compile(rules, schema, testBrand)
	if len(wrong) > 0 {
		b.Fatal(wrong)
	}
	bound := set.Bind(actions)
	var v Verdicts
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		bound.Evaluate(&v, requests[i%len(requests)])
	}
}

func BenchmarkNaive(b *testing.B) {
	rules, schema, actions, requests := realisticCase(b)
	slow := newNaive(b, rules, schema, testBrand)
	var denied []string
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		denied = slow.denied(denied[:0], actions, requests[i%len(requests)])
	}
}

func BenchmarkBind(b *testing.B) {
	rules, schema, actions, _ := realisticCase(b)
	set, wrong := Compile(rules, schema, testBrand)
	if len(wrong) > 0 {
		b.Fatal(wrong)
	}
	b.ReportAllocs()
	for b.Loop() {
		set.Bind(actions)
	}
}

// What is bound to actions must cost at most a tenth of every rule for every action, with the same verdicts. Both run in turns,
// so that a busy machine slows both; the median of the ratios counts.
func TestColumnsCostATenth(t *testing.T) {
	rules, schema, actions, requests := realisticCase(t)
	set, wrong := Compile(rules, schema, testBrand)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	bound, slow := set.Bind(actions), newNaive(t, rules, schema, testBrand)
	var v Verdicts
	var permitted int
	for _, r := range requests {
		got, want := verdicts(bound, &v, r, len(actions)), slow.denied(nil, actions, r)
		if !slices.Equal(got, want) {
			t.Fatalf("verdicts\n%q, want\n%q", got, want)
		}
		for _, name := range got {
			if name == "" {
				permitted++
			}
		}
	}
	if permitted == 0 || permitted == len(requests)*len(actions) {
		t.Errorf("%d of %d are permitted: the rules decide nothing", permitted, len(requests)*len(actions))
	}
	ratios := make([]float64, 9)
	var denied []string
	for k := range ratios {
		fast := elapsed(func() {
			for range 20 {
				for _, r := range requests {
					bound.Evaluate(&v, r)
				}
			}
		})
		naive := elapsed(func() {
			for _, r := range requests {
				denied = slow.denied(denied[:0], actions, r)
			}
		})
		ratios[k] = fast.Seconds() / 20 / naive.Seconds()
	}
	slices.Sort(ratios)
	if median := ratios[len(ratios)/2]; median > 0.1 {
		t.Errorf("columns cost %.3f of every rule for every action, want at most 0.1", median)
	} else {
		t.Logf("columns cost %.4f of every rule for every action", median)
	}
}
