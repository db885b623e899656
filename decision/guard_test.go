package decision

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/model"
)

// guarded is a loop with rules, a contact policy and mandatory actions, and an input for it.
type guarded struct {
	rules []guardrail.Rule
	loop  *Loop
	in    *Input
}

var guardExpressions = []string{
	`user.consent`, `user.age >= 18`, `action.price <= 30`, `action.price < user.age`, `action.tone in ["warm", "plain"]`, `time.hour < 20`,
	`context.device == "mobile" || action.tone != "loud"`, `"vip" in action.tags || user.age > 20`, `action.channel == "email"`, `has(user.age)`, `true`,
}

func drawGuarded(t *rapid.T) *guarded {
	schema, err := features.NewSchema(
		[]features.Field{{Name: "device", Type: features.CategoryType}},
		[]features.Field{{Name: "age", Type: features.NumberType}, {Name: "consent", Type: features.BooleanType}},
		[]features.Field{{Name: "price", Type: features.NumberType}, {Name: "tone", Type: features.CategoryType}}, features.Reject)
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{loop: &Loop{
		Name: "shop", Schema: schema, Salt: rapid.Uint64().Draw(t, "salt"), Zone: time.UTC,
		Policy: must(model.NewEpsilonGreedy(0.4, 0.01)), Mode: LearningMode(rapid.IntRange(0, 2).Draw(t, "mode")),
	}}
	for i := range rapid.IntRange(0, 5).Draw(t, "rules") {
		r := guardrail.Rule{
			Name: fmt.Sprint("rule-", i), Kind: guardrail.Kind(rapid.IntRange(0, 3).Draw(t, "kind")),
			Severity: guardrail.Severity(rapid.IntRange(0, 3).Draw(t, "severity") / 3), OnMissing: guardrail.OnMissing(rapid.IntRange(0, 1).Draw(t, "missing")),
		}
		if text := rapid.SampledFrom(guardExpressions).Draw(t, "expression"); rapid.IntRange(0, 3).Draw(t, "forbid") == 0 {
			r.Forbid = text
		} else {
			r.Require = text
		}
		g.rules = append(g.rules, r)
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "actions") {
		a := Action{ID: fmt.Sprintf("a%02d", i)}
		if rapid.Bool().Draw(t, "priced") {
			a.Features = append(a.Features, features.Feature{Name: "price", Value: features.NumberValue(float64(rapid.IntRange(0, 60).Draw(t, "price")))})
		}
		a.Features = append(a.Features, features.Feature{Name: "tone", Value: features.TextValue(rapid.SampledFrom([]string{"warm", "loud"}).Draw(t, "tone"))})
		s := guardrail.Subject{ID: a.ID, Features: a.Features, Channel: rapid.SampledFrom([]string{"email", "push", ""}).Draw(t, "channel"), Silent: rapid.IntRange(0, 3).Draw(t, "silent") == 0}
		if rapid.Bool().Draw(t, "vip") {
			s.Tags = []string{"vip"}
		}
		g.loop.Actions = append(g.loop.Actions, a)
		g.loop.Subjects = append(g.loop.Subjects, s)
		g.loop.Mandatory = append(g.loop.Mandatory, rapid.IntRange(0, 9).Draw(t, "mandatory") == 0)
	}
	if rapid.Bool().Draw(t, "policy") {
		g.loop.Contact = drawContactPolicy(t)
	}
	g.input(t)
	g.compile(t)
	return g
}

