package server

import (
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// answerOf makes the answer of a decision. The fields at the top are those of the first slot.
func answerOf(r *decision.Record) *nextbestv1.RankResponse {
	first := &r.Choices[0]
	m := &nextbestv1.RankResponse{
		RewardActionId: r.ActionID(first.Served()),
		Ranking:        rankingOf(r, first),
		SnapshotId:     r.SnapshotID,
		Arm:            r.Arm,
		Cold:           r.Cold,
		Fallback:       r.Outcome.Fallback,
		Excluded:       excludedOf(r, first),
		Warnings:       first.Warnings,
		Logged:         r.Outcome.Fallback != decision.FallbackLogUnavailable,
	}
	if m.Logged { // an event that nobody can find has no id
		m.EventId = r.EventID
	}
	if r.Slotted {
		m.Slots = rankedSlotsOf(r, m)
	}
	return m
}

func rankedSlotsOf(r *decision.Record, m *nextbestv1.RankResponse) []*nextbestv1.RankedSlot {
	slots := make([]*nextbestv1.RankedSlot, len(r.Choices))
	for i := range r.Choices {
		c := &r.Choices[i]
		slot := &nextbestv1.RankedSlot{Id: r.Slots[i].ID, ActionId: r.ActionID(c.Served()), Warnings: c.Warnings}
		if i == 0 {
			slot.Ranking, slot.Excluded = m.Ranking, m.Excluded
		} else {
			slot.Ranking, slot.Excluded = rankingOf(r, c), excludedOf(r, c)
		}
		slots[i] = slot
	}
	return slots
}

// rankingOf allocates all entries at once: it runs for every answer, over up to a thousand actions.
func rankingOf(r *decision.Record, c *decision.Choice) []*nextbestv1.RankedAction {
	entries := make([]nextbestv1.RankedAction, len(c.Ranking))
	ranking := make([]*nextbestv1.RankedAction, len(c.Ranking))
	for i, x := range c.Ranking {
		e := &entries[i]
		e.Id, e.Probability, e.Score = r.Actions[x.Action].ID, x.Probability, x.Score
		ranking[i] = e
	}
	return ranking
}

func excludedOf(r *decision.Record, c *decision.Choice) []*nextbestv1.ExcludedAction {
	if len(c.Excluded) == 0 {
		return nil
	}
	excluded := make([]*nextbestv1.ExcludedAction, len(c.Excluded))
	for i, x := range c.Excluded {
		excluded[i] = &nextbestv1.ExcludedAction{Id: r.Actions[x.Action].ID, Reason: x.Reason}
	}
	return excluded
}

// explanationOf says what a decision depended on. Defaults are shown where schema, that of the snapshot that decided,
// is still at hand; else the features are as they were recorded.
func explanationOf(r *decision.Record, schema *features.Schema) *nextbestv1.Explanation {
	context, user := r.Context, r.User
	if schema != nil {
		context, user = withDefaults(schema.Context, context), withDefaults(schema.User, user)
	}
	m := &nextbestv1.Explanation{
		Policy:       r.Policy,
		LearningMode: r.Mode.String(),
		Context:      valuesOf(context),
		UserFeatures: valuesOf(user),
		Defaulted:    make(map[string]string, len(r.Defaulted)),
	}
	for _, d := range r.Defaulted {
		m.Defaulted[d.Name] = d.Reason
	}
	for _, c := range r.Choices {
		m.Draws = append(m.Draws, c.Draw)
		if c.WouldHaveChosen >= 0 {
			m.WouldHaveChosen = append(m.WouldHaveChosen, r.Actions[c.WouldHaveChosen].ID)
		}
	}
	return m
}

// withDefaults adds the defaults of what a set does not hold. It is for reading: the order of names is lost.
func withDefaults(fields []features.Field, set features.Set) features.Set {
	all := append(features.Set(nil), set...)
	for _, f := range fields {
		if f.Default.Kind() != features.Missing && set.Get(f.Name).Kind() == features.Missing {
			all = append(all, features.Feature{Name: f.Name, Value: f.Default})
		}
	}
	return all
}
