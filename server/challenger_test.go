package server

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/challenger"
	"github.com/nextbest/nextbest/learn"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// contestants are the challengers of the shop, in memory: bold is promoted, even is not proven.
type contestants struct{ asked []challenger.Request }

func (c *contestants) Status(loop string) (challenger.Status, bool) {
	if loop != "shop" {
		return challenger.Status{}, true
	}
	refusal := challenger.Evidence{Gain: math.NaN(), Lower: math.Inf(-1), Upper: math.Inf(1), Refusals: []string{"Too few."}, Advice: "More."}
	return challenger.Status{
		SHA256: "abc", Automatic: true, LagRecords: 5, Promoted: 2, TakenBack: 1,
		Challengers: []challenger.Challenger{
			{Name: "bold", State: challenger.InForce, SHA256: "abc", Policy: "uniform", Since: 7, Evidence: refusal},
			{Name: "even", State: challenger.Evaluating, Evidence: challenger.Evidence{Events: 500, Gain: .25, Lower: -.125, Upper: .5, Answers: true}},
			{Name: "odd", State: challenger.Broken, Error: "odd.yaml:1:1: no", Evidence: refusal},
		},
		Promotion: &learn.Promotion{Challenger: "bold", Position: 9, Time: start, Lower: .5, Events: 1000, Actor: "ann"},
		Watch:     &challenger.Watch{WatchSpec: learn.WatchSpec{Metric: "sale", Lower: true, Tolerance: .5}, Evidence: refusal},
	}, true
}

func (c *contestants) Promote(_ context.Context, loop, name string, r challenger.Request) (*learn.Promotion, bool, error) {
	c.asked = append(c.asked, r)
	switch {
	case name == "nobody":
		return nil, false, challenger.ErrUnknown
	case name == "odd":
		return nil, false, &challenger.BrokenError{Loop: loop, Challenger: name, Problem: "odd.yaml:1:1: no"}
	case name == "bold":
		return nil, false, learn.ErrNotInForce
	case !r.Force:
		return nil, false, &challenger.NotProvenError{Loop: loop, Challenger: name, Evidence: challenger.Evidence{Events: 500, Gain: .25, Lower: -.125, Upper: .5, Answers: true}}
	}
	return &learn.Promotion{Challenger: name, Position: 11, Time: start, Forced: true, Gain: math.NaN()}, true, nil
}

func (c *contestants) TakeBack(_ context.Context, _, name string, _ challenger.Request) (*learn.Promotion, bool, error) {
	if name != "bold" {
		return nil, false, learn.ErrNotPromoted
	}
	return &learn.Promotion{Challenger: name}, false, nil
}

// Both protocols show the challengers, and say for each refusal why.
func TestChallengers(t *testing.T) {
	deps := newWorld().deps()
	fake := &contestants{}
	deps.Challengers = fake
	r := serve(t, testConfig(), deps)
	a := r.rest("GET", "/v1/loops/shop/challengers", "")
	for path, want := range map[string]any{
		"promotionMode": "automatic", "lagRecords": "5", "challengers.0.state": "in_force", "challengers.1.evidence.lower": -.125,
		"challengers.1.proven": false, "challengers.2.error": "odd.yaml:1:1: no", "challengers.2.evidence.advice": "More.",
		"promotion.position": "9", "promotion.time": "2026-03-01T12:00:00Z", "watch.metric": "sale", "watch.better": "lower", "watch.tolerance": .5,
	} {
		if got := a.field(path); got != want {
			t.Errorf("%s is %v, want %v in %s", path, got, want, a.body)
		}
	}
	if got := a.field("challengers.2.evidence.gain"); got != nil {
		t.Errorf("a gain that does not exist is %v", got)
	}
	const path = "/v1/loops/shop/challengers/"
	for _, c := range []struct {
		path, body string
		reason     Reason
		says       string
	}{
		{path + "even/promote", `{}`, NotProven, "after 500 events its gain is 0.25, and may be as low as -0.125"},
		{path + "odd/promote", `{}`, ChallengerBroken, "odd.yaml:1:1: no"},
		{path + "nobody/promote", `{}`, UnknownChallenger, ""},
		{path + "bold/promote", `{}`, LoopChanged, ""},
		{path + "even/takeback", `{}`, NotPromoted, ""},
		{path + "even/promote", `{"force":true}`, InvalidField, "reason"},
		{path + "even/promote", `{"force":true,"reason":" \t\u00a0"}`, InvalidField, "reason"},
		{path + "even/promote", `{"actor":"` + strings.Repeat("x", 129) + `"}`, InvalidField, "actor"},
		{path + strings.Repeat("x", 129) + "/promote", `{}`, InvalidField, "challenger"},
		{"/v1/loops/Shop/challengers/even/promote", `{}`, InvalidField, "loop"},
		{"/v1/loops/nowhere/challengers/even/promote", `{}`, UnknownLoop, ""},
		{"/v1/loops/nowhere/challengers/even/takeback", `{}`, UnknownLoop, ""},
	} {
		a := r.rest("POST", c.path, c.body)
		if detail, _ := a.field("detail").(string); a.field("reason") != string(c.reason) || !strings.Contains(detail, c.says) {
			t.Errorf("%s %s: %d %s", c.path, c.body, a.status, a.body)
		}
		if c.reason == InvalidField && a.field("violations.0.field") != c.says {
			t.Errorf("%s %s: violations of %s", c.path, c.body, a.body)
		}
	}
	fake.asked = nil
	a = r.rest("POST", path+"even/promote", `{"force":true,"reason":"a drill","actor":"ann"}`)
	if a.field("promotion.forced") != true || a.field("serving") != true || len(fake.asked) != 1 || fake.asked[0] != (challenger.Request{Actor: "ann", Reason: "a drill", Force: true}) {
		t.Errorf("%s, %+v", a.body, fake.asked)
	}
	if a := r.rest("POST", path+"bold/takeback", `{}`); a.status != http.StatusOK || a.field("serving") != false {
		t.Errorf("%s", a.body)
	}
	metrics := string(r.rest("GET", "/metrics", "").body)
	for _, want := range []string{
		`nextbest_challenger_gain_lower{challenger="even",loop="shop"} -0.125`, `nextbest_promotions_total{kind="promoted",loop="shop"} 2`,
		`nextbest_promotions_total{kind="taken_back",loop="shop"} 1`, `nextbest_challenger_lag_records{loop="shop"} 5`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

// A server without challengers answers all the same.
func TestNoChallengers(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	client := nextbestv1.NewChallengerServiceClient(r.conn)
	if l, err := client.ListChallengers(t.Context(), &nextbestv1.ListChallengersRequest{Loop: "shop"}); err != nil || len(l.Challengers) != 0 {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := client.PromoteChallenger(t.Context(), &nextbestv1.PromoteChallengerRequest{Loop: "shop", Challenger: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("%v", err)
	}
}
