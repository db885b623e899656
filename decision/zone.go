package decision

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nextbest/nextbest/features"
)

// place leaves in in the time zone of what guardrails read as time: the user's own, where the loop says which feature
// holds it and it names one, else the loop's. asked is the one that the request names, "" for none: it is the user's own.
// Loops without guardrails have none, unless they are of send times.
func (d *Decider) place(l *Loop, in *Input, asked string) error {
	if !l.Guarded() && l.Send == nil {
		return nil
	}
	in.Zone = l.Zone
	if asked != "" {
		own, ok := d.zones.named(asked)
		if !ok {
			return &InputError{"timeZone", fmt.Sprintf("%q is no time zone of the tz database, as in Europe/Berlin", asked)}
		}
		in.Zone, in.ZoneOfUser = own, true
		return nil
	}
	if own, ok := d.zones.named(l.zoneName(in)); ok {
		in.Zone, in.ZoneOfUser = own, true
	}
	return nil
}

// Guarded reports whether the loop has rules or a contact policy.
func (l *Loop) Guarded() bool { return l.Guardrails != nil || l.Contact != nil }

// zoneName returns what the input says that the user's time zone is called, "" when it says nothing.
func (l *Loop) zoneName(in *Input) string {
	part, name, ok := strings.Cut(l.ZoneFeature, ".")
	if !ok {
		return ""
	}
	set := in.Context
	if part == "user" {
		set = in.User
	}
	v := set.Get(name)
	if v.Kind() != features.Text {
		return ""
	}
	return v.Text()
}

// zones keeps the time zones that were asked for. There are some hundreds of them; names that are none are not kept.
type zones struct{ known sync.Map } // string to *time.Location

// maxZoneName is longer than the name of any time zone.
const maxZoneName = 64

// named returns a time zone of the tz database by its name.
func (z *zones) named(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || len(name) > maxZoneName {
		return nil, false
	}
	if at, ok := z.known.Load(name); ok {
		return at.(*time.Location), true
	}
	at, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	z.known.Store(name, at)
	return at, true
}
