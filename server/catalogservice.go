package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/decision"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// Catalogue keeps the actions of loops with 'actions: catalogue'.
type Catalogue interface {
	Upsert(ctx context.Context, loop string, variants []catalogue.Variant, actor, reason string) ([]catalogue.Result, error)
	Hold(ctx context.Context, loop, id string, to catalogue.State, actor, reason string) error
	Judge(ctx context.Context, loop, id string, approve bool, actor, reason string) (catalogue.State, error)
	Get(loop, id string) (*catalogue.Action, error)
	List(loop string, state catalogue.State, after string, n int) (actions []*catalogue.Action, more bool)
	Waiting(loop string, n int) []*catalogue.Action
}

var _ Catalogue = (*catalogue.Catalogue)(nil)

// catalogService answers nextbest.v1.CatalogService.
type catalogService struct {
	nextbestv1.UnimplementedCatalogServiceServer
	deps Deps
}

// listedActions is how many actions a list has that does not say.
const listedActions = 100

// known refuses loops that are not there, or whose actions are none of the catalogue's.
func (s *catalogService) known(loop string) error {
	d, ok := s.deps.Loops.Definition(loop)
	switch {
	case !ok:
		return fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	case d.Catalogue == nil:
		return refuse(NoCatalogue, fmt.Sprintf("the actions of loop %s are in its file, or come with requests: write \"actions: catalogue\" there", loop))
	}
	return nil
}

// UpsertActions implements nextbestv1.CatalogServiceServer.
func (s *catalogService) UpsertActions(ctx context.Context, m *nextbestv1.UpsertActionsRequest) (*nextbestv1.UpsertActionsResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	variants := make([]catalogue.Variant, len(m.GetVariants()))
	for i, v := range m.GetVariants() {
		var err error
		if variants[i], err = variantOf(fmt.Sprintf("variants[%d]", i), v); err != nil {
			return nil, err
		}
	}
	results, err := s.deps.Catalogue.Upsert(ctx, m.GetLoop(), variants, m.GetActor(), m.GetReason())
	if err != nil {
		return nil, err
	}
	out := &nextbestv1.UpsertActionsResponse{}
	for i := range results {
		r := &results[i]
		x := &nextbestv1.UpsertResult{Id: r.ID, Version: int32(r.Version), State: string(r.State), Reasons: r.Reasons}
		if r.Err != nil {
			x.Error = r.Err.Error()
		}
		out.Results = append(out.Results, x)
	}
	return out, nil
}

func variantOf(place string, m *nextbestv1.Variant) (catalogue.Variant, error) {
	v := catalogue.Variant{ID: m.GetAction().GetId(), Draft: m.GetDraft(), IfVersion: int(m.GetIfVersion())}
	if _, err := setOf(place+".action.features", m.GetAction().GetFeatures()); err != nil {
		return v, err
	}
	for _, t := range []struct {
		field string
		from  *timestamppb.Timestamp
		to    *time.Time
	}{{"validFrom", m.GetValidFrom(), &v.From}, {"validUntil", m.GetValidUntil(), &v.Until}} {
		if t.from == nil {
			continue
		}
		if t.from.CheckValid() != nil {
			return v, invalid(place+"."+t.field, "is not a valid time")
		}
		*t.to = t.from.AsTime()
	}
	document, err := documentOf(m.GetAction())
	if err != nil {
		return v, invalid(place+".action", err.Error())
	}
	_, v.Document, err = catalogue.Canonical(document)
	if err != nil {
		return v, invalid(place+".action", err.Error())
	}
	return v, nil
}

// documentOf writes an action with the keys of loop files, without those that have their default.
func documentOf(a *nextbestv1.CatalogAction) ([]byte, error) {
	d := map[string]any{"id": a.GetId()}
	if len(a.GetFeatures()) > 0 {
		values := make(map[string]any, len(a.GetFeatures()))
		for name, v := range a.GetFeatures() {
			if _, missing := v.GetKind().(*structpb.Value_NullValue); !missing {
				values[name] = v.AsInterface()
			}
		}
		d["features"] = values
	}
	if a.GetChannel() != "" {
		d["channel"] = a.GetChannel()
	}
	if len(a.GetTags()) > 0 {
		d["tags"] = a.GetTags()
	}
	if a.GetText() != "" {
		d["text"] = a.GetText()
	}
	if a.Contact != nil {
		d["contact"] = a.GetContact()
	}
	if a.GetMandatory() {
		d["mandatory"] = true
	}
	return json.Marshal(d)
}

