package loop

import "time"

var oneText = shape{kind: textKind, typed: "text", least: 1, most: maxText}

func texts(most int) shape {
	return shape{kind: listKind, typed: "list of texts", elem: &oneText, least: 1, most: most}
}

// machineShape is one rule of reward.machine.
var machineShape = shape{kind: objectKind, typed: "rule", keys: []key{
	{name: "metrics", shape: texts(maxMetrics),
		doc:    "The metrics whose reports the rule is about, as in `[open]`.",
		reason: "None: it is about reports of every metric."},
	{name: "within", shape: shape{kind: durationKind, longest: day * 90, shortest: time.Second},
		doc: "The report's time is at most so long after the sending (the decision), or before it."},
	{name: "user_agents", shape: texts(maxPatterns),
		doc: "Its user agent matches any of these regular expressions (RE2); upper and lower case are the same, and a match anywhere counts: `^` and `$` stand for the ends."},
	{name: "known", shape: shape{kind: flagKind}, fallback: "false",
		doc:    "`true`: its user agent matches `user_agents`, or is on the built-in list (of November 2026): Apple's Mail Privacy Protection, link scanners and gateways that say who they are, crawlers, programs. Not on it are proxies that fetch for people who open, as those of Gmail and Yahoo.",
		reason: "A rule is what it says."},
	{name: "networks", shape: texts(maxPatterns),
		doc: "Its address is in any of these networks, as in 192.0.2.0/24 or 2001:db8::/32."},
}}
