package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/kill"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
	"github.com/nextbest/nextbest/review"
)

// Kills switches off and on.
type Kills interface {
	Set(ctx context.Context, t kill.Target, actor, reason string) (kill.Kill, error)
	Lift(ctx context.Context, t kill.Target, actor, reason string) error
	Kills() []kill.Kill
	FileError() string
}

// Suppressions says who must not be reached.
type Suppressions interface {
	Set(ctx context.Context, user string, channels []string, actor, reason string) ([]string, error)
	Get(ctx context.Context, user string) ([]string, error)
}

// Audit shows who changed what, and records.
type Audit interface {
	// Newest returns the newest entries that are wanted, at most n, the newest first, and the chain's head.
	Newest(ctx context.Context, f audit.Filter, n int) (entries []audit.Entry, head string, err error)
	Append(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Reviews are served decisions that wait for a verdict.
type Reviews interface {
	Waiting(loop string, n int) (items []review.Item, all int)
	Apply(e audit.Entry)
}

var (
	_ Kills   = (*kill.Switch)(nil)
	_ Reviews = (*review.Queue)(nil)
)

// adminService answers nextbest.v1.AdminService.
type adminService struct {
	nextbestv1.UnimplementedAdminServiceServer
	deps Deps
}

func targetOf(loop, action string, all bool) (kill.Target, error) {
	t := kill.Target{Loop: loop, Action: action}
	switch {
	case t == (kill.Target{}) && !all:
		return t, invalid("loop", "must be given, or all must be true, which means everything")
	case t != (kill.Target{}) && all:
		return t, invalid("all", "means everything: give no loop and no action with it")
	case t.Check() != nil:
		return t, invalid("loop", t.Check().Error())
	}
	return t, nil
}

// Kill implements nextbestv1.AdminServiceServer.
func (s *adminService) Kill(ctx context.Context, m *nextbestv1.KillRequest) (*nextbestv1.KillResponse, error) {
	t, err := targetOf(m.GetLoop(), m.GetActionId(), m.GetAll())
	if err != nil {
		return nil, err
	}
	if t.Loop != "" {
		if _, known := s.deps.Loops.Definition(t.Loop); !known {
			return nil, fmt.Errorf("loop %q: %w", t.Loop, decision.ErrUnknownLoop)
		}
	}
	k, err := s.deps.Kills.Set(ctx, t, m.GetActor(), m.GetReason())
	if err != nil {
		return nil, fmt.Errorf("%s is switched off here, but that is not all that was to be done: %w", t, err)
	}
	return &nextbestv1.KillResponse{Kill: killOf(k)}, nil
}

// Lift implements nextbestv1.AdminServiceServer.
func (s *adminService) Lift(ctx context.Context, m *nextbestv1.LiftRequest) (*nextbestv1.LiftResponse, error) {
	t, err := targetOf(m.GetLoop(), m.GetActionId(), m.GetAll())
	if err != nil {
		return nil, err
	}
	return &nextbestv1.LiftResponse{}, s.deps.Kills.Lift(ctx, t, m.GetActor(), m.GetReason())
}

// ListKills implements nextbestv1.AdminServiceServer.
func (s *adminService) ListKills(context.Context, *nextbestv1.ListKillsRequest) (*nextbestv1.ListKillsResponse, error) {
	out := &nextbestv1.ListKillsResponse{FileError: s.deps.Kills.FileError()}
	for _, k := range s.deps.Kills.Kills() {
		out.Kills = append(out.Kills, killOf(k))
	}
	return out, nil
}

func killOf(k kill.Kill) *nextbestv1.KillSwitch {
	return &nextbestv1.KillSwitch{Loop: k.Loop, ActionId: k.Action, Actor: k.Actor, Reason: k.Reason, Since: timestamppb.New(k.Since)}
}

// SetSuppressions implements nextbestv1.AdminServiceServer.
func (s *adminService) SetSuppressions(ctx context.Context, m *nextbestv1.SetSuppressionsRequest) (*nextbestv1.SetSuppressionsResponse, error) {
	channels, err := s.deps.Suppressions.Set(ctx, m.GetUserId(), m.GetChannels(), m.GetActor(), m.GetReason())
	if err != nil {
		return nil, err
	}
	return &nextbestv1.SetSuppressionsResponse{Channels: channels}, nil
}

// GetSuppressions implements nextbestv1.AdminServiceServer.
func (s *adminService) GetSuppressions(ctx context.Context, m *nextbestv1.GetSuppressionsRequest) (*nextbestv1.GetSuppressionsResponse, error) {
	channels, err := s.deps.Suppressions.Get(ctx, m.GetUserId())
	return &nextbestv1.GetSuppressionsResponse{Channels: channels}, err
}

// listedByDefault is how many entries a list has that does not say.
const (
	auditByDefault   = 100
	reviewsByDefault = 20
)

// ListAudit implements nextbestv1.AdminServiceServer.
func (s *adminService) ListAudit(ctx context.Context, m *nextbestv1.ListAuditRequest) (*nextbestv1.ListAuditResponse, error) {
	f := audit.Filter{Loop: m.GetLoop(), Kind: m.GetKind(), Actor: m.GetActor()}
	for _, t := range []struct {
		field string
		from  *timestamppb.Timestamp
		to    *time.Time
	}{{"since", m.GetSince(), &f.Since}, {"until", m.GetUntil(), &f.Until}} {
		if t.from == nil {
			continue
		}
		if t.from.CheckValid() != nil {
			return nil, invalid(t.field, "is not a valid time")
		}
		*t.to = t.from.AsTime()
	}
	n := int(m.GetLimit())
	if n == 0 {
		n = auditByDefault
	}
	entries, head, err := s.deps.Audit.Newest(ctx, f, n)
	if err != nil {
		return nil, err
	}
	out := &nextbestv1.ListAuditResponse{Head: head}
	for i := range entries {
		out.Entries = append(out.Entries, auditEntryOf(&entries[i]))
	}
	return out, nil
}

func auditEntryOf(e *audit.Entry) *nextbestv1.AuditEntry {
	return &nextbestv1.AuditEntry{
		LogPosition: uint64(e.Position), Number: e.Number, Time: timestamppb.New(e.Time), Kind: e.Kind, Actor: e.Actor, Loop: e.Loop,
		Subject: e.Subject, Reason: e.Reason, Before: jsonOf(e.Before), After: jsonOf(e.After), Link: e.Link,
	}
}

// jsonOf returns a document as a message has it, nil when there is none.
func jsonOf(b json.RawMessage) *structpb.Value {
	if len(b) == 0 {
		return nil
	}
	v := new(structpb.Value)
	if v.UnmarshalJSON(b) != nil {
		return structpb.NewStringValue(strings.ToValidUTF8(string(b), "\uFFFD"))
	}
	return v
}

// ListReviews implements nextbestv1.AdminServiceServer.
func (s *adminService) ListReviews(_ context.Context, m *nextbestv1.ListReviewsRequest) (*nextbestv1.ListReviewsResponse, error) {
	n := int(m.GetLimit())
	if n == 0 {
		n = reviewsByDefault
	}
	items, all := s.deps.Reviews.Waiting(m.GetLoop(), n)
	out := &nextbestv1.ListReviewsResponse{Waiting: int32(all)}
	for _, i := range items {
		out.Items = append(out.Items, &nextbestv1.ReviewItem{Loop: i.Loop, EventId: i.Event, ActionId: i.Action, Decided: timestamppb.New(i.Decided)})
	}
	return out, nil
}

// GiveVerdict implements nextbestv1.AdminServiceServer.
func (s *adminService) GiveVerdict(ctx context.Context, m *nextbestv1.GiveVerdictRequest) (*nextbestv1.GiveVerdictResponse, error) {
	r, err := s.deps.Events.Find(ctx, m.GetLoop(), m.GetEventId(), decision.Process)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("event %q of loop %q: %w", m.GetEventId(), m.GetLoop(), decision.ErrNotFound)
	}
	served := slices.IndexFunc(r.Choices, func(c decision.Choice) bool { return c.Filled() })
	if served < 0 {
		return nil, invalid("eventId", "nothing was served for this event")
	}
	after, err := json.Marshal(map[string]string{"verdict": m.GetVerdict(), "action": r.ActionID(r.Choices[served].Served())})
	if err != nil {
		return nil, err
	}
	e, err := s.deps.Audit.Append(ctx, audit.Entry{
		Kind: review.Verdict, Actor: m.GetActor(), Loop: m.GetLoop(), Subject: m.GetEventId(), Reason: m.GetComment(), After: after,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Reviews.Apply(e)
	return &nextbestv1.GiveVerdictResponse{}, nil
}
