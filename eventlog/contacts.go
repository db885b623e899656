package eventlog

import (
	"time"

	"github.com/nextbest/nextbest/guardrail"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// fromContacts returns the stored form of what was known of a user's contacts, nil when that is nothing at all.
func fromContacts(c *guardrail.UserContacts) *logv1.Contacts {
	if !c.Known && len(c.Recent) == 0 && len(c.Suppressed) == 0 {
		return nil
	}
	m := &logv1.Contacts{Known: c.Known, Suppressed: c.Suppressed, Truncated: c.Truncated}
	for i := range c.Recent {
		x := &c.Recent[i]
		m.Recent = append(m.Recent, &logv1.Contact{
			TimeUnixMillis: x.At.UnixMilli(), EventId: x.Event, Loop: x.Loop, ActionId: x.Action, Channel: x.Channel, Tags: x.Tags, Held: x.Held,
		})
	}
	return m
}

func toContacts(m *logv1.Contacts) guardrail.UserContacts {
	c := guardrail.UserContacts{Known: m.GetKnown(), Suppressed: m.GetSuppressed(), Truncated: m.GetTruncated()}
	for _, x := range m.GetRecent() {
		c.Recent = append(c.Recent, guardrail.Contact{
			At: time.UnixMilli(x.TimeUnixMillis).UTC(), Event: x.EventId, Loop: x.Loop, Action: x.ActionId, Channel: x.Channel, Tags: x.Tags, Held: x.Held,
		})
	}
	return c
}
