package server

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// eventOf shows one event: its decision as it was answered and explained, and what became of its rewards.
func eventOf(r *decision.Record, schema *features.Schema, history []eventlog.Entry, joined learn.JoinedEvent) *nextbestv1.GetEventResponse {
	answer := answerOf(r)
	answer.Explanation = explanationOf(r, schema)
	m := &nextbestv1.GetEventResponse{
		Decision:    answer,
		UserId:      r.UserID,
		Decided:     timestampOf(r.Time),
		LogPosition: uint64(joined.Decision),
		Deferred:    r.Deferred,
		Activated:   timestampOf(joined.Activated),
		Rewards:     rewardsOf(history, joined.Rewards),
		State:       joined.State.String(),
		Closes:      timestampOf(joined.Closes),
	}
	if r.Send != nil {
		m.SendTime, m.Sent = sendAnswerOf(r, maxAlternatives, true), timestampOf(joined.Sent)
	}
	for _, slot := range joined.Slots {
		m.Reward = append(m.Reward, slot.Reward)
		if slot.Examined {
			m.ExaminedSlots++
		}
	}
	return m
}

// rewardsOf lists an event's rewards in the order of the log.
func rewardsOf(history []eventlog.Entry, outcomes []learn.RewardOutcome) []*nextbestv1.LoggedReward {
	became := make(map[eventlog.Position]learn.Outcome, len(outcomes))
	for _, o := range outcomes {
		became[o.Position] = o.Outcome
	}
	var rewards []*nextbestv1.LoggedReward
	for _, entry := range history {
		reward := entry.Record.GetReward()
		if reward == nil {
			continue
		}
		m := &nextbestv1.LoggedReward{
			RewardId: reward.GetRewardId(),
			Value:    reward.GetValue(),
			Metric:   reward.GetMetric(),
			SlotId:   reward.GetSlotId(),
			Received: timestampOf(time.Unix(0, entry.Record.GetTimeUnixNanos())),

			UserAgent: reward.GetUserAgent(), Ip: reward.GetIp(), Machine: reward.GetMachine(),
			TrackId: reward.GetAttribution().GetTrackId(),
		}
		if at := reward.GetEventTimeUnixNanos(); at != 0 {
			m.Time = timestampOf(time.Unix(0, at))
		}
		if outcome, ok := became[entry.Position]; ok {
			m.Outcome = outcome.String()
		}
		rewards = append(rewards, m)
	}
	return rewards
}

// timestampOf returns nil for the zero time, which is none.
func timestampOf(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
