package loop

import (
	"strconv"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// Limits of a loop file. Those that a request has as well are the same there (proto/nextbest/v1).
const (
	maxActions    = 1000
	maxFeatures   = 256
	maxName       = 128 // bytes of an action's id or a feature's name
	maxText       = features.MaxText
	maxActionText = 1 << 14 // bytes
	maxList       = features.MaxVector
	maxMetrics    = 32

	maxMachineRules = 64
	maxPatterns     = 256
	day             = 24 * time.Hour
)

// Version is the version of the loop file's format that this program reads.
const Version = 1

// namePattern is what a loop may be called: the name goes into addresses and file names.
const namePattern = `^[a-z0-9][a-z0-9_-]{0,62}$`

// The words of the file, where code needs them too.
const (
	fromRequest   = "from_request"
	fromCatalogue = "catalogue"
	squareCB      = "squarecb"
	ucb           = "ucb"
	thompson      = "thompson"
	softmax       = "softmax"
	bagging       = "bagging"
	epsilonGreedy = "epsilon_greedy"
	uniform       = "uniform"
	vector        = "vector"
	automatic     = "automatic"
	lowerIsBetter = "lower"
)

// The words for features.Type, features.Undeclared, learn.Aggregation, learn.AddressKept, decision.LearningMode, decision.Durability,
// decision.OnFeaturesFailure, decision.OnLogFailure and decision.OnNoAction, each in the order of its constants.
var (
	typeWords         = []string{"number", "category", "boolean", vector, "tags"}
	undeclaredWords   = []string{"infer", "ignore", "reject"}
	policyWords       = []string{squareCB, thompson, ucb, softmax, bagging, epsilonGreedy, uniform}
	aggregationWords  = []string{"earliest", "first", "sum", "mean", "min", "max", "last"}
	addressWords      = []string{"network", "drop", "full"}
	modeWords         = []string{"online", "apprentice", "logging_only"}
	durabilityWords   = []string{"process", "fsync"}
	fallbackWords     = []string{"defaults", "baseline"}
	logFallbackWords  = []string{"baseline", "unavailable"}
	noActionWords     = []string{"nothing", "error"}
	promotionWords    = []string{"manual", automatic}
	betterWords       = []string{"higher", lowerIsBetter}
	valueShape        = shape{kind: valueKind, typed: "number, text, boolean, list of numbers or of texts"}
	positiveNumber    = shape{kind: numberKind, typed: "number above 0", limited: true, above: true, min: 0, max: 1e9}
	factor            = shape{kind: numberKind, typed: "number from 0 to 1e9", limited: true, min: 0, max: 1e9}
	share             = shape{kind: numberKind, typed: "number from 0 to 1", limited: true, min: 0, max: 1}
	anyNumber         = shape{kind: numberKind, typed: "number"}
	contextFieldShape = fieldShape(false)
	userFieldShape    = fieldShape(true)
	actionShape       = shape{kind: objectKind, typed: "action", keys: []key{
		{name: "id", required: true, shape: shape{kind: textKind, typed: "text", least: 1, most: maxName},
			doc: "What the action is called in answers and in the log; at most 128 bytes, each id once. The model learns by it: a renamed action begins anew."},
		{name: "features", shape: shape{kind: mapKind, typed: "features by name", elem: &valueShape, most: maxFeatures, keyBytes: maxName},
			doc: "What the action is like. Actions share what is learned about their features, so a new one need not begin from nothing."},
		{name: "channel", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, doc: "How the action reaches people, as in email or push: for rules (`action.channel`) and the contact policy."},
		{name: "tags", shape: shape{kind: listKind, typed: "list of texts", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, most: maxTags},
			doc: "What rules (`\"legal\" in action.tags`) and the contact policy call it by. The model does not learn from them."},
		{name: "text", shape: shape{kind: textKind, typed: "text", most: maxActionText}, doc: "What people read: for rules, as in `brand.banned(action.text)`. The model does not learn from it."},
		{name: "contact", shape: shape{kind: flagKind}, fallback: "true",
			doc:    "Whether serving the action reaches the user, so that the contact policy is about it. `false`: one that shows or sends nothing.",
			reason: "What is chosen is usually seen."},
		{name: "mandatory", shape: shape{kind: flagKind}, fallback: "false",
			doc:    "Whether the action is served, with probability 1, whenever it is permitted; the first such action, if there are several. Caps, quiet hours and budgets do not keep it back, rules and opt-outs do. Such an event is never learned from.",
			reason: "A message that the law asks for is no experiment, and any other is."},
	}}
)

func words(ws []string) shape { return shape{kind: wordKind, words: ws} }

func fieldsShape(elem *shape) shape {
	return shape{kind: mapKind, typed: "declarations by name", elem: elem, most: maxFeatures, keyBytes: maxName}
}

// fieldShape is the declaration of one feature.
func fieldShape(user bool) shape {
	keys := []key{
		{name: "type", required: true, shape: words(typeWords),
			doc: "`number`; `category`: one of a set of texts that need not be known before; `boolean`; `vector`: `dim` numbers; `tags`: any number of texts."},
		{name: "default", shape: valueShape,
			doc:    "Stands in where the value is missing, stale or malformed; of the declared type.",
			reason: "None: a missing value then adds nothing to an action's score, which is right when nothing is known."},
		{name: "dim", required: true, only: "type", onlyValues: []string{vector},
			shape: shape{kind: integerKind, typed: "whole number from 1 to 255", limited: true, min: 1, max: maxTerms - 1},
			doc:   "How many numbers the vector has."},
	}
	if user {
		keys = append(keys, key{name: "max_age", shape: shape{kind: durationKind, shortest: time.Second, longest: 3650 * day},
			doc:    "A value older than this is stale, and the default stands in. The age is read from the user's field `NAME@at`, else from `@at` (unix seconds); a value without either is fresh.",
			reason: "None: most pipelines write no time stamps, and a value of unknown age is better than none."})
	}
	return shape{kind: objectKind, typed: "declaration", keys: keys}
}

// fileShape is the table of all keys of version 1. A default stands here and nowhere else, beside its reason.
var fileShape = shape{kind: objectKind, keys: []key{
	{name: "version", required: true, shape: shape{kind: integerKind, typed: strconv.Itoa(Version), limited: true, min: Version, max: Version},
		doc: "The version of this format."},
	{name: "name", required: true,
		shape: shape{kind: textKind, typed: "text", pattern: namePattern,
			patternWords: "lower-case letters, digits, - and _, at most 63, not beginning with - or _"},
		doc: "What the loop is called: the file's name without `.yaml`. What was learned belongs to the name."},
	{name: "description", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "For people; nothing depends on it."},
	{name: "salt", derived: "the loop's name", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName},
		doc:    "Decides, together with the event id, each draw.",
		reason: "Two loops that see the same event id draw independently. Set it to keep the draws when a loop is renamed."},
	{name: "actions", required: true,
		shape: shape{kind: listKind, typed: "list of actions, or the word `from_request`, `catalogue` or `send_times`", elem: &actionShape, least: 1, most: maxActions, words: []string{fromRequest, fromCatalogue, sendTimes}},
		doc:   "The catalogue: what can be chosen when a request brings no actions of its own, 1 to 1000. The first that is not excluded is the baseline. `from_request`: there is none, every request brings its own. `catalogue`: those that are live in the catalogue, which changes without this file. `send_times`: the moments of a window, made for each request (the page send-time.md)."},
	{name: "catalogue", shape: catalogueShape, doc: "How actions of the catalogue are taken, with `actions: catalogue`."},
	{name: "send_time", shape: sendTimeShape, doc: "What moments there are to choose among, with `actions: send_times`."},
	{name: "features", shape: featuresShape, doc: "What is known about a request, its user and the actions."},
	{name: "policy", shape: policyShape, doc: "How the model's scores become probabilities."},
	{name: "reward", shape: rewardShape, doc: "What an event turned out to be worth."},
	{name: "slots", shape: slotsShape,
		doc: "For loops whose requests name several slots: what their places have to do with what they are worth. Without this key nothing: scores are the same for every slot, and each is learned from with its own reward. The page slots.md says more."},
	{name: "guardrails", shape: guardrailsShape,
		doc: "What may be served, to whom and when: rules, each a CEL expression, and `include: NAME` for those of a shared file. Their order means nothing. The page guardrails.md says how to write and test them."},
	{name: "brand", shape: brandText, doc: "The brand file, `loops/brands/NAME.yaml`, that rules read as `brand.*`."},
	{name: "contact", shape: contactShape,
		doc: "How often, when and for how much people may be reached. With this key, also empty (`contact: {}`), users' opt-outs are honoured, and nobody is reached of whom they cannot be read. Without it opt-outs are not asked for, and what the loop serves counts for no cap, also not for those of other loops."},
	{name: "time_zone", shape: zone, fallback: "UTC",
		doc:    "The time zone of what rules read as `time.*`, of rules' `from` and `until`, and of quiet hours: a name of the tz database, as in Europe/Berlin.",
		reason: "It is the same everywhere, all year."},
	{name: "time_zone_feature", shape: shape{kind: textKind, typed: "text", pattern: `^(user|context)\..`, patternWords: "the name of a declared category, as in user.time_zone or context.time_zone"},
		doc:    "A declared category that holds the user's own time zone, where that is to count. Where it is missing, or no time zone, `time_zone` counts for rules; quiet hours say themselves what counts.",
		reason: "None: the loop's time zone is everybody's."},
	{name: "promotion", shape: promotionShape, doc: "When a challenger takes this file's place, and when this file comes back. The page champion-and-challenger.md says how."},
	{name: "learning_mode", shape: words(modeWords), fallback: "online",
		doc:    "`online`: serve the policy's choice and learn from it. `apprentice`: serve the baseline, learn from it, and record what the policy would have chosen. `logging_only`: serve the baseline, record it, learn nothing.",
		reason: "A loop is there to learn. Apprentice first is the cautious way to put one in front of customers."},
	{name: "durability", shape: durabilityShape, doc: "What an acknowledged record survives: `process`, the end of the process (kill -9); `fsync`, power loss as well."},
	{name: "fallback", shape: fallbackShape, doc: "What callers get while something that the loop depends on is down. The answer says so."},
}}

