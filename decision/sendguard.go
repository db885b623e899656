package decision

import (
	"time"

	"github.com/nextbest/nextbest/guardrail"
)

// denySends leaves in k.denied why the user must not be sent to at each of the window's times: rules, quiet hours and caps hold for
// the moment of the send, not for that of the decision.
func (k *kernel) denySends(l *Loop, in *Input) {
	times := in.Send.Times()
	k.zones.set(in)
	rules := k.sendRules(l, in)
	paced := in.Send.Places != nil
	k.subjects = l.Subjects
	for i, t := range times {
		until := t
		if paced {
			until = in.Send.until(times, i)
		}
		if l.Guardrails != nil {
			k.denied[i] = rules(t, until)
		}
		if l.Contact != nil {
			k.contactAt(l, in, i, t, until)
		}
		if paced && k.denied[i] == "" && in.Send.Places[i] == FullMinutes {
			k.denied[i] = ExcludedByPace
		}
	}
}

// contactAt asks the contact policy about one time, whose send goes out between two moments.
func (k *kernel) contactAt(l *Loop, in *Input, i int, unix, until int64) {
	k.query = guardrail.ContactQuery{
		Loop: l.Name, Event: in.EventID, Now: time.Unix(unix, 0).UTC(), Span: time.Duration(until-unix) * time.Second, Zone: k.zones.at(in, unix), ZoneOfUser: in.ZoneOfUser,
		BudgetZone: l.Zone, Contacts: in.Contacts, Spent: in.Spent,
	}
	l.Contact.Evaluate(k.denied[i:i+1], k.subjects, &k.query)
}

// sendRules returns what the rules say of a send at a time: a reason, or "". Where sends are paced they hold for the whole of
// what a time stands for, as far as its two ends say.
func (k *kernel) sendRules(l *Loop, in *Input) func(unix, until int64) string {
	if l.Guardrails == nil {
		return nil
	}
	k.bound = l.Bound
	if !l.Guardrails.ReadsTime() {
		always := k.ruleAt(in, in.Time.Unix())
		return func(int64, int64) string { return always }
	}
	return func(unix, until int64) string {
		reason := k.ruleAt(in, unix)
		if reason == "" && until > unix {
			reason = k.ruleAt(in, until)
		}
		return reason
	}
}

func (k *kernel) ruleAt(in *Input, unix int64) string {
	k.request = guardrail.Request{
		Now: time.Unix(unix, 0).UTC(), Zone: k.zones.at(in, unix), Context: in.Context, User: in.User,
		UserKnown: in.UserID != "" && in.Degraded == "",
	}
	k.bound.Evaluate(&k.verdicts, &k.request)
	if rule, denied := k.verdicts.Denied(0); denied {
		return rule.Reason
	}
	return ""
}

// sendZones are the zones of a window's offsets, by their places.
type sendZones struct{ fixed []*time.Location }

func (z *sendZones) set(in *Input) {
	z.fixed = z.fixed[:0]
	for _, o := range in.Send.Offsets {
		z.fixed = append(z.fixed, time.FixedZone(in.Send.Zone, o.Seconds))
		if time.Duration(o.From-in.Send.Latest.Unix())*time.Second > 0 {
			return // What comes later is for sends that come late.
		}
	}
}

// at returns the zone at a moment, as it was when the window was made: the tz database may change.
func (z *sendZones) at(in *Input, unix int64) *time.Location {
	at := z.fixed[0]
	for i, o := range in.Send.Offsets[1:min(len(in.Send.Offsets), len(z.fixed))] {
		if o.From > unix {
			break
		}
		at = z.fixed[i+1]
	}
	return at
}
