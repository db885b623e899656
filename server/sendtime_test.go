package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/contact"
	"github.com/nextbest/nextbest/decision"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const newsFile = `
version: 1
name: news
actions: send_times
send_time: {channel: email, do_not_send: true}
features: {user: {time_zone: {type: category}}}
time_zone: Europe/Berlin
time_zone_feature: user.time_zone
contact:
  quiet_hours: [{from: "21:00", until: "08:00", on_missing: permit}]
reward: {reward_wait_time: 1h}
`

// A send time over REST and gRPC: an instant with its probability, the same again for the same event, alternatives, what was excluded, the zone and
// whose word it is; then the send as it was, its reward, and all of it in GetEvent.
func TestSendTime(t *testing.T) {
	w := newWorld()
	w.users["ann"] = map[string]string{"time_zone": "Asia/Tokyo"}
	w.users["bob"] = map[string]string{"time_zone": "Mars/Base"}
	deps := realDeps(t, "news", newsFile, w)
	deps.Decider.(*decision.Decider).Contacts = &contact.Source{Features: w, Contacts: contact.NewMemory()}
	r := serve(t, testConfig(), deps)
	if a := serve(t, testConfig(), realDeps(t, "news", newsFile, w)).rest("POST", "/v1/loops/news/sendtime", `{"userId":"ann"}`); a.field("local") != "do_not_send" || a.field("probability") != 1.0 {
		t.Errorf("contacts that nobody knows: %s", a.body)
	}
	ask := func(body string) answer { return r.rest("POST", "/v1/loops/news/sendtime", body) }

	first := ask(`{"eventId":"spring:ann","userId":"ann","alternatives":30,"explain":true}`)
	if first.status != 200 || first.field("timeZone") != "Asia/Tokyo" || first.field("timeZoneSource") != "user" || first.field("cold") != true {
		t.Fatalf("%d %s", first.status, first.body)
	}
	var got nextbestv1.SendTimeResponse
	if err := newJSONCodec().Unmarshal(first.body, &got); err != nil {
		t.Fatal(err)
	}
	sum := got.GetProbability()
	for _, m := range got.GetAlternatives() {
		sum += m.GetProbability()
		if m.GetTime() != nil {
			checkLocal(t, m.GetTime().AsTime(), m.GetLocal())
		}
	}
	if sum < 1-1e-9 || sum > 1+1e-9 {
		t.Errorf("probabilities sum to %v", sum)
	}
	if n := got.GetExcluded()["quiet_hours"]; n == 0 || int(n) != len(got.GetExcludedMoments()) {
		t.Errorf("excluded %v and %d moments", got.GetExcluded(), len(got.GetExcludedMoments()))
	}
	if again := ask(`{"eventId":"spring:ann","userId":"ann","alternatives":30,"explain":true}`); string(again.body) != string(first.body) {
		t.Errorf("asked again: %s", again.body)
	}
	if other := ask(`{"eventId":"spring:ann","userId":"ann","timeZone":"Asia/Tokyo"}`); other.status != 409 {
		t.Errorf("another request: %d %s", other.status, other.body)
	}
	if bob := ask(`{"userId":"bob"}`); bob.field("timeZone") != "Europe/Berlin" || bob.field("timeZoneSource") != "loop" {
		t.Errorf("a zone that is none: %s", bob.body)
	}
	if own := ask(`{"userId":"bob","timeZone":"America/Lima"}`); own.field("timeZone") != "America/Lima" || own.field("timeZoneSource") != "request" {
		t.Errorf("a zone of the request's: %s", own.body)
	}
	sent := time.Now().UTC().Truncate(time.Second)
	activate := r.rest("POST", "/v1/loops/news/events/spring:ann/activate", fmt.Sprintf(`{"time":%q}`, sent.Format(time.RFC3339)))
	if got.GetSendAt() == nil {
		if activate.status != 400 {
			t.Errorf("a send where none was to be: %s", activate.body)
		}
		return
	}
	reward := r.rest("POST", "/v1/loops/news/events/spring:ann/reward", `{"value":1}`)
	if activate.status != 200 || reward.status != 200 {
		t.Fatalf("%s %s", activate.body, reward.body)
	}
	event := r.rest("GET", "/v1/loops/news/events/spring:ann", "")
	for path, want := range map[string]any{
		"sent": sent.Format(time.RFC3339), "sendTime.local": got.GetLocal(), "rewards.0.outcome": "joined", "state": "open",
		"decision.rewardActionId": got.GetLocal(),
	} {
		if have := event.field(path); have != want {
			t.Errorf("%s is %v, want %v", path, have, want)
		}
	}
}

