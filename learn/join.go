package learn

import (
	"time"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Entry is one record of an event's history.
type Entry struct {
	Position eventlog.Position
	Record   *logv1.Record
}

// RewardOutcome says what became of the reward at a position.
type RewardOutcome struct {
	Position eventlog.Position
	RewardID string
	Outcome  Outcome
}

// SlotReward is what one slot of an event is worth so far.
type SlotReward struct {
	SlotID   string
	ActionID string
	Reward   float64
	Rewarded bool // false: Reward is the default
}

// JoinedEvent is one event with its rewards.
type JoinedEvent struct {
	Decision  eventlog.Position // 0 when the history has no decision
	State     State
	Closes    time.Time
	Activated time.Time // zero when it was not
	Rewards   []RewardOutcome
	Slots     []SlotReward
}

// Join joins one event's history, in the order of the log, as the learner does.
func Join(spec *RewardSpec, history []Entry, now time.Time) (JoinedEvent, error) {
	return JoinedEvent{}, nil
}