func drawContactPolicy(t *rapid.T) *guardrail.ContactPolicy {
	p := &guardrail.ContactPolicy{Caps: []guardrail.Cap{{
		Name: "weekly", Limit: rapid.IntRange(1, 3).Draw(t, "limit"), Window: 7 * 24 * time.Hour, Per: guardrail.Scope(rapid.IntRange(0, 1).Draw(t, "scope")),
		AllLoops: rapid.Bool().Draw(t, "all loops"), OnMissing: guardrail.OnMissing(rapid.IntRange(0, 1).Draw(t, "cap missing")),
	}, {Name: "vips", Limit: 1, Window: 24 * time.Hour, Per: guardrail.PerTag, Of: "vip"}}}
	if rapid.Bool().Draw(t, "quiet") {
		p.Quiet = []guardrail.QuietHours{{From: 21 * time.Hour, Until: 8 * time.Hour, Days: [7]bool{true, true, true, true, true, true, true}}}
	}
	if rapid.Bool().Draw(t, "budget") {
		p.Budgets = []guardrail.Budget{{Name: "vips", Tag: "vip", Limit: 10, Cost: "price", Smooth: rapid.Bool().Draw(t, "smooth")}}
	}
	return p
}

func (g *guarded) input(t *rapid.T) {
	g.in = &Input{
		Time: time.Date(2026, 11, 26, rapid.IntRange(0, 23).Draw(t, "hour"), 30, 0, 0, time.UTC), Zone: time.UTC,
		EventID: rapid.StringMatching(`e[0-9]{1,6}`).Draw(t, "event"), UserID: "ann", Actions: g.loop.Actions, FromCatalogue: true, Slots: oneSlot,
		Contacts: guardrail.UserContacts{Known: rapid.IntRange(0, 4).Draw(t, "known") > 0},
	}
	if rapid.IntRange(0, 4).Draw(t, "degraded") == 0 {
		g.in.Degraded = FallbackFeaturesUnavailable
	} else {
		if rapid.Bool().Draw(t, "aged") {
			g.in.User = append(g.in.User, features.Feature{Name: "age", Value: features.NumberValue(float64(rapid.IntRange(10, 40).Draw(t, "age")))})
		}
		if rapid.Bool().Draw(t, "asked") {
			g.in.User = append(g.in.User, features.Feature{Name: "consent", Value: features.FlagValue(rapid.Bool().Draw(t, "consent"))})
		}
	}
	g.in.Context = features.Set{{Name: "device", Value: features.TextValue(rapid.SampledFrom([]string{"mobile", "desktop"}).Draw(t, "device"))}}
	for i := range rapid.IntRange(0, 3).Draw(t, "contacts") {
		g.in.Contacts.Recent = append(g.in.Contacts.Recent, guardrail.Contact{
			At: g.in.Time.Add(-time.Duration(1+i*30) * time.Hour), Event: fmt.Sprint("c", i), Loop: rapid.SampledFrom([]string{"shop", "blog"}).Draw(t, "contact loop"),
			Action: "a00", Channel: "email", Tags: []string{"vip"}, Held: rapid.Bool().Draw(t, "held"),
		})
	}
	if rapid.IntRange(0, 3).Draw(t, "opted out") == 0 {
		g.in.Contacts.Suppressed = []string{rapid.SampledFrom([]string{"email", guardrail.EveryChannel}).Draw(t, "suppressed")}
	}
	g.in.Spent = []float64{float64(rapid.IntRange(0, 12).Draw(t, "spent"))}
	for i := range g.loop.Actions {
		if rapid.IntRange(0, 7).Draw(t, "killed") == 0 {
			g.in.Killed = append(g.in.Killed, i)
		}
		if rapid.IntRange(0, 7).Draw(t, "excluded") == 0 {
			g.in.Excluded = append(g.in.Excluded, g.loop.Actions[i].ID)
		}
	}
	if n := len(g.loop.Actions); n > 2 && rapid.IntRange(0, 3).Draw(t, "slotted") == 0 {
		g.in.Slots = []SlotSpec{{ID: "top"}, {ID: "side"}}
	}
}

