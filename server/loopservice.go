package server

import (
	"context"
	"fmt"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// loopService answers nextbest.v1.LoopService.
type loopService struct {
	nextbestv1.UnimplementedLoopServiceServer
	deps Deps
}

// ListLoops implements nextbestv1.LoopServiceServer.
func (s *loopService) ListLoops(context.Context, *nextbestv1.ListLoopsRequest) (*nextbestv1.ListLoopsResponse, error) {
	reloads := s.reloadErrors()
	m := &nextbestv1.ListLoopsResponse{}
	for _, name := range s.deps.Loops.Loops() {
		if loop := s.loop(name, reloads); loop != nil { // it may have gone since
			m.Loops = append(m.Loops, loop)
		}
	}
	return m, nil
}

// GetLoop implements nextbestv1.LoopServiceServer.
func (s *loopService) GetLoop(_ context.Context, m *nextbestv1.GetLoopRequest) (*nextbestv1.Loop, error) {
	loop := s.loop(m.GetLoop(), s.reloadErrors())
	if loop == nil {
		return nil, fmt.Errorf("loop %q: %w", m.GetLoop(), decision.ErrUnknownLoop)
	}
	return loop, nil
}

func (s *loopService) reloadErrors() map[string]string {
	if s.deps.Reloads == nil {
		return nil
	}
	return s.deps.Reloads.ReloadErrors()
}

// loop shows a loop, or returns nil when there is none of the name.
func (s *loopService) loop(name string, reloads map[string]string) *nextbestv1.Loop {
	def, ok := s.deps.Loops.Definition(name)
	if !ok {
		return nil
	}
	status, ok := s.deps.Loops.Status(name)
	if !ok {
		return nil
	}
	m := loopOf(def, status)
	m.ReloadError = reloads[name]
	return m
}

func loopOf(def *learn.Definition, status learn.Status) *nextbestv1.Loop {
	m := &nextbestv1.Loop{
		Name:         def.Loop.Name,
		LearningMode: def.Loop.Mode.String(),
		Snapshot:     snapshotOf(status.Snapshot),
		Decisions:    status.Decisions,
		Rewards:      status.Rewards,
		Activations:  status.Activations,
		Events:       status.Events,
		Fallbacks:    status.Fallbacks,
		Excluded:     status.Excluded,
		Warned:       status.Warned,
		Defaulted:    status.Defaulted,
		SendTimes:    def.Loop.Send != nil,
		Learner: &nextbestv1.Learner{
			LagRecords: status.LagRecords,
			LagSeconds: status.LagSeconds,
			OpenEvents: status.OpenEvents,
			Held:       status.Held,
			LastError:  status.LastError,
		},
	}
	if def.Loop.Policy != nil {
		m.Policy = def.Loop.Policy.String()
	}
	for _, a := range def.Loop.Actions {
		m.Actions = append(m.Actions, a.ID)
	}
	return m
}

func snapshotOf(s learn.SnapshotInfo) *nextbestv1.Snapshot {
	return &nextbestv1.Snapshot{
		Id:          s.ID,
		Number:      s.Number,
		Published:   timestampOf(s.Published),
		LogPosition: uint64(s.LogPosition),
		ModelSha256: s.ModelSHA256,
		Events:      s.Events,
		LoopSha256:  s.LoopSHA256,
	}
}
