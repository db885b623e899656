package loop

// The words for decision.Loop.Position, and for learn.RewardModel in the order of its constants.
const positionContext = "context"

var (
	positionWords    = []string{positionContext, "ignore"}
	rewardModelWords = []string{"independent", "cascade"}
)

// slotsShape is the table of the keys that say what the slots of a page have to do with each other.
var slotsShape = shape{kind: objectKind, keys: []key{
	{name: "position", shape: words(positionWords), fallback: positionContext,
		doc:    "`context`: the id of a slot is a feature of its own decision, a category called `slot.id`, so that the loop learns what each place is worth, and what is shown below does not pass for worse than it is. `ignore`: a score is the same for every slot.",
		reason: "Places are hardly ever worth the same. It takes an estimate for each slot, in the place of one for all."},
	{name: "reward_model", shape: words(rewardModelWords), fallback: "independent",
		doc:    "`independent`: each slot is learned from, with its own reward. `cascade`: the user looks at the slots in the order of the request and stops at the first that is worth more than `default_reward`; those after it are not learned from.",
		reason: "It assumes nothing about how a page is read. `cascade` suits a list that is read from the top until something is clicked."},
}}