func (g *guarded) compile(t *rapid.T) {
	set, wrong := guardrail.Compile(g.rules, &g.loop.Schema, nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	g.loop.Guardrails, g.loop.Bound = set, set.Bind(g.loop.Subjects)
}

func (g *guarded) decide(t *rapid.T) Outcome {
	means := map[string]float64{}
	for _, a := range g.in.Actions {
		means[a.ID] = float64(int(a.ID[1])+7*int(a.ID[2])) / 1000
	}
	s := &Snapshot{ID: "1-x", Number: 1, Loop: g.loop, Model: fixed{means: means, events: 10, deviation: 0.5}}
	out, err := Decide(s, g.in)
	if errors.Is(err, ErrInvalid) && len(g.in.Excluded) > 0 {
		t.Skip("the request leaves nothing")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forbidden is the slow, obvious twin: why the first slot must not have an action, "" when it may.
func (g *guarded) forbidden(i int) string {
	in, s := g.in, &g.loop.Subjects[i]
	if slices.Contains(in.Excluded, s.ID) {
		return "the request"
	}
	if slices.Contains(in.Killed, i) {
		return "the kill switch"
	}
	r := &guardrail.Request{Now: in.Time, Zone: time.UTC, Context: in.Context, User: in.User, UserKnown: in.Degraded == ""}
	for _, f := range g.loop.Bound.Explain(r, i) {
		if f.Outcome == guardrail.Denies {
			return f.Rule.Name
		}
	}
	p := g.loop.Contact
	if p == nil || s.Silent {
		return ""
	}
	switch {
	case !in.Contacts.Known:
		return "unknown suppressions"
	case slices.Contains(in.Contacts.Suppressed, guardrail.EveryChannel), slices.Contains(in.Contacts.Suppressed, s.Channel), s.Channel == "" && len(in.Contacts.Suppressed) > 0:
		return "a suppression"
	case g.loop.Mandatory[i]:
		return ""
	}
	if hour := in.Time.Hour(); len(p.Quiet) > 0 && (hour >= 21 || hour < 8) {
		return "quiet hours"
	}
	for _, c := range p.Caps {
		n := 0
		for _, x := range in.Contacts.Recent {
			recent := in.Time.Sub(x.At) < c.Window && (c.AllLoops || x.Loop == "shop")
			counts := x.Held || c.Per == guardrail.PerUser || c.Per == guardrail.PerAction && x.Action == s.ID || c.Per == guardrail.PerTag && slices.Contains(x.Tags, "vip")
			if recent && counts {
				n++
			}
		}
		if n >= c.Limit && (c.Per != guardrail.PerTag || slices.Contains(s.Tags, "vip")) {
			return "cap " + c.Name
		}
	}
	if len(p.Budgets) > 0 && slices.Contains(s.Tags, "vip") {
		cost := 1.0
		if v := s.Features.Get("price"); v.Kind() == features.Number {
			cost = v.Number()
		}
		day := (float64(in.Time.Hour())+0.5)/24 + guardrail.HeadStart
		if after := in.Spent[0] + cost; after > 10 || p.Budgets[0].Smooth && in.Spent[0] > 0 && after > 10*min(1, day) {
			return "a budget"
		}
	}
	return ""
}

func TestNothingForbiddenIsEverServed(t *testing.T) {
	empty, mandatory := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGuarded(rt)
		out := g.decide(rt)
		first := &out.Choices[0]
		sum, permitted := 0.0, map[int]bool{}
		for _, r := range first.Ranking {
			sum += r.Probability
			permitted[r.Action] = true
		}
		if first.Filled() && math.Abs(sum-1) > 1e-9 {
			rt.Fatalf("probabilities sum to %v", sum)
		}
		excluded := map[int]string{}
		for _, x := range first.Excluded {
			excluded[x.Action] = x.Reason
		}
		for i := range g.in.Actions {
			why := g.forbidden(i)
			reason, out := excluded[i]
			if (why != "") != out && reason != ExcludedByNeed {
				rt.Fatalf("action %d: forbidden by %q, excluded for %q", i, why, reason)
			}
			if permitted[i] == out || out && reason == "" {
				rt.Fatalf("action %d: permitted %t, excluded %t for %q", i, permitted[i], out, reason)
			}
		}
		switch served := first.Served(); {
		case served < 0:
			empty++
			if out.Fallback != FallbackNoAction && out.Fallback != FallbackMandatory {
				rt.Fatalf("nothing is served, and the fallback is %q", out.Fallback)
			}
		case g.loop.Mandatory[served]:
			mandatory++
			if out.Fallback != FallbackMandatory || first.Ranking[0].Probability != 1 || (&Record{Input: *g.in, Outcome: out}).Learned() {
				rt.Fatalf("a mandatory action has probability %v, fallback %q", first.Ranking[0].Probability, out.Fallback)
			}
		}
		seen := map[int]bool{}
		for i := range out.Choices {
			if served := out.Choices[i].Served(); served >= 0 {
				if g.forbidden(served) != "" || seen[served] {
					rt.Fatalf("slot %d serves %d: forbidden by %q, served before %t", i, served, g.forbidden(served), seen[served])
				}
				seen[served] = true
			}
		}
	})
	if empty == 0 || mandatory == 0 {
		t.Errorf("%d empty answers and %d mandatory ones were tried: the test does not reach them", empty, mandatory)
	}
}

func TestTheOrderOfRulesAndActionsNeverMatters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGuarded(rt)
		g.in.Slots, g.loop.Mode = oneSlot, Online
		clear(g.loop.Mandatory)
		byID := func() map[string]string {
			out := g.decide(rt)
			all := map[string]string{"fallback": out.Fallback}
			for _, r := range out.Choices[0].Ranking {
				all[g.in.Actions[r.Action].ID] = fmt.Sprintf("%.12f", r.Probability)
			}
			for _, x := range out.Choices[0].Excluded {
				all[g.in.Actions[x.Action].ID] = x.Reason
			}
			return all
		}
		want := byID()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "shuffle"), 1))
		rng.Shuffle(len(g.rules), func(i, j int) { g.rules[i], g.rules[j] = g.rules[j], g.rules[i] })
		killed := map[string]bool{}
		for _, i := range g.in.Killed {
			killed[g.in.Actions[i].ID] = true
		}
		g.loop.Actions = slices.Clone(g.loop.Actions)
		rng.Shuffle(len(g.loop.Actions), func(i, j int) {
			g.loop.Actions[i], g.loop.Actions[j] = g.loop.Actions[j], g.loop.Actions[i]
			g.loop.Subjects[i], g.loop.Subjects[j] = g.loop.Subjects[j], g.loop.Subjects[i]
		})
		g.in.Actions, g.in.Killed = g.loop.Actions, nil
		for i, a := range g.in.Actions {
			if killed[a.ID] {
				g.in.Killed = append(g.in.Killed, i)
			}
		}
		g.compile(rt)
		if got := byID(); !maps.Equal(got, want) {
			rt.Fatalf("in another order\n%v, want\n%v", got, want)
		}
	})
}

