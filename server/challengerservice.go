package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/nextbest/nextbest/challenger"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// challengerService answers nextbest.v1.ChallengerService.
type challengerService struct {
	nextbestv1.UnimplementedChallengerServiceServer
	deps Deps
}

// challengerReason returns what an error of challengers is to callers, "" for another error.
func challengerReason(err error) Reason {
	var broken *challenger.BrokenError
	var unproven *challenger.NotProvenError
	switch {
	case errors.Is(err, challenger.ErrUnknown):
		return UnknownChallenger
	case errors.As(err, &broken):
		return ChallengerBroken
	case errors.As(err, &unproven):
		return NotProven
	case errors.Is(err, learn.ErrNotPromoted):
		return NotPromoted
	case errors.Is(err, learn.ErrNotInForce):
		return LoopChanged
	}
	return ""
}

// ListChallengers implements nextbestv1.ChallengerServiceServer.
func (s *challengerService) ListChallengers(_ context.Context, m *nextbestv1.ListChallengersRequest) (*nextbestv1.ListChallengersResponse, error) {
	if err := s.known(m.GetLoop()); err != nil || s.deps.Challengers == nil {
		return &nextbestv1.ListChallengersResponse{}, err
	}
	st, _ := s.deps.Challengers.Status(m.GetLoop())
	out := &nextbestv1.ListChallengersResponse{
		LoopSha256: st.SHA256, PromotionMode: "manual", LagRecords: st.LagRecords, Error: st.Error,
	}
	if st.Automatic {
		out.PromotionMode = "automatic"
	}
	for i := range st.Challengers {
		out.Challengers = append(out.Challengers, challengerOf(&st.Challengers[i]))
	}
	if st.Promotion != nil {
		out.Promotion = promotionOf(st.Promotion)
	}
	if w := st.Watch; w != nil {
		out.Watch = &nextbestv1.Watch{Metric: w.Metric, Better: "higher", Tolerance: w.Tolerance, Evidence: evidenceOf(&w.Evidence)}
		if w.Lower {
			out.Watch.Better = "lower"
		}
	}
	return out, nil
}

// PromoteChallenger implements nextbestv1.ChallengerServiceServer.
func (s *challengerService) PromoteChallenger(ctx context.Context, m *nextbestv1.PromoteChallengerRequest) (*nextbestv1.PromoteChallengerResponse, error) {
	if err := s.any(m.GetLoop(), m.GetChallenger()); err != nil {
		return nil, err
	}
	if m.GetForce() && strings.TrimSpace(m.GetReason()) == "" {
		return nil, invalid("reason", "say why, when force is true")
	}
	p, served, err := s.deps.Challengers.Promote(ctx, m.GetLoop(), m.GetChallenger(),
		challenger.Request{Actor: m.GetActor(), Reason: m.GetReason(), Force: m.GetForce()})
	if err != nil {
		return nil, err
	}
	return &nextbestv1.PromoteChallengerResponse{Promotion: promotionOf(p), Serving: served}, nil
}

// TakeBackChallenger implements nextbestv1.ChallengerServiceServer.
func (s *challengerService) TakeBackChallenger(ctx context.Context, m *nextbestv1.TakeBackChallengerRequest) (*nextbestv1.TakeBackChallengerResponse, error) {
	if err := s.any(m.GetLoop(), m.GetChallenger()); err != nil {
		return nil, err
	}
	_, served, err := s.deps.Challengers.TakeBack(ctx, m.GetLoop(), m.GetChallenger(),
		challenger.Request{Actor: m.GetActor(), Reason: m.GetReason()})
	if err != nil {
		return nil, err
	}
	out := &nextbestv1.TakeBackChallengerResponse{Serving: served}
	if d, ok := s.deps.Loops.Definition(m.GetLoop()); ok {
		out.LoopSha256 = d.SHA256
	}
	return out, nil
}

func (s *challengerService) known(loop string) error {
	if _, ok := s.deps.Loops.Definition(loop); !ok {
		return fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	}
	return nil
}

// any refuses where there are no challengers at all.
func (s *challengerService) any(loop, name string) error {
	if err := s.known(loop); err != nil {
		return err
	}
	if s.deps.Challengers == nil {
		return fmt.Errorf("challenger %q of loop %q: %w", name, loop, challenger.ErrUnknown)
	}
	return nil
}

func challengerOf(c *challenger.Challenger) *nextbestv1.Challenger {
	return &nextbestv1.Challenger{
		Name: c.Name, State: string(c.State), Error: c.Error, Path: c.Path, LoopSha256: c.SHA256, Policy: c.Policy,
		Since: uint64(c.Since), Evidence: evidenceOf(&c.Evidence), Proven: c.Evidence.Proven(),
	}
}

func promotionOf(p *learn.Promotion) *nextbestv1.Promotion {
	return &nextbestv1.Promotion{
		Challenger: p.Challenger, Time: timestampOf(p.Time), Position: uint64(p.Position), Actor: p.Actor, Reason: p.Reason,
		Forced: p.Forced, DisplacedSha256: p.DisplacedSHA256, Evidence: &nextbestv1.Evidence{
			Events: p.Events, Gain: number(p.Gain), Lower: number(p.Lower), Upper: number(p.Upper), Answers: !p.Forced,
		},
	}
}

func evidenceOf(e *challenger.Evidence) *nextbestv1.Evidence {
	return &nextbestv1.Evidence{
		Events: e.Events, Gain: number(e.Gain), Lower: number(e.Lower), Upper: number(e.Upper), Answers: e.Answers,
		Refusals: e.Refusals, Advice: e.Advice,
	}
}

// number returns nil for what does not exist.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