var reviewWords = []string{"wait", "serve"}

var catalogueShape = shape{kind: objectKind, keys: []key{
	{name: "review_share", shape: share, fallback: "0",
		doc:    "The share of what the rules admit that people look at before, or while, it is served.",
		reason: "None: who reviews has to be decided first."},
	{name: "review", shape: words(reviewWords), fallback: "wait",
		doc:    "What becomes of an action that is drawn: `wait`: it is served once it is approved. `serve`: it is served meanwhile.",
		reason: "Nobody can take back what people have seen."},
}}

var featuresShape = shape{kind: objectKind, keys: []key{
	{name: "context", shape: fieldsShape(&contextFieldShape), doc: "Features of the request, sent with it."},
	{name: "user", shape: fieldsShape(&userFieldShape), doc: "Features of the user, read from the feature store by user id. Only those that are declared here are read."},
	{name: "action", shape: fieldsShape(&contextFieldShape), doc: "Features of actions, from the catalogue or the request."},
	{name: "undeclared", shape: words(undeclaredWords), fallback: "infer",
		doc:    "What becomes of context and action features that are not declared: `infer`: used by the kind of their value; `ignore`: left out; `reject`: the request is refused.",
		reason: "A newcomer's first request should learn from all that it brings."},
}}

var policyShape = shape{kind: objectKind, keys: []key{
	{name: "type", shape: words(policyWords), fallback: squareCB,
		doc: "`squarecb`: the better an action's score, the likelier, ever more sharply as events are learned from. `thompson`: as likely as it is, by what is known, that the action is the best. `ucb`: the highest upper bound of a score. `softmax`: in proportion to an exponential of the score. `bagging`: the best score by a replicate of the model; like `epsilon_greedy` without epsilon as long as the model has none. " +
			"`epsilon_greedy`: the best score, and with probability `epsilon` any action. `uniform`: every action alike. The page exploration.md has the formulas, and which to choose when.",
		reason: "It explores less where the scores are clear, needs no tuning by the number of actions, and costs nanoseconds."},
	{name: "gamma", shape: positiveNumber, fallback: written(model.DefaultGamma), only: "type", onlyValues: []string{squareCB},
		doc:    "How sharply scores decide, in units of the rewards' standard deviation; at most 1e9.",
		reason: "Best mean reward over several data sets; half or twice as much changes little."},
	{name: "optimism", shape: factor, fallback: written(model.DefaultOptimism), only: "type", onlyValues: []string{squareCB, ucb},
		doc:    "Scores are compared at so many of their standard deviations above what is expected, so that what is less known is tried more. With 0, as expected.",
		reason: "Theory asks for more than 1; a third to a half of the width earned most over several data sets."},
	{name: "elimination", shape: positiveNumber, only: "type", onlyValues: []string{squareCB},
		doc:    "An action gets the floor only when its score and so many standard deviations are below another's score less as many. About 2 or 3 leaves out what is hardly the best; at most 1e9.",
		reason: "None: no action is left out. Inverse gaps leave bad actions little anyway, and where the world changes an action that was left out comes back late."},
	{name: "shortlist", shape: shape{kind: integerKind, typed: "whole number from 1 to 1000", limited: true, min: 1, max: maxActions}, only: "type", onlyValues: []string{squareCB},
		fallback: strconv.Itoa(model.DefaultShortlist),
		doc:      "Only so many of the best actions share what is above the floor.",
		reason:   "Of hundreds of actions, little shares add up to much that is spent on bad ones."},
	{name: "width", shape: factor, fallback: written(model.DefaultWidth), only: "type", onlyValues: []string{thompson},
		doc:    "Scores are drawn with this share of their standard deviations.",
		reason: "A third: the whole width explores too much where rewards are rare."},
	{name: "lambda", shape: positiveNumber, fallback: written(model.DefaultLambda), only: "type", onlyValues: []string{softmax},
		doc:    "How sharply scores decide: an action that is one standard deviation of the rewards worse is exp(lambda) times less likely; at most 1e9.",
		reason: "An action that is worse by a quarter of the rewards' standard deviation is a tenth as likely. No value suits all loops: `squarecb` adapts."},
	{name: "smoothing", shape: factor, fallback: "0", only: "type", onlyValues: []string{bagging},
		doc:    "Of every event, at least smoothing·√(number of actions / events learned from) is spread evenly.",
		reason: "The floor is always spread; 1 is what theory asks for."},
	{name: "epsilon", shape: share, fallback: written(model.DefaultEpsilon), only: "type", onlyValues: []string{epsilonGreedy},
		doc:    "The share of events in which any action may be chosen.",
		reason: "One event in twenty pays for learning about the others."},
	{name: "decay", shape: positiveNumber, only: "type", onlyValues: []string{epsilonGreedy},
		doc:    "After about so many events `epsilon` begins to fall: it is epsilon·(1 + events / decay)^(-1/3); at most 1e9.",
		reason: "None: epsilon stays. Where the world changes, what was learned wears out."},
	{name: "floor", shape: share, fallback: written(model.DefaultFloor),
		doc:    "The least share of probability that is spread evenly over the permitted actions, whatever the scores: each gets at least floor / number of actions. With 0 the log cannot be used to judge every other policy.",
		reason: "One event in a hundred is a small price, and every action stays in the log with a known probability."},
}}

