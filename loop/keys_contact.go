package loop

import "time"

// Limits of contact policies. A user's contacts are read up to the longest window.
const (
	maxCaps     = 32
	maxCapLimit = 100
	maxQuiet    = 32
	maxBudgets  = 64
)

// The words of contact policies.
const (
	perUser    = "user"
	perAction  = "action"
	perTag     = "tag:"
	perChannel = "channel:"
	allLoops   = "all"
	zoneOfUser = "user"
)

// dayWords are in the order of time.Weekday.
var dayWords = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// clock is a time of day.
var clock = shape{kind: textKind, typed: "time of day", pattern: `^([01][0-9]|2[0-3]):[0-5][0-9]$`, patternWords: `a time of day as in "21:00"`}

func failClosed(reason string) key {
	return key{name: "on_missing", shape: words(onMissingWords), fallback: "deny", doc: reason, reason: "Whoever must not be reached must not be reached by accident."}
}

var contactShape = shape{kind: objectKind, keys: []key{
	{name: "caps", shape: shape{kind: listKind, typed: "list of caps", elem: &capShape, most: maxCaps},
		doc: "How often a user is reached at most, in sliding windows. A minimum time between two contacts is a cap with `limit: 1`."},
	{name: "quiet_hours", shape: shape{kind: listKind, typed: "list of quiet hours", elem: &quietShape, most: maxQuiet},
		doc: "When nobody is reached."},
	{name: "budgets", shape: shape{kind: listKind, typed: "list of budgets", elem: &budgetShape, most: maxBudgets},
		doc: "What actions may cost in a day of the loop's `time_zone`."},
}}

var capShape = shape{kind: objectKind, typed: "cap", keys: []key{
	{name: "name", required: true, shape: code, doc: "What the cap is called; the reason that it gives is `cap:NAME`."},
	{name: "limit", required: true, shape: shape{kind: integerKind, typed: "whole number from 1 to 100", limited: true, min: 1, max: maxCapLimit}, doc: "How many contacts there may be in a window."},
	{name: "window", required: true, shape: shape{kind: durationKind, shortest: time.Second, longest: 366 * day}, doc: "How long the window is. It slides: 7d are the last 168 hours."},
	{name: "per", shape: shape{kind: textKind, typed: "text", pattern: `^(user|action|(tag|channel):.{1,128})$`, patternWords: "user, action, tag:NAME or channel:NAME"}, fallback: perUser,
		doc:    "`user`: all contacts count. `action`: each action for itself. `tag:NAME` and `channel:NAME`: those that are so, and only actions that are so are kept back.",
		reason: "Whoever is written to counts letters, not offers."},
	{name: "across", shape: words([]string{"loop", allLoops}), fallback: "loop",
		doc:    "`loop`: what this loop served counts. `all`: what any loop served.",
		reason: "A loop should not fall silent because of another, unless somebody has said so."},
	{name: "kept_for", shape: shape{kind: mapKind, typed: "places by loop", elem: &shape{kind: integerKind, typed: "whole number from 1 to 100", limited: true, min: 1, max: maxCapLimit}, most: maxCaps, keyBytes: 63},
		only: "across", onlyValues: []string{allLoops},
		doc: "Places of the limit that only the named loop may take: the way in which one loop comes before others."},
	failClosed("What holds while nobody knows whom the user was reached by. Suppressions are never passed by, whatever this says."),
}}

var quietShape = shape{kind: objectKind, typed: "quiet hours", keys: []key{
	{name: "from", required: true, shape: clock, doc: "When they begin, by the clock on the wall."},
	{name: "until", required: true, shape: clock, doc: "When they end. Quiet that begins before midnight and ends after it belongs to the day on which it begins; the same time as `from` is a whole day."},
	{name: "days", shape: shape{kind: listKind, typed: "list of days", elem: &shape{kind: wordKind, typed: "day", words: dayWords}, least: 1, most: 7},
		derived: "every day", doc: "The days on which they begin: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`."},
	{name: "time_zone", shape: words([]string{zoneOfUser, "loop"}), derived: "`user` where the loop has `time_zone_feature`, else `loop`", doc: "Whose clock counts."},
	failClosed("What holds where the user's time zone counts and is not known. `permit` goes by the loop's."),
}}

var budgetShape = shape{kind: objectKind, typed: "budget", keys: []key{
	{name: "name", required: true, shape: code, doc: "What the budget is called; the reasons that it gives are `budget:NAME`, and `paced:NAME` while it is ahead of the day."},
	{name: "action", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, doc: "The action that takes of it. A budget has this or `tag`."},
	{name: "tag", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, doc: "The tag of the actions that take of it."},
	{name: "limit", required: true, shape: positiveNumber, doc: "What may be spent in a day."},
	{name: "cost", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, derived: "each counts 1",
		doc: "The declared feature of actions, a number, that says what serving one costs."},
	{name: "smooth", shape: shape{kind: flagKind}, fallback: "false",
		doc:    "Whether it is spread over the day: never ahead of the share of the day that is gone by more than an hour's worth.",
		reason: "Whoever sets a limit means the limit; pacing costs choice in the morning."},
}}
