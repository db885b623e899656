package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/inbound"
	"github.com/nextbest/nextbest/track"
)

const hooks = `version: 1
sources:
  crm:
    type: mapping
    loop: shop
    bearer: {secret_env: TOKEN}
    map: {id: /id, kind: /kind, loop: /loop, event_id: /event, user_id: /user, value: /value, time: /time}
    events:
      open: {metric: open, value: 1}
      order: {metric: revenue}
      sent: {activate: true}
      wrong: {metric: none, value: 1}
  anyone:
    type: mapping
    loop: shop
    unverified: true
    map: {id: /id, kind: /kind, event_id: /event}
    events: {open: {metric: open, value: 1}}
`

const mailLoop = `version: 1
name: shop
actions: [{id: a}, {id: b}]
reward: {reward_wait_time: 1h, metrics: {open: 0.1, revenue: 1}, aggregation: sum}
`

// openHooks opens the sources that these tests deliver to.
func openHooks(t testing.TB) *inbound.Sources {
	t.Helper()
	config, err := inbound.Parse("hooks.yaml", []byte(hooks))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := config.Open(inbound.Secrets{Env: func(string) (string, bool) { return "t0ken", true }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// deliver posts to the source that has a token.
func (r *running) deliver(body string) answer {
	r.t.Helper()
	request, err := http.NewRequest("POST", "http://"+r.srv.HTTPAddr().String()+"/v1/webhooks/crm", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer t0ken")
	request.Header.Set("Content-Type", "text/plain") // as SNS says; the bytes are what counts
	return r.do(request)
}

// TestWebhookRewards ranks, delivers, delivers again, and asks what became of it: over real HTTP, with a real log.
func TestWebhookRewards(t *testing.T) {
	deps := realDeps(t, "shop", mailLoop, newWorld())
	deps.Webhooks = openHooks(t)
	r := serve(t, testConfig(), deps)
	r.rest("POST", "/v1/loops/shop/rank", `{"eventId":"e-1","deferActivation":true}`)
	delivery := `[{"id":1,"kind":"sent","event":"e-1"},{"id":2,"kind":"open","event":"e-1"},{"id":3,"kind":"order","event":"e-1","value":12.5},
		{"id":4,"kind":"seen","event":"e-1"},{"id":5,"kind":"wrong","event":"e-1"},{"id":6,"kind":"open","event":"e-9","loop":"none"},
		{"id":7,"kind":"open","user":"u"},{"id":8,"kind":"order","event":"e-1","value":"x"},{"kind":"open","event":"e-1"},
		{"id":9,"kind":"open","event":"later"}, 7]`
	for range 3 {
		a := r.deliver(delivery)
		for path, want := range map[string]any{
			"received": 11.0, "outcomes.accepted": 3.0, "outcomes.early": 1.0, "outcomes.ignored": 2.0, "outcomes.refused": 4.0, "outcomes.unattributed": 1.0,
			"errors.0.index": 4.0, "errors.1.index": 5.0, "errors.2.index": 7.0, "errors.3.index": 8.0,
		} {
			if got := a.field(path); a.status != 200 || got != want {
				t.Errorf("%s is %v, want %v in %d %s", path, got, want, a.status, a.body)
			}
		}
	}
	event := r.rest("GET", "/v1/loops/shop/events/e-1", "")
	var joined struct {
		Activated string
		Reward    []float64
		Rewards   []struct{ RewardID, Metric, Outcome string }
	}
	if err := json.Unmarshal(event.body, &joined); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, x := range joined.Rewards {
		counts[x.Metric+" "+x.Outcome]++
	}
	if counts["open joined"] != 1 || counts["revenue joined"] != 1 || counts["open duplicate"] != 2 || counts["revenue duplicate"] != 2 ||
		len(joined.Rewards) != 6 || joined.Activated == "" || joined.Reward[0] != 12.6 {
		t.Errorf("%v in %s", counts, event.body)
	}
	page := string(r.rest("GET", "/metrics", "").body)
	for _, line := range []string{
		`nextbest_webhook_events_total{outcome="accepted",source="crm"} 9`, `nextbest_webhook_events_total{outcome="refused",source="crm"} 12`,
		`nextbest_webhook_events_total{outcome="failed",source="anyone"} 0`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("/metrics has no %s", line)
		}
	}
}

// TestWebhookRefusals: what is refused whole, and as what.
func TestWebhookRefusals(t *testing.T) {
	w := newWorld()
	deps := w.deps()
	deps.Webhooks = openHooks(t)
	config := testConfig()
	config.MaxMessageBytes = 4096
	r := serve(t, config, deps)
	for name, c := range map[string]struct {
		a      answer
		status int
		reason Reason
	}{
		"unknown source":      {r.rest("POST", "/v1/webhooks/other", "{}"), 404, UnknownWebhook},
		"no token":            {r.rest("POST", "/v1/webhooks/crm", "{}"), 401, WebhookUnverified},
		"not JSON":            {r.deliver("{"), 400, MalformedMessage},
		"empty":               {r.deliver(""), 400, MalformedMessage},
		"too large":           {r.deliver(strings.Repeat(" ", 5000)), 413, MessageTooLarge},
		"GET":                 {r.rest("GET", "/v1/webhooks/crm", ""), 405, MethodNotAllowed},
		"from a foreign page": {r.restAs("POST", "/v1/webhooks/anyone", "text/plain", strings.NewReader(`{"id":1,"kind":"open","event":"e"}`)), 415, UnsupportedMediaType},
		"below":               {r.rest("POST", "/v1/webhooks/crm/x", "{}"), 404, UnknownPath},
		"none":                {r.rest("POST", "/v1/webhooks/", "{}"), 404, UnknownPath},
	} {
		if c.a.status != c.status || c.a.field("reason") != string(c.reason) || c.a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s", name, c.a.status, c.a.header.Get("Content-Type"), c.a.body)
		}
	}
	if a := r.rest("POST", "/v1/webhooks/anyone", `{"id":1,"kind":"seen"}`); a.status != 200 || a.field("outcomes.ignored") != 1.0 {
		t.Errorf("unverified: %d %s", a.status, a.body)
	}
}

// TestWebhookRetries: while the log takes nothing, the whole delivery is to come again; then it is taken.
func TestWebhookRetries(t *testing.T) {
	w := newWorld()
	deps := w.deps()
	deps.Webhooks = openHooks(t)
	r := serve(t, testConfig(), deps)
	body := `[{"id":1,"kind":"sent","event":"e-1"},{"id":2,"kind":"seen"}]`
	for err, want := range map[error]struct {
		status int
		reason Reason
	}{
		eventlog.ErrFailed: {503, LogUnavailable}, eventlog.ErrFull: {503, Overloaded}, context.DeadlineExceeded: {504, DeadlineExceeded}, errors.New("a disk"): {500, Internal},
	} {
		w.set(func() { w.logErr = err })
		a := r.deliver(body)
		if a.status != want.status || a.field("reason") != string(want.reason) || strings.Contains(string(a.body), "a disk") {
			t.Errorf("%v: %d %s", err, a.status, a.body)
		}
		if want.status == 503 && a.header.Get("Retry-After") == "" {
			t.Errorf("%v: no Retry-After", err)
		}
	}
	w.set(func() { w.logErr = nil })
	if a := r.deliver(body); a.status != 200 || a.field("outcomes.early") != 1.0 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// tracker notes what it is asked to find.
type tracker struct {
	mu   sync.Mutex
	seen []track.Report
}

func (k *tracker) Track(_ context.Context, r track.Report) (track.Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = append(k.seen, r)
	if r.UserID == "panic" {
		panic("a bug")
	}
	return track.Answer{Outcome: track.Attributed}, nil
}

func (k *tracker) Stats(context.Context) (track.Stats, error) { return track.Stats{}, nil }

// TestWebhookTracks hands what has no event id, and a user, to whoever finds decisions.
func TestWebhookTracks(t *testing.T) {
	k := &tracker{}
	deps := newWorld().deps()
	deps.Webhooks, deps.Tracker = openHooks(t), k
	r := serve(t, testConfig(), deps)
	a := r.deliver(`[{"id":1,"kind":"open","user":"u-1","time":"2026-03-01T11:00:00Z"},{"id":2,"kind":"open"},{"id":3,"kind":"sent","user":"u-1"}]`)
	if a.status != 200 || a.field("outcomes.attributed") != 1.0 || a.field("outcomes.unattributed") != 2.0 || len(k.seen) != 1 {
		t.Fatalf("%d %s %v", a.status, a.body, k.seen)
	}
	if e := k.seen[0]; e.UserID != "u-1" || e.Loop != "shop" || e.Metric != "open" || e.Value != 1 || !e.At.Equal(start.Add(-time.Hour)) || !strings.HasPrefix(e.TrackID, "crm:") {
		t.Errorf("%+v", e)
	}
	if a := r.deliver(`{"id":1,"kind":"open","user":"panic"}`); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