var rewardShape = shape{kind: objectKind, keys: []key{
	{name: "reward_wait_time", fallback: "1d",
		shape:  shape{kind: durationKind, shortest: time.Second, longest: 90 * day},
		doc:    "The reward window: rewards that come later than this after the decision are not learned from; at its end an event without any gets `default_reward`.",
		reason: "A visit and what follows from it fit into a day. Rewards are learned from as they come, so a long window delays nothing; for e-mail set it to days or weeks."},
	{name: "default_reward", shape: anyNumber, fallback: "0",
		doc:    "What an event is worth whose window closed without a reward.",
		reason: "Silence usually means that nothing was bought or clicked."},
	{name: "aggregation", shape: words(aggregationWords), fallback: "earliest",
		doc:    "How several rewards of one event (and metric) become one value. `earliest` and `last` go by the time that the caller gave, `first` by arrival.",
		reason: "A click that is reported twice under different ids must not count twice; `sum` suits purchases."},
	{name: "range", shape: shape{kind: listKind, typed: "list [min, max]", elem: &anyNumber, least: 2, most: 2},
		doc:    "The smallest and the largest value that a reported reward may have; others are refused.",
		reason: "None: money has no natural bound. Set it where there is one: a wrong unit is then found at the first call."},
	{name: "metrics", shape: shape{kind: mapKind, typed: "weights by metric name", elem: &anyNumber, least: 1, most: maxMetrics, keyBytes: 64},
		doc:    "Named values that callers report, and what each weighs: the reward is their weighted sum. Other metrics are refused.",
		reason: "None: there is one reward, and it has no name."},
	{name: "machine", shape: shape{kind: listKind, typed: "list of rules", elem: &machineShape, least: 1, most: maxMachineRules},
		doc:    "When a report is a machine's: a mail client's proxy that fetched the images, a security gateway that followed the links. Such reports are kept and counted (`machine`), and never learned from. A report is a machine's where any of the rules applies, and where the sender says so itself (`machine: true` in the call). The page rewards.md says how to choose.",
		reason: "None: on a website a fast click is a fast click."},
	{name: "ip", shape: words(addressWords), fallback: "network",
		doc:    "What is stored of the address that a report came from: `network`: its /24 (IPv4) or /48 (IPv6). `drop`: nothing. `full`: all of it.",
		reason: "Gateways are known by their networks. A whole address is about a person, and nothing else here needs it."},
}}