// ListActions implements nextbestv1.CatalogServiceServer.
func (s *catalogService) ListActions(_ context.Context, m *nextbestv1.ListActionsRequest) (*nextbestv1.ListActionsResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	state := catalogue.State("")
	if m.GetState() != "" {
		var ok bool
		if state, ok = catalogue.ParseState(m.GetState()); !ok {
			return nil, invalid("state", fmt.Sprintf("%q is none: draft, rejected, review, admitted, live, paused or retired", m.GetState()))
		}
	}
	n := int(m.GetPageSize())
	if n == 0 {
		n = listedActions
	}
	actions, more := s.deps.Catalogue.List(m.GetLoop(), state, m.GetPageToken(), n)
	out := &nextbestv1.ListActionsResponse{}
	for _, a := range actions {
		out.Actions = append(out.Actions, s.entryOf(a))
	}
	if more {
		out.NextPageToken = actions[len(actions)-1].ID
	}
	return out, nil
}

// GetAction implements nextbestv1.CatalogServiceServer.
func (s *catalogService) GetAction(_ context.Context, m *nextbestv1.GetActionRequest) (*nextbestv1.GetActionResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	a, err := s.deps.Catalogue.Get(m.GetLoop(), m.GetActionId())
	if err != nil {
		return nil, err
	}
	out := &nextbestv1.GetActionResponse{Action: s.entryOf(a)}
	for i := range a.Versions {
		out.Versions = append(out.Versions, versionOf(&a.Versions[i]))
	}
	return out, nil
}

// HoldAction implements nextbestv1.CatalogServiceServer.
func (s *catalogService) HoldAction(ctx context.Context, m *nextbestv1.HoldActionRequest) (*nextbestv1.HoldActionResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	if err := s.deps.Catalogue.Hold(ctx, m.GetLoop(), m.GetActionId(), catalogue.State(m.GetState()), m.GetActor(), m.GetReason()); err != nil {
		return nil, err
	}
	a, err := s.deps.Catalogue.Get(m.GetLoop(), m.GetActionId())
	if err != nil {
		return nil, err
	}
	return &nextbestv1.HoldActionResponse{Action: s.entryOf(a)}, nil
}

// ListAdmissions implements nextbestv1.CatalogServiceServer.
func (s *catalogService) ListAdmissions(_ context.Context, m *nextbestv1.ListAdmissionsRequest) (*nextbestv1.ListAdmissionsResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	n := int(m.GetLimit())
	if n == 0 {
		n = listedActions
	}
	out := &nextbestv1.ListAdmissionsResponse{}
	for _, a := range s.deps.Catalogue.Waiting(m.GetLoop(), n) {
		out.Actions = append(out.Actions, s.entryOf(a))
	}
	return out, nil
}

// JudgeAdmission implements nextbestv1.CatalogServiceServer.
func (s *catalogService) JudgeAdmission(ctx context.Context, m *nextbestv1.JudgeAdmissionRequest) (*nextbestv1.JudgeAdmissionResponse, error) {
	if err := s.known(m.GetLoop()); err != nil {
		return nil, err
	}
	state, err := s.deps.Catalogue.Judge(ctx, m.GetLoop(), m.GetActionId(), m.GetApprove(), m.GetActor(), m.GetReason())
	if err != nil {
		return nil, err
	}
	out := &nextbestv1.JudgeAdmissionResponse{State: string(state)}
	if a, err := s.deps.Catalogue.Get(m.GetLoop(), m.GetActionId()); err == nil {
		out.Reasons = a.Newest().Reasons
	}
	return out, nil
}

func (s *catalogService) entryOf(a *catalogue.Action) *nextbestv1.CatalogEntry {
	now := s.deps.Now()
	e := &nextbestv1.CatalogEntry{Id: a.ID, State: string(a.State(now)), Newest: versionOf(a.Newest())}
	if v := a.Serving(now); v != nil {
		e.LiveVersion = int32(v.Number)
	}
	return e
}

func versionOf(v *catalogue.Version) *nextbestv1.ActionVersion {
	m := &nextbestv1.ActionVersion{
		Number: int32(v.Number), State: string(v.State), Reasons: v.Reasons, Action: new(nextbestv1.CatalogAction), Actor: v.Actor,
		Time: timestampOf(v.At), Drawn: v.Drawn, Reviewer: v.Reviewer,
	}
	if protojson.Unmarshal(v.Document, m.Action) != nil { // It was written from one.
		m.Action.Id = v.ID
	}
	if !v.From.IsZero() {
		m.ValidFrom = timestamppb.New(v.From)
	}
	if !v.Until.IsZero() {
		m.ValidUntil = timestamppb.New(v.Until)
	}
	return m
}
