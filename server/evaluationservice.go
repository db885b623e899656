package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate/jobs"
	"github.com/nextbest/nextbest/ope"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// Evaluations runs evaluations beside the service. Nothing here waits for one.
type Evaluations interface {
	// Start returns a *decision.InputError for what cannot be evaluated, and jobs.ErrFull when too many wait.
	Start(q *jobs.Request) (jobs.Evaluation, error)
	// Get and Cancel return jobs.ErrNotFound where there is none.
	Get(loop, id string) (jobs.Evaluation, error)
	Cancel(loop, id string) (jobs.Evaluation, error)
	// List returns the newest first, without results.
	List(loop string) []jobs.Evaluation
}

var _ Evaluations = (*jobs.Runner)(nil)

// evaluationService answers nextbest.v1.EvaluationService.
type evaluationService struct {
	nextbestv1.UnimplementedEvaluationServiceServer
	deps Deps
}

// StartEvaluation implements nextbestv1.EvaluationServiceServer.
func (s *evaluationService) StartEvaluation(_ context.Context, m *nextbestv1.StartEvaluationRequest) (*nextbestv1.Evaluation, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	return evaluationAnswer("start an evaluation")(s.deps.Evaluations.Start(evaluationRequestOf(m)))
}

// GetEvaluation implements nextbestv1.EvaluationServiceServer. An evaluation outlives its loop.
func (s *evaluationService) GetEvaluation(_ context.Context, m *nextbestv1.GetEvaluationRequest) (*nextbestv1.Evaluation, error) {
	return evaluationAnswer("evaluation " + m.GetId())(s.deps.Evaluations.Get(m.GetLoop(), m.GetId()))
}

// CancelEvaluation implements nextbestv1.EvaluationServiceServer.
func (s *evaluationService) CancelEvaluation(_ context.Context, m *nextbestv1.CancelEvaluationRequest) (*nextbestv1.Evaluation, error) {
	return evaluationAnswer("evaluation " + m.GetId())(s.deps.Evaluations.Cancel(m.GetLoop(), m.GetId()))
}

// ListEvaluations implements nextbestv1.EvaluationServiceServer.
func (s *evaluationService) ListEvaluations(_ context.Context, m *nextbestv1.ListEvaluationsRequest) (*nextbestv1.ListEvaluationsResponse, error) {
	all := s.deps.Evaluations.List(m.GetLoop())
	if err := s.known(m.GetLoop()); err != nil && len(all) == 0 {
		return nil, err
	}
	answer := &nextbestv1.ListEvaluationsResponse{}
	for i := range all {
		answer.Evaluations = append(answer.Evaluations, evaluationOf(&all[i]))
	}
	return answer, nil
}

func (s *evaluationService) known(loop string) error {
	if _, ok := s.deps.Loops.Definition(loop); !ok {
		return fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	}
	return nil
}

// evaluationAnswer returns what makes an answer of what Evaluations returned.
func evaluationAnswer(attempted string) func(jobs.Evaluation, error) (*nextbestv1.Evaluation, error) {
	return func(e jobs.Evaluation, err error) (*nextbestv1.Evaluation, error) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", attempted, err)
		}
		return evaluationOf(&e), nil
	}
}

func evaluationRequestOf(m *nextbestv1.StartEvaluationRequest) *jobs.Request {
	var policies []jobs.Policy
	for _, p := range m.GetPolicies() {
		policies = append(policies, jobs.Policy{Name: p.GetName(), File: p.GetLoopFile()})
	}
	q := jobs.NewRequest(m.GetLoop(), policies...)
	if len(m.GetEstimators()) > 0 {
		q.Estimators = m.GetEstimators()
	}
	set(&q.Lambda, m.Lambda)
	set(&q.Alpha, m.Alpha)
	set(&q.Seed, m.Seed)
	if m.Rounds != nil {
		q.Rounds = int(m.GetRounds())
	}
	if m.Since != nil {
		q.Since = m.GetSince().AsTime()
	}
	if m.Until != nil {
		q.Until = m.GetUntil().AsTime()
	}
	q.Interval, q.Slots, q.Open = ope.Method(m.GetInterval()), m.GetPerSlot(), m.GetOpen()
	return &q
}

// set overrides a default by what the caller said.
func set[T any](value, said *T) {
	if said != nil {
		*value = *said
	}
}

func evaluationOf(e *jobs.Evaluation) *nextbestv1.Evaluation {
	m := &nextbestv1.Evaluation{
		Id: e.ID, Loop: e.Loop, State: string(e.State), Progress: e.Progress, Created: timestamppb.New(e.Created),
		Started: timestampOf(e.Started), Finished: timestampOf(e.Finished), Error: e.Problem,
	}
	if e.Result != nil {
		m.Result = resultOf(e.Result)
	}
	return m
}
