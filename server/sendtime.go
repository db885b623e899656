package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// maxAlternatives is more than any answer has.
const maxAlternatives = decision.MaxSendTimes

// Bounds of a request's granularity, as of a loop file's.
const (
	leastGranularity = 5 * time.Minute
	day              = 24 * time.Hour
)

// SendTime implements nextbestv1.DecisionServiceServer.
func (s *decisionService) SendTime(ctx context.Context, m *nextbestv1.SendTimeRequest) (*nextbestv1.SendTimeResponse, error) {
	if _, err := s.definition(m.GetLoop()); err != nil {
		return nil, err
	}
	request, err := sendRequestOf(m)
	if err != nil {
		return nil, err
	}
	record, err := s.deps.Decider.Rank(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("send time: %w", err)
	}
	return sendAnswerOf(record, int(m.GetAlternatives()), m.GetExplain()), nil
}

// sendRequestOf makes a decision request of a message that keeps its rules, and refuses what the rules cannot say.
func sendRequestOf(m *nextbestv1.SendTimeRequest) (*decision.Request, error) {
	context, err := setOf("context", m.GetContext())
	if err != nil {
		return nil, err
	}
	send := &decision.SendRequest{TimeZone: m.GetTimeZone(), Campaign: m.GetCampaign(), PerMinute: int(m.GetMaxPerMinute())}
	if send.Earliest, err = momentOf("earliest", m.GetEarliest()); err != nil {
		return nil, err
	}
	if send.Latest, err = momentOf("latest", m.GetLatest()); err != nil {
		return nil, err
	}
	if !send.Earliest.IsZero() && !send.Latest.IsZero() && send.Latest.Before(send.Earliest) {
		return nil, invalid("latest", "is before earliest")
	}
	if d := m.GetGranularity(); d != nil {
		send.Granularity = d.AsDuration()
		if g := send.Granularity; d.CheckValid() != nil || g < leastGranularity || g > day || day%g != 0 || g%time.Second != 0 {
			return nil, invalid("granularity", "must be from 5 minutes to a day, and divide it, as in 900s or 3600s")
		}
	}
	return &decision.Request{
		Loop: m.GetLoop(), EventID: m.GetEventId(), UserID: m.GetUserId(), Context: context, Deferred: m.GetDeferActivation(), Send: send,
	}, nil
}

// momentOf returns the moment of a message, the zero time for none.
func momentOf(field string, m *timestamppb.Timestamp) (time.Time, error) {
	if m == nil {
		return time.Time{}, nil
	}
	if err := m.CheckValid(); err != nil {
		return time.Time{}, invalid(field, "is not a valid time")
	}
	at := m.AsTime()
	if at.Unix() <= 0 || at.Year() > 9000 {
		return time.Time{}, invalid(field, "is before 1970, or after 9000")
	}
	return at, nil
}

// sendAnswerOf makes the answer of a decision on a send time.
func sendAnswerOf(r *decision.Record, alternatives int, explain bool) *nextbestv1.SendTimeResponse {
	c := &r.Choices[0]
	m := &nextbestv1.SendTimeResponse{
		TimeZone: r.Send.Zone, TimeZoneSource: zoneSource(r), SnapshotId: r.SnapshotID, Arm: r.Arm, Cold: r.Cold,
		Fallback: r.Outcome.Fallback, Warnings: c.Warnings, UserSends: sendsKnown(r),
		Logged: r.Outcome.Fallback != decision.FallbackLogUnavailable,
	}
	if m.Logged {
		m.EventId = r.EventID
	}
	if c.Filled() {
		chosen := momentMessage(r, &c.Ranking[0])
		m.SendAt, m.Local, m.Probability, m.Score = chosen.Time, chosen.Local, chosen.Probability, chosen.Score
		for i := range c.Ranking[1:min(len(c.Ranking), 1+alternatives)] {
			m.Alternatives = append(m.Alternatives, momentMessage(r, &c.Ranking[1+i]))
		}
	}
	for _, x := range c.Excluded {
		if m.Excluded == nil {
			m.Excluded = make(map[string]uint32)
		}
		m.Excluded[x.Reason]++
		if explain {
			at, local := moment(r, x.Action)
			m.ExcludedMoments = append(m.ExcludedMoments, &nextbestv1.ExcludedMoment{Time: at, Local: local, Reason: x.Reason})
		}
	}
	return m
}

func momentMessage(r *decision.Record, k *decision.Ranked) *nextbestv1.SendMoment {
	at, local := moment(r, k.Action)
	return &nextbestv1.SendMoment{Time: at, Local: local, Probability: k.Probability, Score: k.Score}
}

// moment returns when an action sends, nil for not at all, and the same by the user's clock.
func moment(r *decision.Record, action int) (*timestamppb.Timestamp, string) {
	at, sends := r.Send.SendAt(action)
	if !sends {
		return nil, decision.DoNotSend
	}
	return timestamppb.New(at), at.In(time.FixedZone("", r.Send.Offset(at.Unix()))).Format(time.RFC3339)
}

// zoneSource says whose word the time zone is.
func zoneSource(r *decision.Record) string {
	switch {
	case r.Send.ZoneAsked:
		return "request"
	case r.ZoneOfUser:
		return "user"
	}
	return "loop"
}

// sendsKnown returns how many sends the user's evidence is worth.
func sendsKnown(r *decision.Record) float64 {
	var e model.UserEvidence
	if v := r.User.Get(model.EvidenceFeature); v.Kind() == features.Numbers {
		e.SetNumbers(v.Numbers())
	}
	return e.Sends()
}

// shownAt returns when an activation says that something was shown or sent, in unix nanoseconds; 0 where it does not say.
func shownAt(m *nextbestv1.ActivateRequest, event *decision.Record, now time.Time) (int64, error) {
	at, err := momentOf("time", m.GetTime())
	if err != nil || at.IsZero() {
		return 0, err
	}
	switch {
	case at.After(now.Add(maxSkew)):
		return 0, invalid("time", fmt.Sprintf("is more than %s ahead of the server's clock: activate what has been sent", maxSkew))
	case event != nil && at.Before(event.Time.Add(-maxSkew)):
		return 0, invalid("time", fmt.Sprintf("is more than %s before the decision", maxSkew))
	case event != nil && event.Send != nil && !sendsSomething(event):
		return 0, invalid("eventId", "nothing was to be sent for this event, so there is no time of a send")
	}
	return at.UnixNano(), nil
}

func sendsSomething(r *decision.Record) bool {
	_, sends := r.SendAt()
	return sends
}
