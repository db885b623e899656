package loop_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/guardrail"
)

// TestContactPolicy: what a file says of it reaches the loop.
func TestContactPolicy(t *testing.T) {
	const head = "version: 1\nname: t\nactions: [{id: a, contact: false}, {id: b, tags: [x]}]\n"
	if d := compile(t, head); d.Loop.Contact != nil || !d.Loop.Subjects[0].Silent || d.Loop.Subjects[1].Silent {
		t.Errorf("%+v, %+v", d.Loop.Contact, d.Loop.Subjects)
	}
	if d := compile(t, head+"contact: {}\n"); d.Loop.Contact == nil {
		t.Error("an empty policy is none")
	}
	d := compile(t, head+`features: {action: {price: {type: number}}, user: {zone: {type: category}}}
time_zone_feature: user.zone
contact:
  caps:
    - {name: a, limit: 3, window: 7d}
    - {name: b, limit: 2, window: 90m, per: action, across: all, kept_for: {home: 1}, on_missing: permit}
    - {name: c, limit: 1, window: 30d, per: "tag:x"}
    - {name: d, limit: 1, window: 1s, per: "channel:e-mail: promotions"}
  quiet_hours:
    - {from: "21:00", until: 08:30}
    - {from: "00:00", until: "00:00", days: [sat, sun], time_zone: loop, on_missing: permit}
  budgets:
    - {name: e, action: b, limit: 10}
    - {name: f, tag: x, limit: 2.5, cost: price, smooth: true}
`)
	every := [7]bool{true, true, true, true, true, true, true}
	want := &guardrail.ContactPolicy{
		Caps: []guardrail.Cap{
			{Name: "a", Limit: 3, Window: 7 * 24 * time.Hour},
			{Name: "b", Limit: 2, Window: 90 * time.Minute, Per: guardrail.PerAction, AllLoops: true, KeptFor: map[string]int{"home": 1}, OnMissing: guardrail.PermitMissing},
			{Name: "c", Limit: 1, Window: 30 * 24 * time.Hour, Per: guardrail.PerTag, Of: "x"},
			{Name: "d", Limit: 1, Window: time.Second, Per: guardrail.PerChannel, Of: "e-mail: promotions"},
		},
		Quiet: []guardrail.QuietHours{
			{From: 21 * time.Hour, Until: 8*time.Hour + 30*time.Minute, Days: every, OfUser: true},
			{Days: [7]bool{time.Sunday: true, time.Saturday: true}, OnMissing: guardrail.PermitMissing},
		},
		Budgets: []guardrail.Budget{{Name: "e", Action: "b", Limit: 10}, {Name: "f", Tag: "x", Limit: 2.5, Cost: "price", Smooth: true}},
	}
	if diff := cmp.Diff(want, d.Loop.Contact); diff != "" {
		t.Errorf("the policy (-want +got):\n%s", diff)
	}
	if was := compile(t, head+"features: {action: {price: {type: number}}, user: {zone: {type: category}}}\n"); was.LearningKey != d.LearningKey {
		t.Error("a contact policy changes what is learned")
	}
}
