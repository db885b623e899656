package server

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/nextbest/nextbest/eventlog"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// TestRankOverBoth is the whole way of a request, and that both protocols give the same answer to it.
func TestRankOverBoth(t *testing.T) {
	w := newWorld()
	w.users["u-1"] = map[string]string{"visits": "3"}
	r := serve(t, testConfig(), w.deps())
	got, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{
		Loop: "shop", EventId: "e-1", UserId: "u-1", ExcludedActions: []string{"b", "elsewhere"}, Explain: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ranking) != 2 || got.Ranking[0].Id != got.RewardActionId || math.Abs(got.Ranking[0].Probability-0.5) > 1e-12 {
		t.Errorf("ranking %v, reward action %q", got.Ranking, got.RewardActionId)
	}
	if !got.Logged || got.EventId != "e-1" || got.SnapshotId != "1-abc" || !got.Cold {
		t.Errorf("answer %v", got)
	}
	if diff := cmp.Diff([]*nextbestv1.ExcludedAction{{Id: "b", Reason: "excluded_by_request"}}, got.Excluded, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got.Explanation.GetContext()["device"].GetStringValue() != "unknown" {
		t.Errorf("explanation %v: the default of device is not shown", got.Explanation)
	}
	rest := r.rest("POST", "/v1/loops/shop/rank", `{"eventId":"e-1","userId":"u-1","excludedActions":["b","elsewhere"],"explain":true}`)
	var same nextbestv1.RankResponse
	if err := protojson.Unmarshal(rest.body, &same); err != nil || rest.status != http.StatusOK {
		t.Fatalf("%d %s: %v", rest.status, rest.body, err)
	}
	if diff := cmp.Diff(got, &same, protocmp.Transform()); diff != "" {
		t.Errorf("REST answers otherwise (-gRPC +REST):\n%s", diff)
	}
	if len(w.history) != 1 {
		t.Errorf("%d records of one event", len(w.history))
	}
}

// TestJSONSaysDefaults keeps zeros and empty texts from vanishing from answers.
func TestJSONSaysDefaults(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	a := r.rest("POST", "/v1/loops/shop/rank", `{}`)
	for path, want := range map[string]any{"fallback": "", "ranking.0.score": 0.0, "eventId": "generated", "cold": true} {
		if got := a.field(path); got != want {
			t.Errorf("%s is %v (%T), want %v in %s", path, got, got, want, a.body)
		}
	}
	if list, ok := a.field("slots").([]any); !ok || len(list) != 0 {
		t.Errorf("slots is not an empty list in %s", a.body)
	}
}

func TestRankSlots(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	got, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop", EventId: "e", Slots: []*nextbestv1.Slot{
		{Id: "top", ExcludedActions: []string{"a"}}, {Id: "side", BaselineAction: "a"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Slots) != 2 || got.Slots[0].ActionId != got.RewardActionId || got.Slots[0].ActionId == got.Slots[1].ActionId {
		t.Errorf("slots %v", got.Slots)
	}
	if diff := cmp.Diff(got.Ranking, got.Slots[0].Ranking, protocmp.Transform()); diff != "" {
		t.Errorf("the top of the answer is not the first slot:\n%s", diff)
	}
}

func TestUnlogged(t *testing.T) {
	w := newWorld()
	w.logErr = eventlog.ErrFailed
	r := serve(t, testConfig(), w.deps())
	got, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop", EventId: "e"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Logged || got.EventId != "" || got.Fallback != "log_unavailable" || got.RewardActionId != "a" {
		t.Errorf("answer without a log: %v", got)
	}
	if a := r.rest("GET", "/readyz", ""); a.status != http.StatusServiceUnavailable || a.field("checks.log") == "ok" {
		t.Errorf("ready without a log: %d %s", a.status, a.body)
	}
}

