package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/inbound"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// webhookSink reports what webhooks bring by the API's own calls, with their limits, checks and counters.
type webhookSink struct {
	decisions nextbestv1.DecisionServiceClient
	tracker   inbound.Tracker // nil: events without an event id belong to none
}

var _ inbound.Sink = (*webhookSink)(nil)

func newWebhookSink(conn grpc.ClientConnInterface, tracker inbound.Tracker) *webhookSink {
	return &webhookSink{decisions: nextbestv1.NewDecisionServiceClient(conn), tracker: tracker}
}

// Report implements inbound.Sink.
func (s *webhookSink) Report(ctx context.Context, e inbound.Event) (inbound.Outcome, error) {
	switch {
	case e.EventID != "" && e.Activate:
		a, err := s.decisions.Activate(ctx, activateRequestOf(&e))
		return inbound.Outcome(a.GetOutcome()), reportError(err)
	case e.EventID != "":
		a, err := s.decisions.Reward(ctx, rewardRequestOf(&e))
		return inbound.Outcome(a.GetOutcome()), reportError(err)
	case s.tracker == nil || e.UserID == "":
		return inbound.Unattributed, nil
	}
	return s.tracker.Track(ctx, e)
}

// rewardRequestOf says as a reward what was reported.
func rewardRequestOf(e *inbound.Event) *nextbestv1.RewardRequest {
	return &nextbestv1.RewardRequest{
		Loop: e.Loop, EventId: e.EventID, SlotId: e.SlotID, Value: &e.Value, Metric: e.Metric, Time: timestampOf(e.Time), RewardId: e.RewardID(),
	}
}

// activateRequestOf says as an activation what was reported.
func activateRequestOf(e *inbound.Event) *nextbestv1.ActivateRequest {
	return &nextbestv1.ActivateRequest{Loop: e.Loop, EventId: e.EventID}
}

// reportError tells what will be refused again from what may be taken the next time. What is our own fault may be mended.
func reportError(err error) error {
	if err == nil {
		return nil
	}
	f := failureOf(status.Convert(err))
	if f.reason.meaning().httpStatus >= 500 || f.reason == Canceled {
		return f
	}
	return &inbound.RefusedError{Reason: f.public()}
}
