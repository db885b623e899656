package server

import (
	"context"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// What a report is acknowledged as.
const (
	accepted = "accepted"
	early    = "early" // its event is not known yet
)

// decisionService answers nextbest.v1.DecisionService.
type decisionService struct {
	nextbestv1.UnimplementedDecisionServiceServer
	deps Deps
}

// definition returns the loop in force.
func (s *decisionService) definition(loop string) (*learn.Definition, error) {
	def, ok := s.deps.Loops.Definition(loop)
	if !ok {
		return nil, fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	}
	return def, nil
}

// Rank implements nextbestv1.DecisionServiceServer.
func (s *decisionService) Rank(ctx context.Context, m *nextbestv1.RankRequest) (*nextbestv1.RankResponse, error) {
	def, err := s.definition(m.GetLoop())
	if err != nil {
		return nil, err
	}
	if def.Loop.Send != nil {
		return nil, invalid("loop", fmt.Sprintf("%s chooses send times: call SendTime", m.GetLoop()))
	}
	request, err := requestOf(m, def.Loop.Actions)
	if err != nil {
		return nil, err
	}
	record, err := s.deps.Decider.Rank(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	answer := answerOf(record)
	if m.GetExplain() {
		answer.Explanation = explanationOf(record, s.schemaOf(record))
	}
	return answer, nil
}

// schemaOf returns the schema that a decision was made under, or nil when its snapshot is no longer the current one.
func (s *decisionService) schemaOf(r *decision.Record) *features.Schema {
	snapshot, ok := s.deps.Loops.Current(r.Loop)
	if !ok || snapshot.ID != r.SnapshotID {
		return nil
	}
	return &snapshot.Loop.Schema
}

// Reward implements nextbestv1.DecisionServiceServer.
func (s *decisionService) Reward(ctx context.Context, m *nextbestv1.RewardRequest) (*nextbestv1.RewardResponse, error) {
	def, err := s.definition(m.GetLoop())
	if err != nil {
		return nil, err
	}
	event, err := s.find(ctx, m.GetLoop(), m.GetEventId())
	if err != nil {
		return nil, err
	}
	now := s.deps.Now()
	reward, err := rewardOf(m, &def.Reward, event, now)
	if err != nil {
		return nil, err
	}
	if reward.RewardId == "" {
		reward.RewardId = s.deps.NewID()
	}
	record := &logv1.Record{TimeUnixNanos: now.UnixNano(), Body: &logv1.Record_Reward{Reward: reward}}
	if _, err := s.deps.Events.Append(ctx, record, def.RewardSync); err != nil {
		return nil, fmt.Errorf("append reward: %w", err)
	}
	return &nextbestv1.RewardResponse{RewardId: reward.RewardId, Outcome: outcomeOf(event)}, nil
}

// Activate implements nextbestv1.DecisionServiceServer.
func (s *decisionService) Activate(ctx context.Context, m *nextbestv1.ActivateRequest) (*nextbestv1.ActivateResponse, error) {
	def, err := s.definition(m.GetLoop())
	if err != nil {
		return nil, err
	}
	event, err := s.find(ctx, m.GetLoop(), m.GetEventId())
	if err != nil {
		return nil, err
	}
	now := s.deps.Now()
	shown, err := shownAt(m, event, now)
	if err != nil {
		return nil, err
	}
	record := &logv1.Record{
		TimeUnixNanos: now.UnixNano(),
		Body:          &logv1.Record_Activation{Activation: &logv1.Activation{Loop: m.GetLoop(), EventId: m.GetEventId(), EventTimeUnixNanos: shown}},
	}
	if _, err := s.deps.Events.Append(ctx, record, def.RewardSync); err != nil {
		return nil, fmt.Errorf("append activation: %w", err)
	}
	if event != nil && event.Send != nil && shown != 0 {
		return &nextbestv1.ActivateResponse{Outcome: accepted}, s.moved(ctx, def, event, now)
	}
	return &nextbestv1.ActivateResponse{Outcome: outcomeOf(event)}, nil
}

// moved has caps count a send at the moment at which it was, as the event's history says: the first activation with a time holds.
func (s *decisionService) moved(ctx context.Context, def *learn.Definition, event *decision.Record, now time.Time) error {
	history, err := s.deps.Events.History(ctx, event.Loop, event.EventID)
	if err != nil {
		return fmt.Errorf("read the history of an event: %w", err)
	}
	joined, err := learn.Join(&def.Reward, history, now)
	if err != nil {
		return fmt.Errorf("join the history of an event: %w", err)
	}
	if !joined.Sent.IsZero() {
		s.deps.Decider.Sent(event, joined.Sent)
	}
	return nil
}

// GetEvent implements nextbestv1.DecisionServiceServer.
func (s *decisionService) GetEvent(ctx context.Context, m *nextbestv1.GetEventRequest) (*nextbestv1.GetEventResponse, error) {
	def, err := s.definition(m.GetLoop())
	if err != nil {
		return nil, err
	}
	event, err := s.find(ctx, m.GetLoop(), m.GetEventId())
	if err != nil {
		return nil, err
	}
	if event == nil {
		return nil, fmt.Errorf("loop %q, event %q: %w", m.GetLoop(), m.GetEventId(), decision.ErrNotFound)
	}
	history, err := s.deps.Events.History(ctx, m.GetLoop(), m.GetEventId())
	if err != nil {
		return nil, fmt.Errorf("read the history of an event: %w", err)
	}
	joined, err := learn.Join(&def.Reward, history, s.deps.Now())
	if err != nil {
		return nil, fmt.Errorf("join the history of an event: %w", err)
	}
	return eventOf(event, s.schemaOf(event), history, joined), nil
}

// find returns the decision of an event id, or nil when the log has none.
func (s *decisionService) find(ctx context.Context, loop, eventID string) (*decision.Record, error) {
	event, err := s.deps.Events.Find(ctx, loop, eventID, decision.Process)
	if err != nil {
		return nil, fmt.Errorf("find an event: %w", err)
	}
	return event, nil
}

func outcomeOf(event *decision.Record) string {
	if event == nil {
		return early
	}
	return accepted
}
