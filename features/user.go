package features

import "time"

// Why a user feature's default stood in.
const (
	ReasonMissing   = "missing"   // not stored
	ReasonMalformed = "malformed" // the text, or its time stamp, is not what the schema declares
	ReasonStale     = "stale"     // older than the schema allows
)

// A value's time stamp is stored beside it under NAME@at, or for all of a user's values under @at, in unix seconds.
const stampSuffix = "@at"

// maxStampAhead is how far a stamp may lie in the future: enough for clocks that differ, and little enough to find
// stamps in milliseconds, which would never grow stale.
const maxStampAhead = 24 * time.Hour

// Defaulted names a user feature for which its default, if it has one, stands in.
type Defaulted struct {
	Name   string
	Reason string // ReasonMissing and so on
}

// UserFieldNames returns what to fetch of a user: the names of User in order, then the stamp of each of them that can
// grow stale, then the common stamp if any can. ParseUser takes the answer in this order.
func (s *Schema) UserFieldNames() []string {
	names := make([]string, 0, 2*len(s.User)+1)
	for i := range s.User {
		names = append(names, s.User[i].Name)
	}
	for i := range s.User {
		if s.User[i].MaxAge > 0 {
			names = append(names, s.User[i].Name+stampSuffix)
		}
	}
	if len(names) > len(s.User) {
		names = append(names, stampSuffix)
	}
	return names
}

// ParseUser makes features of what was fetched for UserFieldNames; anything not there counts as absent, so nil is an
// unknown user. It returns what is stored, well-formed and fresh at now, without defaults, and names the rest.
func (s *Schema) ParseUser(raw []Raw, now time.Time) (Set, []Defaulted) {
	if len(s.User) == 0 {
		return nil, nil
	}
	set := make(Set, 0, len(s.User))
	var defaulted []Defaulted
	stamp, common := len(s.User), at(raw, s.commonStamp())
	for i := range s.User {
		f := &s.User[i]
		own := Raw{}
		if f.MaxAge > 0 {
			own = at(raw, stamp)
			stamp++
		}
		v, reason := f.parseStored(at(raw, i), own, common, now)
		if reason != "" {
			defaulted = append(defaulted, Defaulted{Name: f.Name, Reason: reason})
			continue
		}
		set = append(set, Feature{Name: f.Name, Value: v})
	}
	return set, defaulted
}

// commonStamp is the index of the stamp of all values in what UserFieldNames names, if it is there at all.
func (s *Schema) commonStamp() int {
	i := len(s.User)
	for f := range s.User {
		if s.User[f].MaxAge > 0 {
			i++
		}
	}
	return i
}

func at(raw []Raw, i int) Raw {
	if i < len(raw) {
		return raw[i]
	}
	return Raw{}
}

func (f *Field) parseStored(value, own, common Raw, now time.Time) (Value, string) {
	if !value.Present {
		return Value{}, ReasonMissing
	}
	if f.MaxAge > 0 {
		if !own.Present {
			own = common
		}
		if reason := f.staleness(own, now); reason != "" {
			return Value{}, reason
		}
	}
	v, ok := f.Parse(value.Text)
	if !ok {
		return Value{}, ReasonMalformed
	}
	return v, ""
}

// staleness judges a stamp; a value without one is fresh.
func (f *Field) staleness(stamp Raw, now time.Time) string {
	if !stamp.Present {
		return ""
	}
	seconds, ok := parseNumber(stamp.Text)
	if !ok {
		return ReasonMalformed
	}
	// In float64 seconds, a present-day stamp is exact to less than a microsecond.
	age := float64(now.UnixNano())/1e9 - seconds
	switch {
	case age > f.MaxAge.Seconds():
		return ReasonStale
	case age < -maxStampAhead.Seconds():
		return ReasonMalformed
	}
	return ""
}
