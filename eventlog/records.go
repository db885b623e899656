package eventlog

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	"google.golang.org/protobuf/proto"
)

// sumTolerance is how far a choice's probabilities may be from 1 together.
const sumTolerance = 1e-9

// CheckDecision refuses a decision that must not be logged: its error wraps ErrInvalidRecord and names the place.
func CheckDecision(r *decision.Record) error {
	if r.Loop == "" || r.EventID == "" {
		return fmt.Errorf("%w: a decision needs a loop and an event id", ErrInvalidRecord)
	}
	if len(r.Choices) != len(r.Slots) {
		return fmt.Errorf("%w: %d choices for %d slots", ErrInvalidRecord, len(r.Choices), len(r.Slots))
	}
	if err := checkFeatures(r); err != nil {
		return err
	}
	for _, i := range r.Killed {
		if i < 0 || i >= len(r.Actions) {
			return fmt.Errorf("%w: action %d of %d is killed", ErrInvalidRecord, i, len(r.Actions))
		}
	}
	if i := slices.IndexFunc(r.Spent, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }); i >= 0 {
		return fmt.Errorf("%w: budget %d has spent %v", ErrInvalidRecord, i, r.Spent[i])
	}
	for i := range r.Choices {
		if err := checkChoice(&r.Choices[i], len(r.Actions)); err != nil {
			return fmt.Errorf("%w: slot %d: %w", ErrInvalidRecord, i, err)
		}
	}
	return nil
}

func checkFeatures(r *decision.Record) error {
	if i := notFinite(r.Context); i >= 0 {
		return fmt.Errorf("%w: context feature %q is not finite", ErrInvalidRecord, r.Context[i].Name)
	}
	if i := notFinite(r.User); i >= 0 {
		return fmt.Errorf("%w: user feature %q is not finite", ErrInvalidRecord, r.User[i].Name)
	}
	for _, a := range r.Actions {
		if i := notFinite(a.Features); i >= 0 {
			return fmt.Errorf("%w: action %s feature %q is not finite", ErrInvalidRecord, a.ID, a.Features[i].Name)
		}
	}
	return nil
}

// notFinite returns the index of the first feature that is not finite, or -1.
func notFinite(set features.Set) int {
	return slices.IndexFunc(set, func(f features.Feature) bool { return !f.Value.Finite() })
}

func checkChoice(c *decision.Choice, actions int) error {
	sum := 0.0
	for _, k := range c.Ranking {
		if k.Action < 0 || k.Action >= actions {
			return fmt.Errorf("action %d of %d", k.Action, actions)
		}
		if !(k.Probability >= 0 && k.Probability <= 1) {
			return fmt.Errorf("probability %v", k.Probability)
		}
		if math.IsNaN(k.Score) || math.IsInf(k.Score, 0) {
			return fmt.Errorf("score %v", k.Score)
		}
		sum += k.Probability
	}
	if c.Filled() && !(math.Abs(sum-1) <= sumTolerance) {
		return fmt.Errorf("probabilities sum to %v", sum)
	}
	if !c.Filled() && len(c.Excluded) == 0 {
		return fmt.Errorf("nothing is chosen, and nothing excluded")
	}
	for _, x := range c.Excluded {
		if x.Action < 0 || x.Action >= actions {
			return fmt.Errorf("excluded action %d of %d", x.Action, actions)
		}
	}
	if c.WouldHaveChosen < -1 || c.WouldHaveChosen >= actions {
		return fmt.Errorf("would-be choice %d of %d", c.WouldHaveChosen, actions)
	}
	if !(c.Draw >= 0 && c.Draw < 1) {
		return fmt.Errorf("draw %v", c.Draw)
	}
	return nil
}

// FromDecision returns the stored form of a decision. The features of a catalogue's actions are not stored with it:
// they are the loop's, which the log holds as well. Messages that there are many of are allocated at once: every Rank
// comes through here.
func FromDecision(r *decision.Record) *logv1.Record {
	d := &logv1.Decision{
		Loop: r.Loop, EventId: r.EventID, UserId: r.UserID, SnapshotId: r.SnapshotID, Fingerprint: r.Fingerprint,
		Context: fromSet(r.Context), UserFeatures: fromSet(r.User),
		FromCatalogue:   r.FromCatalogue,
		ExcludedActions: r.Input.Excluded, Deferred: r.Deferred, Slotted: r.Slotted,
		Arm: r.Arm, Cold: r.Cold, Fallback: r.Outcome.Fallback, Policy: r.Policy, LearningMode: r.Mode.String(),
	}
	if r.Send == nil {
		d.Actions = fromActions(r.Actions, r.FromCatalogue)
	} else {
		d.Send = fromWindow(r.Send)
	}
	if r.Degraded != r.Outcome.Fallback {
		d.Degraded = r.Degraded
	}
	if r.Zone != nil {
		_, offset := r.Time.In(r.Zone).Zone()
		d.Zone, d.ZoneOffsetSeconds, d.ZoneOfUser = r.Zone.String(), int32(offset), r.ZoneOfUser
	}
	d.Contacts, d.Spent = fromContacts(&r.Contacts), r.Spent
	for _, i := range r.Killed {
		d.Killed = append(d.Killed, uint32(i))
	}
	for _, x := range r.Defaulted {
		d.Defaulted = append(d.Defaulted, &logv1.Defaulted{Name: x.Name, Reason: x.Reason})
	}
	d.Slots = make([]*logv1.Slot, 0, len(r.Slots))
	for i := range r.Slots {
		d.Slots = append(d.Slots, fromSlot(&r.Slots[i], &r.Choices[i]))
	}
	return &logv1.Record{TimeUnixNanos: r.Time.UnixNano(), Body: &logv1.Record_Decision{Decision: d}}
}

