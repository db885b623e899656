package loop

import (
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
)

// contact returns the contact policy of a loop, nil when its file has none.
func (c *compiler) contact(root *node, l *decision.Loop) *guardrail.ContactPolicy {
	e := root.entry("contact")
	if e == nil || e.implied {
		return nil
	}
	p := &guardrail.ContactPolicy{}
	names := make(map[string]position)
	for i, n := range e.value.key("caps").items {
		path := item("contact.caps", i)
		c.unique(names, n.key("name"), path)
		p.Caps = append(p.Caps, c.limit(n, path))
	}
	for i, n := range e.value.key("quiet_hours").items {
		p.Quiet = append(p.Quiet, c.quiet(n, l, item("contact.quiet_hours", i)))
	}
	clear(names)
	for i, n := range e.value.key("budgets").items {
		path := item("contact.budgets", i)
		c.unique(names, n.key("name"), path)
		p.Budgets = append(p.Budgets, c.budget(n, l, path))
	}
	return p
}

// unique refuses a name that was given before.
func (c *compiler) unique(names map[string]position, n *node, path string) {
	if n.form != text {
		return
	}
	if at, again := names[n.text]; again {
		c.addf(n.at, "%s.name: %s is the name of another, in line %d: give each its own", path, n.text, at.line)
		return
	}
	names[n.text] = n.at
}

func (c *compiler) limit(n *node, path string) guardrail.Cap {
	out := guardrail.Cap{
		Name: n.key("name").text, Limit: int(n.key("limit").number), Window: n.key("window").duration(),
		AllLoops: n.key("across").text == allLoops, OnMissing: guardrail.OnMissing(n.key("on_missing").index(onMissingWords)),
	}
	switch per := n.key("per").text; {
	case per == perAction:
		out.Per = guardrail.PerAction
	case strings.HasPrefix(per, perTag):
		out.Per, out.Of = guardrail.PerTag, strings.TrimPrefix(per, perTag)
	case strings.HasPrefix(per, perChannel):
		out.Per, out.Of = guardrail.PerChannel, strings.TrimPrefix(per, perChannel)
	}
	kept := 0
	for _, e := range n.key("kept_for").entries {
		if out.KeptFor == nil {
			out.KeptFor = make(map[string]int)
		}
		out.KeptFor[e.name] = int(e.value.number)
		kept += int(e.value.number)
	}
	if kept > out.Limit && out.Limit > 0 {
		c.addf(n.key("kept_for").at, "%s.kept_for: %d places are kept, and the limit is %d: keep fewer", path, kept, out.Limit)
	}
	return out
}

func (c *compiler) quiet(n *node, l *decision.Loop, path string) guardrail.QuietHours {
	out := guardrail.QuietHours{
		From: n.key("from").clock(), Until: n.key("until").clock(),
		OnMissing: guardrail.OnMissing(n.key("on_missing").index(onMissingWords)),
		OfUser:    l.ZoneFeature != "",
	}
	for i, word := range dayWords {
		days := n.key("days")
		out.Days[i] = days.form != list || slices.ContainsFunc(days.items, func(d *node) bool { return d.text == word })
	}
	if zone := n.key("time_zone"); zone.form == text {
		if out.OfUser = zone.text == zoneOfUser; out.OfUser && l.ZoneFeature == "" {
			c.addf(zone.at, "%s.time_zone: nothing says which the user's time zone is: set time_zone_feature, or write loop", path)
		}
	}
	return out
}

// clock returns the time of day that a checked text stands for, since midnight.
func (n *node) clock() time.Duration {
	t, err := time.Parse("15:04", n.text)
	if err != nil {
		return 0
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

func (c *compiler) budget(n *node, l *decision.Loop, path string) guardrail.Budget {
	out := guardrail.Budget{
		Name: n.key("name").text, Action: n.key("action").text, Tag: n.key("tag").text, Limit: n.key("limit").number,
		Cost: n.key("cost").text, Smooth: n.key("smooth").flag,
	}
	switch action, tag := n.entry("action"), n.entry("tag"); {
	case action != nil && tag != nil:
		c.addf(tag.at, "%s: a budget has action or tag, not both: write two budgets", path)
	case action == nil && tag == nil && len(n.failed) == 0:
		c.addf(n.at, "%s: a budget needs action or tag, whose cost it bounds", path)
	}
	ids := make([]string, len(l.Actions))
	for i := range l.Actions {
		ids[i] = l.Actions[i].ID
	}
	if len(ids) > 0 && out.Action != "" && !slices.Contains(ids, out.Action) && c.parts[cataloguePart] == nil {
		c.addf(n.key("action").at, "%s.action: there is no action %q%s", path, out.Action, meant(out.Action, ids))
	}
	isNumber := func(f features.Field) bool { return f.Name == out.Cost && f.Type == features.NumberType }
	if out.Cost != "" && !slices.ContainsFunc(l.Schema.Action, isNumber) {
		c.addf(n.key("cost").at, "%s.cost: %s is not a declared number of actions: declare it under features.action with type: number", path, out.Cost)
	}
	return out
}