func TestRewardAndEvent(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	id := "we/ird id?#ü%2F:x"
	path := "/v1/loops/shop/events/we%2Fird%20id%3F%23%C3%BC%252F:x"
	if a := r.rest("POST", path+"/reward", `{"value":0}`); a.status != 200 || a.field("outcome") != early || a.field("rewardId") != "generated" {
		t.Fatalf("early reward: %d %s", a.status, a.body)
	}
	if a := r.rest("GET", path, ""); a.status != 404 || a.field("reason") != string(UnknownEvent) {
		t.Errorf("event without a decision: %d %s", a.status, a.body)
	}
	if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop", EventId: id, DeferActivation: true}); err != nil {
		t.Fatal(err)
	}
	if a := r.rest("POST", path+"/reward", `{"value":2,"rewardId":"r","time":"2026-03-01T12:05:00Z"}`); a.field("outcome") != accepted || a.field("rewardId") != "r" {
		t.Errorf("reward: %d %s", a.status, a.body)
	}
	if a := r.rest("POST", path+"/activate", `{}`); a.status != 200 || a.field("outcome") != accepted {
		t.Errorf("activate: %d %s", a.status, a.body)
	}
	event, err := r.decisions().GetEvent(t.Context(), &nextbestv1.GetEventRequest{Loop: "shop", EventId: id})
	if err != nil {
		t.Fatal(err)
	}
	if event.Decision.EventId != id || !event.Deferred || event.Activated == nil || event.State != "open" || event.LogPosition != 2 {
		t.Errorf("event %v", event)
	}
	if len(event.Rewards) != 2 || event.Rewards[1].Outcome != "joined" || event.Rewards[1].Time.AsTime() != start.Add(5*time.Minute) {
		t.Errorf("rewards %v", event.Rewards)
	}
	if a := r.rest("GET", path, ""); a.field("decision.eventId") != id {
		t.Errorf("REST: %d %s", a.status, a.body)
	}
}

