package server

import (
	"log/slog"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/eventlog"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
	"github.com/nextbest/nextbest/track"
)

const mailFile = `version: 1
name: mail
actions: [{id: a, channel: email}, {id: b, channel: email}]
reward:
  reward_wait_time: 1h
  metrics: {open: 0.1, click: 1, unsubscribe: -5}
  machine: [{metrics: [open], known: true}, {networks: [192.0.2.0/24]}]
`

// trackDeps are real parts with a tracker.
func trackDeps(t *testing.T) Deps {
	deps := realDeps(t, "mail", mailFile, newWorld())
	n := 0
	tracker, err := track.Start(t.Context(), track.Options{
		Events: deps.Events.(*eventlog.Events), Loops: deps.Loops, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		NewID: func(time.Time) string { n++; return "t-" + strconv.Itoa(n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracker.Close(); err != nil {
			t.Error(err)
		}
	})
	deps.Tracker = tracker
	return deps
}

// TestTrackEndToEnd reports over both protocols, through everything that is behind them, and asks the event for it.
func TestTrackEndToEnd(t *testing.T) {
	r := serve(t, testConfig(), trackDeps(t))
	if a := r.rest("POST", "/v1/loops/mail/rank", `{"eventId":"e","userId":"u","slots":[{"id":"top","excludedActions":["b"]},{"id":"side"}]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := r.rest("POST", "/v1/track", `{"userId":"u","metric":"click","actionId":"b","channel":"email"}`)
	for path, want := range map[string]any{
		"outcome": "attributed", "loop": "mail", "eventId": "e", "slotId": "side", "actionId": "b", "trackId": "t-1", "rewardId": "track:t-1", "reason": nil,
	} {
		if got := a.field(path); got != want && !(want == nil && got == "") {
			t.Errorf("%s is %v, want %v in %s", path, got, want, a.body)
		}
	}
	client := nextbestv1.NewTrackServiceClient(r.conn)
	open := &nextbestv1.TrackRequest{
		UserId: "u", Loop: "mail", ActionId: "a", Metric: "open", TrackId: "mpp", UserAgent: "Mozilla/5.0", Ip: "198.51.100.7",
		Time: timestamppb.Now(),
	}
	for _, want := range []string{"attributed", "duplicate"} {
		if got, err := client.Track(t.Context(), open); err != nil || got.GetOutcome() != want || got.GetEventId() != "e" || got.GetSlotId() != "top" {
			t.Errorf("%v, %v, want %s", got, err, want)
		}
	}
	open.Metric = "click"
	if _, err := client.Track(t.Context(), open); status.Code(err) != codes.AlreadyExists {
		t.Errorf("%v", err)
	}
	if a := r.rest("POST", "/v1/track", `{"userId":"stranger","metric":"open"}`); a.field("outcome") != "unattributed" || a.field("reason") != "no_decision" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/mail/events/e/reward", `{"metric":"unsubscribe","value":1,"rewardId":"r","ip":"192.0.2.9","slotId":"side"}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/mail/events/e/reward", `{"metric":"unsubscribe","value":1,"rewardId":"r2","slotId":"side"}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	event := r.rest("GET", "/v1/loops/mail/events/e", "")
	for path, want := range map[string]any{
		"rewards.0.outcome": "joined", "rewards.0.trackId": "t-1", "rewards.0.slotId": "side",
		"rewards.1.outcome": "machine", "rewards.1.userAgent": "Mozilla/5.0", "rewards.1.ip": "198.51.100.0", "rewards.1.trackId": "mpp",
		"rewards.2.outcome": "machine", "rewards.2.ip": "192.0.2.0",
		"rewards.3.outcome": "joined", "reward.0": 0.0, "reward.1": -4.0,
	} {
		if got := event.field(path); got != want {
			t.Errorf("%s is %v, want %v in %s", path, got, want, event.body)
		}
	}
}

func TestTrackRefuses(t *testing.T) {
	r := serve(t, testConfig(), trackDeps(t))
	for body, want := range map[string]struct {
		status int
		field  string
	}{
		`{"metric":"click"}`:                                            {400, "userId"},
		`{"userId":"u","metric":"opened"}`:                              {400, "metric"},
		`{"userId":"u"}`:                                                {400, "metric"},
		`{"userId":"u","metric":"click","value":"NaN"}`:                 {400, "value"},
		`{"userId":"u","metric":"click","ip":"1.2.3"}`:                  {400, "ip"},
		`{"userId":"u","metric":"click","time":"1969-12-31T00:00:00Z"}`: {400, "time"},
		`{"userId":"u","metric":"click","time":"2100-01-01T00:00:00Z"}`: {400, "time"},
		`{"userId":"u","metric":"click","loop":"none"}`:                 {404, ""},
		`{"userId":"u","metric":"click","loop":"No!"}`:                  {400, "loop"},
	} {
		a := r.rest("POST", "/v1/track", body)
		got, _ := a.field("violations.0.field").(string)
		if a.status != want.status || want.field != "" && got != want.field {
			t.Errorf("%s: %d %s, want %d of %s", body, a.status, a.body, want.status, want.field)
		}
	}
	if a := r.rest("POST", "/v1/loops/mail/events/e/reward", `{"metric":"click","value":1,"ip":"x"}`); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