func fromActions(actions []decision.Action, fromCatalogue bool) []*logv1.Action {
	if len(actions) == 0 {
		return nil
	}
	messages := make([]logv1.Action, len(actions))
	out := make([]*logv1.Action, len(actions))
	for i, a := range actions {
		out[i] = &messages[i]
		out[i].Id = a.ID
		if !fromCatalogue {
			out[i].Features = fromSet(a.Features)
		}
	}
	return out
}

func fromSlot(spec *decision.SlotSpec, c *decision.Choice) *logv1.Slot {
	s := &logv1.Slot{
		Id: spec.ID, ExcludedActions: spec.Excluded, BaselineAction: spec.Baseline,
		Action: make([]uint32, len(c.Ranking)), Probability: make([]float64, len(c.Ranking)), Score: make([]float64, len(c.Ranking)),
		Draw: c.Draw, WouldHaveChosen: uint32(c.WouldHaveChosen + 1),
	}
	s.Reached, s.Channel, s.Tags, s.Spent, s.Warnings = c.Reached.Counts, c.Reached.Channel, c.Reached.Tags, c.Reached.Spent, c.Warnings
	for i, k := range c.Ranking {
		s.Action[i], s.Probability[i], s.Score[i] = uint32(k.Action), k.Probability, k.Score
	}
	for _, x := range c.Excluded {
		s.Excluded = append(s.Excluded, &logv1.Excluded{Action: uint32(x.Action), Reason: x.Reason})
	}
	return s
}

func fromSet(set features.Set) []*logv1.Feature {
	if len(set) == 0 {
		return nil
	}
	messages := make([]logv1.Feature, len(set))
	out := make([]*logv1.Feature, len(set))
	for i := range set {
		out[i] = &messages[i]
		fromFeature(out[i], &set[i])
	}
	return out
}

func fromFeature(out *logv1.Feature, f *features.Feature) {
	out.Name = f.Name
	switch v := f.Value; v.Kind() {
	case features.Number:
		out.Value = &logv1.Feature_Number{Number: v.Number()}
	case features.Text:
		out.Value = &logv1.Feature_Text{Text: v.Text()}
	case features.Flag:
		out.Value = &logv1.Feature_Flag{Flag: v.Flag()}
	case features.Numbers:
		out.Value = &logv1.Feature_Numbers{Numbers: &logv1.Numbers{Values: v.Numbers()}}
	case features.Texts:
		out.Value = &logv1.Feature_Texts{Texts: &logv1.Texts{Values: v.Texts()}}
	}
}

// ToDecision returns the decision that a record stores, or ErrInvalidRecord when it stores none or an impossible one.
// Actions of the catalogue have no features here.
func ToDecision(record *logv1.Record) (*decision.Record, error) {
	return toDecision(record, (*decision.SendWindow).Actions)
}

// ToOutcome is ToDecision for who wants to know what was served and not what it is called: where that is a send time, actions
// are as many as there were and have neither id nor features, which would be most of the work.
func ToOutcome(record *logv1.Record) (*decision.Record, error) {
	return toDecision(record, func(w *decision.SendWindow) []decision.Action { return unnamed[:w.Len():w.Len()] })
}

// unnamed are the actions of all send times that nobody asks the names of. They are never changed.
var unnamed [decision.MaxSendTimes + 1]decision.Action

