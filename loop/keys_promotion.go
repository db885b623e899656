package loop

// promotionShape is the table of the keys that say how the loop may be displaced.
var promotionShape = shape{kind: objectKind, keys: []key{
	{name: "mode", shape: words(promotionWords), fallback: "manual",
		doc:    "`manual`: a challenger is promoted by command alone. `automatic`: as soon as its gain is proven as well.",
		reason: "What customers see should not change by itself unless somebody has said that it may."},
	{name: "alpha", shape: shape{kind: numberKind, typed: "number above 0 and up to 0.5", limited: true, above: true, min: 0, max: 0.5}, fallback: "0.05",
		doc:    "The probability with which a challenger that is no better may ever pass for one, however often one looks; and, after a promotion, with which this file may be put back though it is no better.",
		reason: "The usual one. It is per challenger: with twenty of them that are no better, expect one false promotion at most."},
	{name: "minimum_events", shape: shape{kind: integerKind, typed: "whole number from 100 to 1e9", limited: true, min: 100, max: 1e9}, fallback: "1000",
		doc:    "How many events are evaluated before a challenger is promoted automatically.",
		reason: "The interval of a gain is asymptotic: it can be trusted once there are some hundred events of either kind."},
	{name: "watch", shape: watchShape, doc: "What calls this file back after a challenger has taken its place."},
}}

var watchShape = shape{kind: objectKind, keys: []key{
	{name: "metric", shape: shape{kind: textKind, typed: "text", least: 1, most: 64},
		derived: "the loop's reward",
		doc:     "One of `reward.metrics`, also one of weight 0. Where nothing was reported it counts as 0.",
		reason:  "What the loop is for must not fall. Name a metric that speaks against the reward, such as unsubscribing, where there is one."},
	{name: "better", shape: words(betterWords), fallback: "higher",
		doc:    "Whether more of the metric is better, or less.",
		reason: "Rewards are worth something."},
	{name: "tolerance", shape: shape{kind: numberKind, typed: "number from 0", limited: true, min: 0, max: 1e12}, fallback: "0",
		doc:    "By how much per event the metric may be worse, in its own unit: this file is put back when it is proven to be better by more than this.",
		reason: "None: a proven loss is a loss."},
}}