func TestMetrics(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	for range 3 {
		r.rest("POST", "/v1/loops/open/events/e/reward", `{"value":1,"metric":"click"}`)
	}
	text := string(r.rest("GET", "/metrics", "").body)
	for _, line := range []string{
		`nextbest_rpc_duration_seconds_count{code="OK",method="nextbest.v1.DecisionService/Reward",protocol="rest"} 3`,
		`nextbest_rewards{loop="shop",outcome="late"} 1`,
		`nextbest_fallbacks_total{loop="shop",reason="features_timeout"} 2`,
		`nextbest_excluded_total{loop="shop",reason="excluded_by_request"} 3`,
		`nextbest_defaulted_total{feature="visits",loop="shop"} 4`,
		`nextbest_events_total{ending="rewarded",loop="shop"} 9`,
		`nextbest_learner_lag_records{loop="shop"} 5`,
		`nextbest_learner_lag_seconds{loop="shop"} 0.25`,
		`nextbest_open_events{loop="shop"} 6`,
		`nextbest_held{loop="shop"} 7`,
		`nextbest_snapshot_number{loop="shop"} 1`,
		`nextbest_log_size_bytes 4096`,
		`nextbest_log_failed 0`,
		`nextbest_last_reload_ok{loop="shop"} 1`,
		`nextbest_ready 1`,
		`nextbest_in_flight 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, "nextbest_") {
				t.Log(strings.TrimSpace(l))
			}
		}
	}
}

// TestSeriesAreBounded sends many ids, and finds no series made for them.
func TestSeriesAreBounded(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	count := func() int { return strings.Count(string(r.rest("GET", "/metrics", "").body), "\nnextbest_") }
	send := func(n int) {
		for i := range n {
			id := strings.Repeat("x", i+1)
			r.rest("POST", "/v1/loops/shop/rank", `{"eventId":"`+id+`","userId":"`+id+`"}`)
			r.rest("GET", "/v1/loops/"+id, "")
			r.rest("GET", "/"+id, "")
		}
	}
	send(1)
	before := count()
	send(50)
	if after := count(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
}

func TestLoops(t *testing.T) {
	w := newWorld()
	w.reloads = map[string]string{"shop": "shop.yaml:3:1: unknown key"}
	r := serve(t, testConfig(), w.deps())
	a := r.rest("GET", "/v1/loops", "")
	if a.field("loops.0.name") != "open" || a.field("loops.1.name") != "shop" {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = r.rest("GET", "/v1/loops/shop", "")
	for path, want := range map[string]any{
		"snapshot.id": "1-abc", "decisions": "50", "rewards.late": "1", "learner.lagRecords": "5", "fallbacks.features_timeout": "2",
		"reloadError": "shop.yaml:3:1: unknown key", "actions.2": "c", "learningMode": "online",
	} {
		if got := a.field(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if text := string(r.rest("GET", "/metrics", "").body); !strings.Contains(text, `nextbest_last_reload_ok{loop="shop"} 0`) {
		t.Error("the failed reload is not in the metrics")
	}
}

func TestUserFeatures(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	path := "/v1/users/u%2F1/features"
	a := r.rest("PUT", path, `{"features":{"visits":3.5,"vip":true,"city":"Köln","embedding":[1,2.5],"tags":["a","b"]}}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	want := map[string]string{
		"visits": "3.5", "visits@at": "1772366400", "vip": "true", "city": "Köln", "embedding": "[1,2.5]", "tags": `["a","b"]`,
	}
	if diff := cmp.Diff(want, w.users["u/1"]); diff != "" {
		t.Errorf("stored:\n%s", diff)
	}
	if a := r.rest("GET", path, ""); a.field("features.city") != "Köln" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("PUT", path, `{"features":{"visits":null,"vip":true}}`); a.status != 400 || a.field("violations.0.field") != "features.visits" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("DELETE", path, ""); a.status != 200 || len(w.users) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestHealth(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	if a := r.rest("GET", "/healthz", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("GET", "/readyz", ""); a.status != 200 || a.field("ready") != true {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/readyz", "{}"); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("GET", "/openapi.json", ""); a.field("openapi") != "3.1.0" || a.field("info.title") != "nextbest" {
		t.Errorf("%d %.200s", a.status, a.body)
	}
}

// TestReadyNamesBrokenLoopFiles: the last good loops serve, and /readyz says what is wrong all the same.
func TestReadyNamesBrokenLoopFiles(t *testing.T) {
	w := newWorld()
	w.reloads = map[string]string{"shop": "shop.yaml:3:1: unknown key", "": "read loop files: no such directory"}
	a := serve(t, testConfig(), w.deps()).rest("GET", "/readyz", "")
	if a.status != 200 || a.field("checks.file of loop shop") != w.reloads["shop"] || a.field("checks.loop files") != w.reloads[""] {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestNotReadyWithoutSnapshot(t *testing.T) {
	w := newWorld()
	w.unpublished = true
	r := serve(t, testConfig(), w.deps())
	if a := r.rest("GET", "/readyz", ""); a.status != 503 || a.field("checks.loop shop") != "has no snapshot yet" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestValueRoundTrip is the translation of values, there and back.
func TestValueRoundTrip(t *testing.T) {
	for _, v := range []any{1.5, "x", true, false, []any{1.0, 2.0}, []any{"a", "b"}} {
		m, err := structpb.NewValue(v)
		if err != nil {
			t.Fatal(err)
		}
		value, problem := valueOf(m)
		if problem != "" {
			t.Errorf("%v: %s", v, problem)
		}
		if back := messageOf(value); !proto.Equal(back, m) {
			t.Errorf("%v came back as %v", m, back)
		}
	}
}

func TestExpiredDeadline(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := r.decisions().Rank(ctx, &nextbestv1.RankRequest{Loop: "shop"}); err == nil {
		t.Error("answered after the deadline")
	}
}