func toDecision(record *logv1.Record, sends func(*decision.SendWindow) []decision.Action) (*decision.Record, error) {
	d := record.GetDecision()
	if d == nil {
		return nil, fmt.Errorf("%w: not a decision", ErrInvalidRecord)
	}
	mode, err := parseMode(d.LearningMode)
	if err != nil {
		return nil, err
	}
	r := &decision.Record{
		Loop: d.Loop, SnapshotID: d.SnapshotId,
		Fingerprint: d.Fingerprint, Deferred: d.Deferred, Slotted: d.Slotted,
		Input: decision.Input{
			Contacts: toContacts(d.Contacts), Spent: d.Spent,
			Time: time.Unix(0, record.TimeUnixNanos).UTC(), Zone: toZone(d), ZoneOfUser: d.ZoneOfUser,
			EventID: d.EventId, UserID: d.UserId, Context: toSet(d.Context), User: toSet(d.UserFeatures),
			FromCatalogue: d.FromCatalogue, Excluded: d.ExcludedActions, Degraded: cmp.Or(d.Degraded, degraded(d.Fallback)),
		},
		Outcome: decision.Outcome{Arm: d.Arm, Cold: d.Cold, Fallback: d.Fallback, Policy: d.Policy, Mode: mode},
	}
	for _, x := range d.Defaulted {
		r.Defaulted = append(r.Defaulted, features.Defaulted{Name: x.Name, Reason: x.Reason})
	}
	if d.Send != nil {
		if r.Send, err = toWindow(d.Send, d.Zone); err != nil {
			return nil, err
		}
		r.Actions = sends(r.Send)
	}
	r.Actions = slices.Grow(r.Actions, len(d.Actions))
	for _, a := range d.Actions {
		r.Actions = append(r.Actions, decision.Action{ID: a.Id, Features: toSet(a.Features)})
	}
	for _, i := range d.Killed {
		r.Killed = append(r.Killed, int(i))
	}
	for i, s := range d.Slots {
		if len(s.Probability) != len(s.Action) || len(s.Score) != len(s.Action) {
			return nil, fmt.Errorf("%w: slot %d: lists of different lengths", ErrInvalidRecord, i)
		}
		r.Slots = append(r.Slots, decision.SlotSpec{ID: s.Id, Excluded: s.ExcludedActions, Baseline: s.BaselineAction})
		r.Choices = append(r.Choices, toChoice(s))
	}
	return r, CheckDecision(r)
}

// toZone returns the time zone in which a decision was made, as it was at that moment; nil when it has none. The tz
// database may have changed since.
func toZone(d *logv1.Decision) *time.Location {
	if d.Zone == "" {
		return nil
	}
	return time.FixedZone(d.Zone, int(d.ZoneOffsetSeconds))
}

// degraded returns the part of a decision's fallback that came from reading the user's features.
func degraded(fallback string) string {
	switch fallback {
	case decision.FallbackFeaturesTimeout, decision.FallbackFeaturesUnavailable:
		return fallback
	}
	return ""
}

func parseMode(s string) (decision.LearningMode, error) {
	for m := decision.Online; m <= decision.LoggingOnly; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("%w: learning mode %q", ErrInvalidRecord, s)
}

func toChoice(s *logv1.Slot) decision.Choice {
	c := decision.Choice{
		Draw: s.Draw, WouldHaveChosen: int(s.WouldHaveChosen) - 1, Warnings: s.Warnings,
		Reached: decision.Reached{Counts: s.Reached, Channel: s.Channel, Tags: s.Tags, Spent: s.Spent},
	}
	c.Ranking = slices.Grow(c.Ranking, len(s.Action))
	for i, a := range s.Action {
		c.Ranking = append(c.Ranking, decision.Ranked{Action: int(a), Probability: s.Probability[i], Score: s.Score[i]})
	}
	for _, x := range s.Excluded {
		c.Excluded = append(c.Excluded, decision.Exclusion{Action: int(x.Action), Reason: x.Reason})
	}
	return c
}

func toSet(fs []*logv1.Feature) features.Set {
	if len(fs) == 0 {
		return nil
	}
	out := make(features.Set, len(fs))
	for i, f := range fs {
		out[i] = features.Feature{Name: f.Name, Value: toValue(f)}
	}
	return out
}

func toValue(f *logv1.Feature) features.Value {
	switch v := f.Value.(type) {
	case *logv1.Feature_Number:
		return features.NumberValue(v.Number)
	case *logv1.Feature_Text:
		return features.TextValue(v.Text)
	case *logv1.Feature_Flag:
		return features.FlagValue(v.Flag)
	case *logv1.Feature_Numbers:
		return features.NumbersValue(v.Numbers.GetValues())
	case *logv1.Feature_Texts:
		return features.TextsValue(v.Texts.GetValues())
	}
	return features.Value{}
}

// Marshal returns a record's bytes as the log stores them: the same bytes for the same record.
func Marshal(r *logv1.Record) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidRecord, err)
	}
	return b, nil
}

// Unmarshal returns the record in b. It keeps nothing of b.
func Unmarshal(b []byte) (*logv1.Record, error) {
	r := new(logv1.Record)
	if err := proto.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidRecord, err)
	}
	return r, nil
}
