package preflight

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// expressions are what rules of random loops say; half of them are of the user, and some cannot always be decided.
var expressions = []string{
	"user.level >= 2", "user.level < 1", "action.price > 2", "action.price > user.level", `action.id == "a"`, `"x" in action.tags`,
	`context.device == "phone"`, "time.hour < 12", `action.channel == "email" && user.level > 1`, "time.weekday > 5",
}

// guardedLoop is a loop with random rules.
func guardedLoop(t *rapid.T, label string) *learn.Definition {
	file := `version: 1
name: shop
features:
  user: {level: {type: number}, zone: {type: category}}
  context: {device: {type: category}}
  action: {price: {type: number, default: 1}}
time_zone: Europe/Berlin
time_zone_feature: user.zone
actions:
  - {id: a, channel: email, tags: [x], features: {price: 3}}
  - {id: b, features: {price: 1}}
  - {id: c, tags: [x, y]}
guardrails:
`
	for i, e := range rapid.SliceOfNDistinct(rapid.SampledFrom(expressions), 1, 4, rapid.ID).Draw(t, label) {
		file += fmt.Sprintf("  - {name: r%d, kind: %s, severity: %s, on_missing: %s, %s: '%s'}\n", i,
			rapid.SampledFrom([]string{"eligibility", "suppression"}).Draw(t, "kind"), rapid.SampledFrom([]string{"deny", "deny", "warn"}).Draw(t, "severity"),
			rapid.SampledFrom([]string{"deny", "permit"}).Draw(t, "on_missing"), rapid.SampledFrom([]string{"forbid", "require"}).Draw(t, "how"), e)
	}
	d, err := loop.Compile("shop.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eligible returns the ids that a slot could be filled with.
func eligible(in *decision.Input, out *decision.Outcome) []string {
	var ids []string
	for _, k := range out.Choices[0].Ranking {
		ids = append(ids, in.Actions[k.Action].ID)
	}
	slices.Sort(ids)
	return ids
}

// TestAgainstTheKernel decides the same requests under an old and a new file: what Against says of the change is what the
// kernel does.
func TestAgainstTheKernel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		was, now := guardedLoop(rt, "was"), guardedLoop(rt, "now")
		model, err := was.NewEstimator().Predictor()
		if err != nil {
			rt.Fatal(err)
		}
		a, err := NewAgainst(now.Loop)
		if err != nil {
			rt.Fatal(err)
		}
		var want Report
		for i := range rapid.IntRange(1, 6).Draw(rt, "decisions") {
			in := request(rt, i, was.Loop)
			old, err := decision.Decide(&decision.Snapshot{Loop: was.Loop, Model: model}, &in)
			if err != nil {
				rt.Fatal(err)
			}
			if err := a.Add(&decision.Record{Loop: "shop", Input: in, Outcome: old}, was.Loop); err != nil {
				rt.Fatal(err)
			}
			renewed, err := decision.Decide(&decision.Snapshot{Loop: now.Loop, Model: model}, &in)
			if err != nil {
				rt.Fatal(err)
			}
			before, after := eligible(&in, &old), eligible(&in, &renewed)
			gone := func(id string) bool { return !slices.Contains(after, id) }
			count(&want.Narrowed, slices.ContainsFunc(before, gone))
			count(&want.Widened, slices.ContainsFunc(after, func(id string) bool { return !slices.Contains(before, id) }))
			if len(before) > 0 {
				count(&want.LostServed, gone(in.Actions[old.Choices[0].Served()].ID))
				count(&want.NoneLeft, len(after) == 0)
			}
		}
		got := a.Report()
		if got.Narrowed != want.Narrowed || got.Widened != want.Widened || got.LostServed != want.LostServed || got.NoneLeft != want.NoneLeft {
			rt.Fatalf("%+v, the kernel %+v", got, want)
		}
	})
}

// request is a request of somebody, somewhere, of whom not everything is known.
func request(t *rapid.T, i int, l *decision.Loop) decision.Input {
	in := decision.Input{
		Time:    time.Unix(1.8e9+rapid.Int64Range(0, 1e6).Draw(t, "time"), 0).UTC(),
		EventID: fmt.Sprint("e", i), UserID: "u", Actions: l.Actions, FromCatalogue: true, Slots: []decision.SlotSpec{{}},
		Zone: l.Zone,
	}
	if rapid.Bool().Draw(t, "level is known") {
		in.User = append(in.User, features.Feature{Name: "level", Value: features.NumberValue(rapid.Float64Range(0, 4).Draw(t, "level"))})
	}
	if rapid.Bool().Draw(t, "zone is known") {
		zone, _ := time.LoadLocation("Asia/Tokyo")
		in.User = append(in.User, features.Feature{Name: "zone", Value: features.TextValue("Asia/Tokyo")})
		in.Zone, in.ZoneOfUser = zone, true
	}
	if rapid.Bool().Draw(t, "device is known") {
		in.Context = features.Set{{Name: "device", Value: features.TextValue("phone")}}
	}
	if rapid.IntRange(0, 4).Draw(t, "store") == 0 {
		in.User, in.Degraded = nil, decision.FallbackFeaturesUnavailable
		in.Zone, in.ZoneOfUser = l.Zone, false
	}
	return in
}
