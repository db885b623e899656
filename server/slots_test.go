package server

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const pageFile = `
version: 1
name: page
actions: [{id: a}, {id: b}, {id: c}]
slots: {reward_model: cascade}
reward: {reward_wait_time: 1h}
`

const pageRank = `{"eventId":"e","slots":[{"id":"top"},{"id":"side","excludedActions":["a"]},{"id":"end"}]}`

// A slot that its event does not have cannot be rewarded, over gRPC and REST alike: the field is named, and nothing is in
// the log. Before the event is known nobody can say; then the reward is held, and its end is counted and can be seen.
func TestRewardsOfSlotsThatAreNotThere(t *testing.T) {
	r := serve(t, testConfig(), realDeps(t, "page", pageFile, newWorld()))
	early := `{"value":1,"rewardId":"early","slotId":"attic"}`
	if a := r.rest("POST", "/v1/loops/page/events/e/reward", early); a.status != 200 || a.field("outcome") != "early" {
		t.Fatalf("before the event: %d %s", a.status, a.body)
	}
	if a := r.rest("POST", "/v1/loops/page/rank", pageRank); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := r.rest("POST", "/v1/loops/page/events/e/reward", `{"value":1,"rewardId":"rest","slotId":"attic"}`)
	if a.status != 400 || a.field("reason") != string(InvalidField) || a.field("violations.0.field") != "slotId" {
		t.Errorf("over REST: %d %s", a.status, a.body)
	}
	_, err := r.decisions().Reward(t.Context(), &nextbestv1.RewardRequest{Loop: "page", EventId: "e", RewardId: "grpc", Value: proto.Float64(1), SlotId: "attic"})
	if s := status.Convert(err); s.Code() != codes.InvalidArgument || fieldOf(s) != "slotId" {
		t.Errorf("over gRPC: %v", err)
	}
	event := r.rest("GET", "/v1/loops/page/events/e", "")
	if event.field("rewards.0.rewardId") != "early" || event.field("rewards.0.outcome") != "unknown_slot" || event.field("rewards.1") != nil {
		t.Errorf("the event shows %s", event.body)
	}
	if got := event.field("examinedSlots"); got != 3.0 {
		t.Errorf("%v slots were examined", got)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a := r.rest("GET", "/v1/loops/page", "")
		if a.field("rewards.unknown_slot") == "1" && a.field("rewards.early") != "1" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not counted: %s", a.body)
		}
	}
}

func fieldOf(s *status.Status) string {
	for _, d := range s.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

// Each slot of an answer has its own action, probabilities that sum to 1 over what the slots before leave, and a reward; how
// far the user looked follows from the rewards.
func TestSlotsOverREST(t *testing.T) {
	r := serve(t, testConfig(), realDeps(t, "page", pageFile, newWorld()))
	answer, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "page", EventId: "e", Slots: []*nextbestv1.Slot{
		{Id: "top"}, {Id: "side", ExcludedActions: []string{"a"}}, {Id: "end"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	again := r.rest("POST", "/v1/loops/page/rank", pageRank)
	used := map[string]bool{}
	for i, s := range answer.GetSlots() {
		sum := 0.0
		for _, x := range s.GetRanking() {
			sum += x.GetProbability()
			if used[x.GetId()] || i == 1 && x.GetId() == "a" {
				t.Errorf("%s can have %s", s.GetId(), x.GetId())
			}
		}
		if sum < 1-1e-9 || sum > 1+1e-9 || s.GetRanking()[0].GetId() != s.GetActionId() {
			t.Errorf("%s: %v", s.GetId(), s)
		}
		if got := again.field("slots." + string(rune('0'+i)) + ".actionId"); got != s.GetActionId() {
			t.Errorf("%s: asked again over REST %v, want %s", s.GetId(), got, s.GetActionId())
		}
		used[s.GetActionId()] = true
	}
	for _, c := range []struct {
		slot     string
		examined float64
	}{{"end", 3}, {"side", 2}, {"top", 1}} {
		if a := r.rest("POST", "/v1/loops/page/events/e/reward", `{"value":1,"slotId":"`+c.slot+`"}`); a.field("outcome") != accepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got := r.rest("GET", "/v1/loops/page/events/e", "").field("examinedSlots"); got != c.examined {
			t.Errorf("rewarded %s: %v slots were examined, want %v", c.slot, got, c.examined)
		}
	}
}
