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
	tracks    nextbestv1.TrackServiceClient // nil: events without an event id belong to none
}

var _ inbound.Sink = (*webhookSink)(nil)

func newWebhookSink(conn grpc.ClientConnInterface, tracks bool) *webhookSink {
	s := &webhookSink{decisions: nextbestv1.NewDecisionServiceClient(conn)}
	if tracks {
		s.tracks = nextbestv1.NewTrackServiceClient(conn)
	}
	return s
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
	case s.tracks == nil || e.UserID == "" || e.Activate: // What was sent is said of an event.
		return inbound.Unattributed, nil
	}
	a, err := s.tracks.Track(ctx, trackRequestOf(&e))
	return inbound.Outcome(a.GetOutcome()), reportError(err)
}

// rewardRequestOf says as a reward what was reported.
func rewardRequestOf(e *inbound.Event) *nextbestv1.RewardRequest {
	return &nextbestv1.RewardRequest{
		Loop: e.Loop, EventId: e.EventID, SlotId: e.SlotID, Value: &e.Value, Metric: e.Metric, Time: timestampOf(e.Time), RewardId: e.RewardID(),
		UserAgent: e.UserAgent, Ip: e.IP, Machine: e.Machine,
	}
}

// trackRequestOf says what was reported without the id of an event.
func trackRequestOf(e *inbound.Event) *nextbestv1.TrackRequest {
	return &nextbestv1.TrackRequest{
		UserId: e.UserID, Loop: e.Loop, ActionId: e.ActionID, Channel: e.Channel, Value: &e.Value, Metric: e.Metric, Time: timestampOf(e.Time),
		TrackId: e.RewardID(), UserAgent: e.UserAgent, Ip: e.IP, Machine: e.Machine,
	}
}

// activateRequestOf says as an activation what was reported.
func activateRequestOf(e *inbound.Event) *nextbestv1.ActivateRequest {
	return &nextbestv1.ActivateRequest{Loop: e.Loop, EventId: e.EventID, Time: timestampOf(e.Time)}
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