// A page with two places does not pass by a cap of one.
func TestSlotsOfOneEventCountForEachOther(t *testing.T) {
	s := snapshotOf(must(model.NewEpsilonGreedy(0.3, 0)), func(l *Loop) {
		l.Contact = &guardrail.ContactPolicy{Caps: []guardrail.Cap{{Name: "daily", Limit: 1, Window: 24 * time.Hour}}}
		l.Subjects = []guardrail.Subject{{ID: "a", Channel: "email"}, {ID: "b", Channel: "email"}, {ID: "c", Channel: "email"}}
	})
	in := &Input{EventID: "e", UserID: "ann", Actions: s.Loop.Actions, FromCatalogue: true, Slots: []SlotSpec{{ID: "top"}, {ID: "side"}},
		Contacts: guardrail.UserContacts{Known: true}}
	out := must(Decide(s, in))
	if !out.Choices[0].Filled() || out.Choices[1].Filled() {
		t.Errorf("slots serve %d and %d, want one and none", out.Choices[0].Served(), out.Choices[1].Served())
	}
	for _, x := range out.Choices[1].Excluded {
		if x.Reason != "cap:daily" && x.Reason != ExcludedByUse {
			t.Errorf("excluded for %q", x.Reason)
		}
	}
	if !strings.HasPrefix(out.Choices[1].Excluded[0].Reason, "cap:") {
		t.Errorf("%v", out.Choices[1].Excluded)
	}
}
