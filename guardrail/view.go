package guardrail

import (
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/nextbest/nextbest/features"
)

// Subject is an action as rules see it.
type Subject struct {
	ID       string
	Features features.Set
	Channel  string
	Text     string
	Tags     []string
	Silent   bool // serving it reaches nobody, as one that shows nothing: the contact policy is not about it
}

// Request is what rules see beside the actions.
type Request struct {
	Now       time.Time
	Zone      *time.Location // of time.*; nil is UTC
	Context   features.Set
	User      features.Set
	UserKnown bool // false: nothing is known of the user, whatever User holds
}

// view is what one evaluation reads. What is missing has no value.
type view struct {
	schema  *features.Schema
	request *Request // nil while actions alone are read
	local   time.Time
	action  *Subject // nil while the request alone is read
}

var _ interpreter.Activation = (*view)(nil)

// Parent implements interpreter.Activation.
func (v *view) Parent() interpreter.Activation { return nil }

// ResolveName implements interpreter.Activation.
func (v *view) ResolveName(name string) (any, bool) {
	val := v.value(name)
	return val, val != nil
}

func (v *view) value(name string) ref.Val {
	from, rest := part(name)
	switch from {
	case actionPart:
		return v.ofAction(rest)
	case timePart:
		return v.ofTime(rest)
	case userPart:
		if v.request == nil || !v.request.UserKnown {
			return nil
		}
		// No default stands in: one is a guess about a person.
		return field(v.request.User, nil, rest)
	case contextPart:
		if v.request == nil {
			return nil
		}
		return field(v.request.Context, v.schema.Context, rest)
	}
	return nil
}

// field returns one feature, or all of them for the empty name.
func field(set features.Set, declared []features.Field, name string) ref.Val {
	if name == "" {
		return whole(set, declared, nil)
	}
	if v := valueOf(set.Get(name)); v != nil {
		return v
	}
	for i := range declared {
		if declared[i].Name == name {
			return valueOf(declared[i].Default)
		}
	}
	return nil
}

// whole returns a part as a map.
func whole(set features.Set, declared []features.Field, more map[string]any) ref.Val {
	all := make(map[string]any, len(set)+len(declared)+len(more))
	for name, v := range more {
		all[name] = v
	}
	for i := range declared {
		if v := valueOf(declared[i].Default); v != nil {
			all[declared[i].Name] = v
		}
	}
	for i := range set {
		if v := valueOf(set[i].Value); v != nil {
			all[set[i].Name] = v
		}
	}
	return types.DefaultTypeAdapter.NativeToValue(all)
}

func (v *view) ofAction(name string) ref.Val {
	if v.action == nil {
		return nil
	}
	if name == "" {
		more := map[string]any{}
		for _, of := range []string{"id", "channel", "text", "tags"} {
			if val := v.action.own(of); val != nil {
				more[of] = val
			}
		}
		return whole(v.action.Features, v.schema.Action, more)
	}
	if val := field(v.action.Features, v.schema.Action, name); val != nil {
		return val
	}
	return v.action.own(name)
}

// own returns what an action has beside its features.
func (s *Subject) own(name string) ref.Val {
	switch {
	case name == "id":
		return types.String(s.ID)
	case name == "channel" && s.Channel != "":
		return types.String(s.Channel)
	case name == "text" && s.Text != "":
		return types.String(s.Text)
	case name == "tags":
		return types.DefaultTypeAdapter.NativeToValue(append([]string{}, s.Tags...))
	}
	return nil
}

func (v *view) ofTime(name string) ref.Val {
	if v.request == nil {
		return nil
	}
	switch name {
	case "now":
		return types.Timestamp{Time: v.request.Now.UTC()}
	case "hour":
		return types.Int(v.local.Hour())
	case "minute":
		return types.Int(v.local.Minute())
	case "weekday":
		return types.Int((int(v.local.Weekday())+6)%7 + 1) // Monday is 1, as in ISO 8601.
	case "date":
		return types.String(v.local.Format(time.DateOnly))
	case "zone":
		return types.String(v.local.Location().String())
	}
	return nil
}

// at returns the request's time in its zone.
func (r *Request) at() time.Time {
	if r.Zone == nil {
		return r.Now.UTC()
	}
	return r.Now.In(r.Zone)
}