var durabilityShape = shape{kind: objectKind, keys: []key{
	{name: "rank", shape: words(durabilityWords), fallback: "process",
		doc:    "Of decisions, when they are answered.",
		reason: "A website waits for the answer. Decisions are synced within 50 ms anyway; what a power cut takes is that much."},
	{name: "reward", shape: words(durabilityWords), fallback: "fsync",
		doc:    "Of rewards and activations, when they are acknowledged.",
		reason: "A reward is worth money and nobody waits for its acknowledgement."},
}}

var fallbackShape = shape{kind: objectKind, keys: []key{
	{name: "features", shape: words(fallbackWords), fallback: "defaults",
		doc:    "When users' features cannot be read in time. `defaults`: the policy decides with their defaults. `baseline`: the baseline is served, with probability 1.",
		reason: "What is known of the request and the actions still decides better than nothing."},
	{name: "log", shape: words(logFallbackWords), fallback: "baseline",
		doc:    "When a decision cannot be recorded. `baseline`: the baseline is served without an event id, never learned from. `unavailable`: an error that says when to try again.",
		reason: "A page needs an answer; a randomised choice that was not recorded is never given."},
	{name: "no_action", shape: words(noActionWords), fallback: "nothing",
		doc:    "When guardrails leave no action. `nothing`: an answer without an action that says why each is out, recorded and never learned from. `error`: an error that says so.",
		reason: "That nothing may be said to somebody is an answer, and worth a record."},
}}

// written writes a default that another package owns.
func written(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
