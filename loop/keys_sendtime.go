package loop

import (
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/model"
)

// sendTimes is the word for a loop whose actions are the moments of a window.
const sendTimes = "send_times"

// Bounds of send times.
const (
	leastGranularity = 5 * time.Minute
	mostHorizon      = 60 * day
	mostPerMinute    = 1_000_000
)

var sendTimeShape = shape{kind: objectKind, keys: []key{
	{name: "granularity", shape: shape{kind: durationKind, shortest: leastGranularity, longest: day}, fallback: "1h",
		doc:    "Between the moments to choose among, by the clock on the user's wall; it divides a day.",
		reason: "What is learned of an hour is little, and of its quarters less."},
	{name: "window", shape: shape{kind: durationKind, shortest: time.Minute, longest: mostHorizon}, fallback: "24h",
		doc:    "For how long from the earliest moment on, where a request names no latest.",
		reason: "Every hour of the day is in it once."},
	{name: "horizon", shape: shape{kind: durationKind, shortest: time.Minute, longest: mostHorizon}, fallback: "14d",
		doc:    "How far ahead a request may ask.",
		reason: "Farther ahead is nearly always a mistake in a date, and an event is open until its send has had its reward window."},
	{name: "do_not_send", shape: shape{kind: flagKind}, fallback: "false",
		doc:    "Whether not to send at all is an action too, called `do_not_send`. It is what is left where nothing else is permitted.",
		reason: "Whoever asks when wants to send."},
	{name: "per_minute", shape: shape{kind: integerKind, typed: "whole number from 1 to 1000000", limited: true, min: 1, max: mostPerMinute},
		doc:    "At most so many sends in a minute, over all users of a campaign; a request can say its own. A moment all of whose minutes are full is not chosen among.",
		reason: "None: senders have limits of their own."},
	{name: "channel", shape: shape{kind: textKind, typed: "text", least: 1, most: maxName}, doc: "How sends reach people, as in email or push: for rules (`action.channel`) and the contact policy."},
	{name: "tags", shape: shape{kind: listKind, typed: "list of texts", elem: &shape{kind: textKind, typed: "text", least: 1, most: maxName}, most: maxTags},
		doc: "What rules and the contact policy call sends by."},
}}

// sendTime makes a loop one of send times, where its actions say so.
func (c *compiler) sendTime(root *node, l *decision.Loop) {
	if root.key("actions").text != sendTimes {
		if e := root.entry("send_time"); e != nil && !e.implied {
			c.addf(e.at, "send_time: the loop has actions of its own: write actions: send_times, or leave this out")
		}
		return
	}
	n := root.key("send_time")
	l.Send = &decision.SendSpec{
		Granularity: n.key("granularity").duration(), Window: n.key("window").duration(), Horizon: n.key("horizon").duration(),
		PerMinute: int(n.key("per_minute").number), DoNotSend: n.key("do_not_send").flag,
	}
	l.Send.Subject.ID, l.Send.Subject.Channel, l.Send.Subject.Tags = decision.SendAction, n.key("channel").text, n.key("tags").texts()
	l.UserNames = append(l.UserNames, decision.EvidenceField(l.Name))
	if g := l.Send.Granularity; g > 0 && day%g != 0 {
		c.addf(n.key("granularity").at, "send_time.granularity: a day is not a multiple of %s: take one that divides it, as in 30m or 2h", brief(g))
	}
	if l.Send.Window > l.Send.Horizon {
		c.addf(n.key("window").at, "send_time.window: %s reaches beyond send_time.horizon, %s: make one the other's size", brief(l.Send.Window), brief(l.Send.Horizon))
	}
	if e := root.entry("features"); e != nil && len(root.key("features").key("action").entries) > 0 {
		c.addf(root.key("features").key("action").at, "features.action: send times have no features: remove them")
	}
}

// sendPolicy returns the policy of a loop of send times: where the file names none, one for times.
func (c *compiler) sendPolicy(root *node, named model.Exploration) model.Exploration {
	if e := root.entry("policy"); e != nil && !e.implied {
		return named
	}
	return model.DefaultSendTimeExploration()
}
