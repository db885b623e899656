package loop

import "strconv"

// The words of test files.
const (
	unreadable = "unreadable"
	allActions = "all"
	permitted  = "permitted"
	denied     = "denied"
)

const maxCases = 1000

var contactCaseShape = shape{kind: objectKind, typed: "contact", keys: []key{
	{name: "ago", required: true, shape: shape{kind: durationKind, longest: 3650 * day}, doc: "How long before `now` it was."},
	{name: "loop", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, derived: "the case's loop", doc: "Which loop served it."},
	{name: "action", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, doc: "The id of what was served. Left out: a decision that is being made at this moment, of which nothing is known yet."},
	{name: "channel", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, derived: "the action's", doc: "How it reached the user."},
	{name: "tags", shape: shape{kind: listKind, typed: "list of texts", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, most: maxTags}, derived: "the action's", doc: "What the action is called by."},
}}

var caseShape = shape{kind: objectKind, typed: "case", keys: []key{
	{name: "name", required: true, shape: shape{kind: textKind, typed: "text", least: 1, most: maxText}, doc: "What the case shows, for people."},
	{name: "loop", shape: shape{kind: textKind, typed: "text", pattern: namePattern, patternWords: "a loop's name"}, derived: "the file's", doc: "The loop that is asked."},
	{name: "now", shape: moment, derived: "the file's", doc: "When it is asked; without an offset, in the loop's time zone."},
	{name: "user", shape: shape{kind: mapKind, typed: "features by name, or the word `unreadable`", elem: &valueShape, most: maxFeatures, keyBytes: maxName, words: []string{unreadable}},
		doc: "The user's features. What is left out is missing. `unreadable`: none can be read, as when the store is down."},
	{name: "context", shape: shape{kind: mapKind, typed: "features by name", elem: &valueShape, most: maxFeatures, keyBytes: maxName},
		doc: "The request's features. What is left out has its declared default, or is missing."},
	{name: "contacts", shape: shape{kind: listKind, typed: "list of contacts, or the word `unreadable`", elem: &contactCaseShape, most: maxFeatures, words: []string{unreadable}},
		doc: "What the user was served before, for the contact policy. `unreadable`: nobody knows."},
	{name: "suppressed", shape: shape{kind: listKind, typed: "list of texts", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, most: maxTags},
		doc: "The channels in which the user does not want to be reached; `*` is all."},
	{name: "spent", shape: shape{kind: mapKind, typed: "numbers by budget", elem: &factor, most: maxBudgets, keyBytes: 63},
		doc: "What was spent of the contact policy's budgets today. What is left out is 0."},
	{name: "actions", shape: shape{kind: listKind, typed: "list of actions", elem: &actionShape, least: 1, most: maxActions},
		derived: "the loop's", doc: "Actions that the request brings, with the keys of actions in a loop file."},
	{name: "action", shape: shape{kind: listKind, typed: "list of ids, or the word `all`", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, least: 1, most: maxActions, words: []string{allActions}},
		derived: "`all`", doc: "Which actions are expected to be so."},
	{name: "expect", required: true, shape: words([]string{permitted, denied}), doc: "What becomes of them."},
	{name: "by", shape: code, only: "expect", onlyValues: []string{denied}, doc: "The rule that denies them: the one that the answer would name, so the first of those that do."},
	{name: "reason", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, only: "expect", onlyValues: []string{denied},
		doc: "The reason that the answer would give. The contact policy's begin with `cap:`, `budget:` and so on."},
	{name: "warned_by", shape: shape{kind: listKind, typed: "list of rules", elem: &code, most: maxRules}, only: "expect", onlyValues: []string{permitted},
		doc: "The rules of severity `warn` that object, all of them; `[]` for none."},
}}

// testFileShape is the table of all keys of a file of test cases.
var testFileShape = shape{kind: objectKind, keys: []key{
	{name: "version", required: true, shape: shape{kind: integerKind, typed: strconv.Itoa(Version), limited: true, min: Version, max: Version},
		doc: "The version of this format."},
	{name: "description", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "For people; nothing depends on it."},
	{name: "loops", shape: shape{kind: textKind, typed: "text", least: 1, most: maxText}, derived: "the folder that the file is in",
		doc: "The directory of the loop files, from the folder that the file is in."},
	{name: "loop", shape: shape{kind: textKind, typed: "text", pattern: namePattern, patternWords: "a loop's name"}, doc: "The loop of cases that name none."},
	{name: "now", shape: moment, doc: "The time of cases that give none. There is no other default: a test must say the same every day."},
	{name: "cases", required: true, shape: shape{kind: listKind, typed: "list of cases", elem: &caseShape, least: 1, most: maxCases}, doc: "The cases."},
}}

var testFormat = &format{"test files", "set of cases", &testFileShape}
