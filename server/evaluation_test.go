package server

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const evaluationMethods = "/nextbest.v1.EvaluationService/"

func evaluated(change func(*nextbestv1.StartEvaluationRequest)) *nextbestv1.StartEvaluationRequest {
	m := &nextbestv1.StartEvaluationRequest{Loop: "shop", Policies: []*nextbestv1.EvaluatedPolicy{{Name: "online"}, {Name: "uniform"}}}
	change(m)
	return m
}

// badEvaluations are the requests of EvaluationService that are refused.
func badEvaluations() []badCase {
	type start = nextbestv1.StartEvaluationRequest
	const method = evaluationMethods + "StartEvaluation"
	const broken = "version: 1\nname: shop\nactions: [{id: a}]\npolcy: {}\n"
	now := timestamppb.New(time.Unix(1_700_000_000, 0))
	field := func(name string, change func(*start), field string) badCase {
		return badCase{name, method, evaluated(change), "", InvalidField, field}
	}
	return []badCase{
		{"evaluation of an unknown loop", method, evaluated(func(m *start) { m.Loop = "nowhere" }), "", UnknownLoop, ""},
		{"evaluations of an unknown loop", evaluationMethods + "ListEvaluations", &nextbestv1.ListEvaluationsRequest{Loop: "nowhere"}, "", UnknownLoop, ""},
		{"unknown evaluation", evaluationMethods + "GetEvaluation", &nextbestv1.GetEvaluationRequest{Loop: "shop", Id: "x"}, "", UnknownEvaluation, ""},
		{"cancel an unknown evaluation", evaluationMethods + "CancelEvaluation", &nextbestv1.CancelEvaluationRequest{Loop: "shop", Id: "x"}, "", UnknownEvaluation, ""},
		field("no policy", func(m *start) { m.Policies = nil }, "policies"),
		field("policy without a name", func(m *start) { m.Policies[1].Name = "" }, "policies[1].name"),
		field("unknown policy", func(m *start) { m.Policies[1].Name = "/etc/passwd" }, "policies[1].name"),
		field("broken loop file", func(m *start) { m.Policies[1] = &nextbestv1.EvaluatedPolicy{Name: "shop.yaml", LoopFile: broken} }, "policies[1].loopFile"),
		field("too many policies", func(m *start) { m.Policies = make([]*nextbestv1.EvaluatedPolicy, 101); fillPolicies(m.Policies) }, "policies"),
		field("unknown estimator", func(m *start) { m.Estimators = []string{"ips", "none"} }, "estimators[1]"),
		field("unknown interval", func(m *start) { m.Interval = "wide" }, "interval"),
		field("alpha of one", func(m *start) { m.Alpha = proto.Float64(1) }, "alpha"),
		field("too many rounds", func(m *start) { m.Rounds = proto.Int32(math.MaxInt32) }, "rounds"),
		field("no time at all", func(m *start) { m.Since, m.Until = now, now }, "until"),
		{"impossible since", method, evaluated(func(m *start) { m.Since = &timestamppb.Timestamp{Seconds: math.MinInt64} }), "-", InvalidField, "since"},
		{"alpha that is no number", method, evaluated(func(m *start) { m.Alpha = proto.Float64(math.NaN()) }), "", InvalidField, "alpha"},
		{"lambda that is no number", method, evaluated(func(m *start) { m.Lambda = proto.Float64(math.NaN()) }), "", InvalidField, "lambda"},
	}
}

func fillPolicies(policies []*nextbestv1.EvaluatedPolicy) {
	for i := range policies {
		policies[i] = &nextbestv1.EvaluatedPolicy{Name: "uniform"}
	}
}

// TestBrokenPolicyHasItsPlace: the words of a refusal are those of nextbest check, with line and column.
func TestBrokenPolicyHasItsPlace(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	a := r.rest("POST", "/v1/loops/shop/evaluations", `{"policies":[{"name":"shop.yaml","loopFile":"version: 1\nname: shop\npolcy: {}\n"}]}`)
	if detail, _ := a.field("detail").(string); a.status != http.StatusBadRequest || !strings.Contains(detail, "shop.yaml:3:1: ") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestEvaluationWithoutALog fails, and says nothing of where it looked. The evaluation outlives nothing but the request.
func TestEvaluationWithoutALog(t *testing.T) {
	deps := newWorld().deps()
	r := serve(t, testConfig(), deps)
	if a := r.rest("POST", "/v1/loops/shop/evaluations", `{"policies":[{"name":"uniform"}]}`); a.status != http.StatusOK || a.field("state") != "queued" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a := r.rest("GET", "/v1/loops/shop/evaluations/generated", "")
		if a.field("state") == "failed" && a.field("error") == "the event log cannot be read" && a.field("result") == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}
