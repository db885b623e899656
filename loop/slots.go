package loop

import (
	"slices"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
)

// slots sets what a file says of slots. One that says nothing has them learned from as they always were, to the bit.
func (c *compiler) slots(root *node, l *decision.Loop, r *learn.RewardSpec) {
	e := root.entry("slots")
	if e == nil || e.implied {
		return
	}
	if l.Send != nil {
		c.addf(e.at, "slots: a send time has no places: leave this out")
		return
	}
	l.Position = e.value.key("position").text == positionContext
	r.Model = learn.RewardModel(e.value.key("reward_model").index(rewardModelWords))
	isSlot := func(f features.Field) bool { return f.Name == decision.SlotFeature }
	if l.Position && slices.ContainsFunc(l.Schema.Context, isSlot) {
		at := root.key("features").key("context").entry(decision.SlotFeature).at
		c.addf(at, "features.context.%s: the slot's id has this name where slots.position is context: choose another", decision.SlotFeature)
	}
}
