package server

import (
	"context"
	"fmt"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
	"github.com/nextbest/nextbest/track"
)

// Tracker attributes reports that come without an event id.
type Tracker interface {
	// Track returns once the report is in the log, also where no decision has it.
	Track(ctx context.Context, r track.Report) (track.Answer, error)
	// Stats may wait for a report that is being looked up.
	Stats(ctx context.Context) (track.Stats, error)
}

var _ Tracker = (*track.Tracker)(nil)

// trackService answers nextbest.v1.TrackService.
type trackService struct {
	nextbestv1.UnimplementedTrackServiceServer
	deps Deps
}

// Track implements nextbestv1.TrackServiceServer.
func (s *trackService) Track(ctx context.Context, m *nextbestv1.TrackRequest) (*nextbestv1.TrackResponse, error) {
	r, err := reportOf(m)
	if err != nil {
		return nil, err
	}
	a, err := s.deps.Tracker.Track(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("track: %w", err)
	}
	return &nextbestv1.TrackResponse{
		TrackId: a.TrackID, Outcome: string(a.Outcome), Reason: string(a.Reason),
		Loop: a.Loop, EventId: a.EventID, SlotId: a.SlotID, ActionId: a.ActionID, RewardId: a.RewardID,
	}, nil
}

func reportOf(m *nextbestv1.TrackRequest) (track.Report, error) {
	r := track.Report{
		TrackID: m.GetTrackId(), UserID: m.GetUserId(), Loop: m.GetLoop(), ActionID: m.GetActionId(), Channel: m.GetChannel(),
		Metric: m.GetMetric(), Value: 1, UserAgent: m.GetUserAgent(), IP: m.GetIp(), Machine: m.GetMachine(),
	}
	if m.Value != nil {
		r.Value = m.GetValue()
	}
	if m.GetTime() != nil {
		if err := m.GetTime().CheckValid(); err != nil {
			return r, invalid("time", "is not a valid time")
		}
		if r.At = m.GetTime().AsTime(); r.At.Unix() <= 0 {
			return r, invalid("time", "is before 1970")
		}
	}
	return r, nil
}
