package loop

import "strconv"

// Limits of rules and of what they read. An expression's size, depth and cost are bounded where it is compiled.
const (
	maxRules      = 256 // of one list
	maxRulesInAll = 1000
	maxIncludes   = 32
	maxExpression = 4096 // bytes
	maxTags       = 64
	maxClaims     = 256
	maxPattern    = 1000 // bytes
	maxMarkets    = 256
	maxExamples   = 1000
)

// codePattern is what rules, and the reasons that they give, may be called: they are in answers, counters and logs.
const (
	codePattern = `^[a-z0-9][a-z0-9_.-]{0,62}$`
	codeWords   = "lower-case letters, digits, -, _ and ., at most 63, not beginning with one of the signs"
)

// The words for guardrail.Kind, guardrail.Severity and guardrail.OnMissing, each in the order of its constants.
var (
	ruleKindWords  = []string{"suppression", "eligibility", "applicability", "suitability"}
	severityWords  = []string{"deny", "warn"}
	onMissingWords = []string{"deny", "permit"}
)

var (
	code        = shape{kind: textKind, typed: "text", pattern: codePattern, patternWords: codeWords}
	includeText = shape{kind: textKind, typed: "text", pattern: includePattern,
		patternWords: "the name of a file in loops/guardrails without .yaml: lower-case letters, digits, - and _, at most 63"}
	moment = shape{kind: textKind, typed: "date, or date and time", pattern: momentPattern,
		patternWords: "a date, or a date and time, as in 2026-12-01, \"2026-12-01 09:00\" or 2026-12-01T09:00:00+01:00"}
	zone = shape{kind: textKind, typed: "time zone", least: 1, most: 64}
)

const momentPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$`

// ruleKeys are those of a rule. Which must be there depends on whether the entry is a rule at all, so that is no matter of
// the table.
var ruleKeys = []key{
	{name: "name", shape: code, doc: "What the rule is called, once in a loop. Required."},
	{name: "kind", shape: words(ruleKindWords),
		doc: "Required. `suppression`: the person must not be reached. `eligibility`: may this person get it? `applicability`: does it fit here and now? `suitability`: is it as the brand wants it? Of several rules that exclude an action, the first in this order gives the reason, then the first by name."},
	{name: "severity", shape: words(severityWords), fallback: "deny",
		doc:    "`deny`: the action is out. `warn`: it may be served, and the answer, the log and a counter say so.",
		reason: "A rule is there to be kept. Warn first is the cautious way to put one in front of customers."},
	{name: "require", shape: shape{kind: textKind, typed: "CEL expression", least: 1, most: maxExpression},
		doc: "The action is out unless this is true. A rule has this or `forbid`."},
	{name: "forbid", shape: shape{kind: textKind, typed: "CEL expression", least: 1, most: maxExpression},
		doc: "The action is out if this is true. A rule has this or `require`."},
	{name: "reason", shape: code, derived: "the rule's name", doc: "The code that answers, log and counters give for an action that the rule excludes."},
	{name: "text", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "The rule in words, for people."},
	{name: "on_missing", shape: words(onMissingWords), fallback: "deny",
		doc:    "What becomes of an action when the rule cannot be decided: a value is missing that decides (a user's features cannot be read, a feature is absent or stale), or the expression fails or costs too much. No default stands in for a user's feature here.",
		reason: "Consent that nobody can read is no consent."},
	{name: "from", shape: moment, doc: "The rule is in force from this moment on; a date is its midnight, in `time_zone`. Put it in quotes when there is a space in it."},
	{name: "until", shape: moment, doc: "The rule is in force until just before this moment; a date is its midnight, so the day itself is no longer in it."},
	{name: "time_zone", shape: zone, derived: "the loop's", doc: "The time zone of `from` and `until`, as in Europe/Berlin."},
}

var (
	ruleShape = shape{kind: objectKind, typed: "rule", keys: ruleKeys}

	// ruleOrInclude is an entry of a loop file's list.
	ruleOrInclude = shape{kind: objectKind, typed: "rule or include", keys: append([]key{
		{name: "include", shape: includeText,
			doc: "The rules of `loops/guardrails/NAME.yaml` stand here. An entry with this has no other key."}}, ruleKeys...)}
)

var guardrailsShape = shape{kind: listKind, typed: "list of rules and includes", elem: &ruleOrInclude, most: maxRules}

// brandText names the brand file.
var brandText = shape{kind: textKind, typed: "text", pattern: includePattern,
	patternWords: "the name of a file in loops/brands without .yaml: lower-case letters, digits, - and _, at most 63"}

// guardrailFileShape is the table of all keys of a file of shared rules.
var guardrailFileShape = shape{kind: objectKind, keys: []key{
	{name: "version", required: true, shape: shape{kind: integerKind, typed: strconv.Itoa(Version), limited: true, min: Version, max: Version},
		doc: "The version of this format."},
	{name: "description", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "For people; nothing depends on it."},
	{name: "include", shape: shape{kind: listKind, typed: "list of names", elem: &includeText, most: maxIncludes},
		doc: "Other files of this folder whose rules hold as well. A file that is included twice counts once."},
	{name: "guardrails", required: true, shape: shape{kind: listKind, typed: "list of rules", elem: &ruleShape, most: maxRules},
		doc: "The rules, with the keys of rules in a loop file. Their order means nothing."},
}}

// brandFileShape is the table of all keys of a brand file.
var brandFileShape = shape{kind: objectKind, keys: []key{
	{name: "version", required: true, shape: shape{kind: integerKind, typed: strconv.Itoa(Version), limited: true, min: Version, max: Version},
		doc: "The version of this format."},
	{name: "name", required: true, shape: shape{kind: textKind, typed: "text", pattern: namePattern,
		patternWords: "lower-case letters, digits, - and _, at most 63, not beginning with - or _"},
		doc: "What the brand is called: the file's name without `.yaml`."},
	{name: "description", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "For people; nothing depends on it."},
	{name: "style", shape: shape{kind: mapKind, typed: "texts by name", elem: &shape{kind: textKind, typed: "text", most: maxText}, most: maxFeatures, keyBytes: maxName},
		doc: "Tokens of style: colours, fonts, forms of address. Rules read them as `brand.style.NAME`."},
	{name: "tones", shape: shape{kind: listKind, typed: "list of texts", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, most: maxFeatures},
		doc: "The tones that are allowed: `action.tone in brand.tones`."},
	{name: "banned_claims", shape: shape{kind: listKind, typed: "list of claims", elem: &claimShape, most: maxClaims},
		doc: "What must not be said: `brand.banned(action.text)` is true where one is found."},
	{name: "disclosures", shape: shape{kind: mapKind, typed: "lists of texts by market", elem: &shape{kind: listKind, typed: "list of texts",
		elem: &shape{kind: textKind, typed: "text", least: 1, most: maxText}, most: maxTags}, most: maxMarkets, keyBytes: maxName},
		doc: "What must be said, by market: `brand.discloses(action.text, context.market)`."},
	{name: "limits", shape: shape{kind: mapKind, typed: "numbers by name", elem: &anyNumber, most: maxFeatures, keyBytes: maxName},
		doc: "Numbers such as the largest discount: `action.discount <= brand.limits.max_discount`."},
	{name: "examples", shape: shape{kind: listKind, typed: "list of examples", elem: &exampleShape, most: maxExamples},
		doc: "Texts that are as the brand wants them."},
}}

var claimShape = shape{kind: objectKind, typed: "claim", keys: []key{
	{name: "pattern", required: true, shape: shape{kind: textKind, typed: "pattern", least: 1, most: maxPattern},
		doc: "A regular expression (RE2), found anywhere in the text; `(?i)` at its beginning ignores case."},
	{name: "reason", shape: shape{kind: textKind, typed: "text", most: maxText}, doc: "Why, for people."},
}}

var exampleShape = shape{kind: objectKind, typed: "example", keys: []key{
	{name: "text", required: true, shape: shape{kind: textKind, typed: "text", least: 1, most: maxText}, doc: "The text."},
	{name: "embedding", shape: shape{kind: listKind, typed: "list of numbers", elem: &anyNumber, least: 1, most: maxList},
		doc: "Where the text is in the space of the actions' embeddings; of the same length in all examples."},
}}

var (
	guardrailFormat = &format{"guardrail files", "set of rules", &guardrailFileShape}
	brandFormat     = &format{"brand files", "brand", &brandFileShape}
)