func checkLocal(t *testing.T, at time.Time, local string) {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, local)
	if _, offset := parsed.Zone(); err != nil || !parsed.Equal(at) || offset != 9*3600 || parsed.Hour() >= 21 || parsed.Hour() < 8 {
		t.Errorf("%s by the clock in Tokyo: %q", at, local)
	}
}

func TestSendTimesThatCannotBeAskedFor(t *testing.T) {
	r := serve(t, testConfig(), realDeps(t, "news", newsFile, newWorld()))
	for body, field := range map[string]string{
		`{"timeZone":"Mars/Base"}`:                                            "timeZone",
		`{"timeZone":"Local"}`:                                                "timeZone",
		`{"timeZone":"../../etc/passwd"}`:                                     "timeZone",
		`{"latest":"2020-01-01T00:00:00Z"}`:                                   "latest",
		`{"earliest":"2026-12-02T00:00:00Z","latest":"2026-12-01T00:00:00Z"}`: "latest",
		`{"latest":"2099-01-01T00:00:00Z"}`:                                   "latest",
		`{"earliest":"1960-01-01T00:00:00Z"}`:                                 "earliest",
		`{"granularity":"420s"}`:                                              "granularity",
		`{"granularity":"60s"}`:                                               "granularity",
		`{"granularity":"-3600s"}`:                                            "granularity",
		`{"granularity":"172800s"}`:                                           "granularity",
		fmt.Sprintf(`{"campaign":%q}`, strings.Repeat("x", 129)):              "campaign",
		`{"alternatives":1001}`:                                               "alternatives",
		`{"maxPerMinute":1000001}`:                                            "maxPerMinute",
		fmt.Sprintf(`{"granularity":"300s","latest":%q}`, inDays(13)):         "granularity",
	} {
		a := r.rest("POST", "/v1/loops/news/sendtime", body)
		var p problem
		if err := json.Unmarshal(a.body, &p); err != nil || a.status != 400 || len(p.Violations) == 0 || p.Violations[0].Field != field {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := r.rest("POST", "/v1/loops/news/rank", `{"actions":[{"id":"a"}]}`); a.status != 400 || a.field("violations.0.field") != "loop" {
		t.Errorf("a rank: %d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/none/sendtime", `{}`); a.status != 404 {
		t.Errorf("no such loop: %d %s", a.status, a.body)
	}
	_, err := r.decisions().SendTime(t.Context(), &nextbestv1.SendTimeRequest{Loop: "news", Earliest: &timestamppb.Timestamp{Nanos: -1}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a time that is none: %v", err)
	}
	_, err = r.decisions().SendTime(t.Context(), &nextbestv1.SendTimeRequest{Loop: "news", Granularity: &durationpb.Duration{Seconds: 1 << 60}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a duration that is none: %v", err)
	}
	shop := serve(t, testConfig(), realDeps(t, "shop", "version: 1\nname: shop\nactions: [{id: a}]\n", newWorld()))
	if a := shop.rest("POST", "/v1/loops/shop/sendtime", `{}`); a.status != 400 || a.field("violations.0.field") != "loop" {
		t.Errorf("a loop that does not choose send times: %d %s", a.status, a.body)
	}
}

func inDays(n int) string {
	return time.Now().Add(time.Duration(n) * 24 * time.Hour).UTC().Format(time.RFC3339)
}
