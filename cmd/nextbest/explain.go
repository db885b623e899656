package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func explainCommand() *cobra.Command {
	var data, loopName string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain EVENT_ID",
		Short: "Say how a logged decision came about and what came of it",
		Long: `Prints what was known of the request and its user, what was excluded and why, each action's score and probability,
the draw, and the rewards. It reads the event log alone: it changes nothing, and may run beside the service.`,
		Example: `  nextbest explain --data data e-1
  nextbest explain --data data --loop homepage e-1 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one event, as in: nextbest explain e-1; got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			story, err := findStory(data, loopName, args[0])
			if err != nil {
				return err
			}
			told, err := story.tell(time.Now())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(told)
			}
			return told.print(cmd.OutOrStdout())
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&loopName, "loop", "", "the event's loop; needed only where several loops have an event of that id")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// story is what the log says about one event: its records, and the loop file that was in force when it was decided.
type story struct {
	event, loop string
	history     []eventlog.Entry
	file        *logv1.LoopChange
}

// findStory reads the log from its beginning: an event's loop file stands before it.
func findStory(data, loopName, eventID string) (*story, error) {
	files, found := map[string]*snapshotFiles{}, &story{event: eventID}
	err := eachRecord(data, 0, func(pos eventlog.Position, r *logv1.Record) error {
		noteFile(files, r)
		of, id := eventOf(r)
		if id != eventID || (loopName != "" && of != loopName) {
			return nil
		}
		if found.loop != "" && found.loop != of {
			return fmt.Errorf("loops %q and %q both have an event %q: say which with --loop", found.loop, of, eventID)
		}
		found.loop = of
		found.history = append(found.history, eventlog.Entry{Position: pos, Record: r})
		if d := r.GetDecision(); d != nil {
			found.file = files[of].of(d.GetSnapshotId())
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case found.loop == "":
		return nil, fmt.Errorf("the log in %q has no event %q", data, eventID)
	case found.file == nil:
		return nil, fmt.Errorf("the log in %q has rewards or activations for event %q of loop %q, but no decision: they are held until it comes, or are orphans",
			data, eventID, found.loop)
	}
	return found, nil
}

// snapshotFiles knows which loop file each snapshot of a loop was made under: the one in force at its cut. A decision
// that was under way while the file changed stands behind the change in the log.
type snapshotFiles struct {
	inForce *logv1.LoopChange
	from    []uint64 // snapshot numbers
	files   []*logv1.LoopChange
}

func noteFile(files map[string]*snapshotFiles, r *logv1.Record) {
	if c := r.GetLoopChange(); c != nil && !c.GetRemoved() {
		if files[c.GetLoop()] == nil {
			files[c.GetLoop()] = &snapshotFiles{}
		}
		files[c.GetLoop()].inForce = c
	}
	c := r.GetCut()
	f := files[c.GetLoop()]
	if c == nil || f == nil || (len(f.files) > 0 && f.files[len(f.files)-1] == f.inForce) {
		return
	}
	f.from, f.files = append(f.from, c.GetNumber()), append(f.files, f.inForce)
}

// of returns the file that a snapshot was made under, or nil when the log does not say.
func (f *snapshotFiles) of(snapshotID string) *logv1.LoopChange {
	if f == nil {
		return nil
	}
	number := learn.SnapshotNumber(snapshotID)
	for i := len(f.from) - 1; i >= 0; i-- {
		if f.from[i] <= number {
			return f.files[i]
		}
	}
	return f.inForce
}

func eventOf(r *logv1.Record) (loop, event string) {
	switch b := r.GetBody().(type) {
	case *logv1.Record_Decision:
		return b.Decision.GetLoop(), b.Decision.GetEventId()
	case *logv1.Record_Activation:
		return b.Activation.GetLoop(), b.Activation.GetEventId()
	case *logv1.Record_Reward:
		return b.Reward.GetLoop(), b.Reward.GetEventId()
	default:
		return "", ""
	}
}

// tell puts the story together as of now.
func (s *story) tell(now time.Time) (*explanation, error) {
	definition, err := loop.Compile(s.file.GetPath(), s.file.GetFile())
	if err != nil {
		return nil, fmt.Errorf("the loop file in the log: %w", err)
	}
	joined, err := learn.Join(&definition.Reward, s.history, now)
	if err != nil {
		return nil, err
	}
	for _, e := range s.history {
		if e.Record.GetDecision() == nil {
			continue
		}
		record, err := eventlog.ToDecision(e.Record)
		if err != nil {
			return nil, fmt.Errorf("position %d: %w", e.Position, err)
		}
		return explain(record, e.Position, definition.Loop, s, &joined), nil
	}
	return nil, fmt.Errorf("event %q has no decision", s.event)
}

// explanation is what `nextbest explain --json` prints.
type explanation struct {
	Event        string            `json:"event"`
	Loop         string            `json:"loop"`
	Decided      time.Time         `json:"decided"`
	Position     eventlog.Position `json:"position"`
	Snapshot     string            `json:"snapshot"`
	Policy       string            `json:"policy"`
	LearningMode string            `json:"learning_mode"`
	Arm          string            `json:"arm"`
	Cold         bool              `json:"cold"`
	Fallback     string            `json:"fallback"`
	User         string            `json:"user"`
	Context      []toldFeature     `json:"context"`
	UserFeatures []toldFeature     `json:"user_features"`
	Slots        []toldSlot        `json:"slots"`
	Rewards      []toldReward      `json:"rewards"`
	Deferred     bool              `json:"deferred"`
	Activated    *time.Time        `json:"activated"`
	State        string            `json:"state"`
	Closes       time.Time         `json:"closes"`
}

type toldFeature struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Reason string `json:"defaulted,omitempty"` // why the default stands in
}

type toldSlot struct {
	ID              string       `json:"id"`
	Served          string       `json:"served"`
	Draw            float64      `json:"draw"`
	WouldHaveChosen string       `json:"would_have_chosen,omitempty"`
	Actions         []toldAction `json:"actions"`  // eligible, in the order of the draw
	Excluded        []toldReason `json:"excluded"` // not eligible
	Warnings        []string     `json:"warnings"` // of guardrails that only warn
	Reward          float64      `json:"reward"`
	Rewarded        bool         `json:"rewarded"` // false: the reward is the default
	Examined        bool         `json:"examined"` // false: by the loop's reward model nobody looked at it, and it is not learned from
}

// toldAction was chosen when the draw fell into [From, To).
type toldAction struct {
	ID          string  `json:"id"`
	Probability float64 `json:"probability"`
	Score       float64 `json:"score"`
	From        float64 `json:"from"`
	To          float64 `json:"to"`
}

type toldReason struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

type toldReward struct {
	ID       string            `json:"id"`
	Value    float64           `json:"value"`
	Metric   string            `json:"metric"`
	Slot     string            `json:"slot"`
	Received time.Time         `json:"received"`
	Outcome  string            `json:"outcome"`
	Position eventlog.Position `json:"position"`
}

func explain(r *decision.Record, pos eventlog.Position, l *decision.Loop, s *story, joined *learn.JoinedEvent) *explanation {
	e := &explanation{
		Event: r.EventID, Loop: r.Loop, Decided: r.Time, Position: pos, Snapshot: r.SnapshotID, Policy: r.Policy,
		LearningMode: r.Mode.String(), Arm: r.Arm, Cold: r.Cold, Fallback: r.Fallback, User: r.UserID,
		Context: toldContext(r), UserFeatures: toldUser(r, l),
		Deferred: r.Deferred, State: joined.State.String(), Closes: joined.Closes,
	}
	if !joined.Activated.IsZero() {
		e.Activated = &joined.Activated
	}
	for i := range r.Choices {
		slot := toldSlotOf(r, i)
		if i < len(joined.Slots) {
			slot.Reward, slot.Rewarded, slot.Examined = joined.Slots[i].Reward, joined.Slots[i].Rewarded, joined.Slots[i].Examined
		}
		e.Slots = append(e.Slots, slot)
	}
	e.Rewards = toldRewards(s.history, joined)
	return e
}
