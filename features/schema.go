package features

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Type is what a declared feature is.
type Type uint8

// The types a loop file can declare.
const (
	NumberType   Type = iota // number: standardised by what the model has seen
	CategoryType             // category: one of a set of texts that need not be known before
	BooleanType              // boolean
	VectorType               // vector: Dim numbers
	TagsType                 // tags: any number of categories
)

// String returns the type's name as loop files write it.
func (t Type) String() string {
	return [...]string{"number", "category", "boolean", "vector", "tags"}[t]
}

// Field declares one feature.
type Field struct {
	Name    string
	Type    Type
	Dim     int           // length of a vector
	Default Value         // stands in for a missing, stale or malformed value; may itself be missing
	MaxAge  time.Duration // user features only: older values are stale; 0 means any age will do
}

// Undeclared says what becomes of a request's features that the schema does not name.
type Undeclared uint8

// What can become of undeclared features.
const (
	Infer  Undeclared = iota // use them, by the kind of their value
	Ignore                   // leave them out
	Reject                   // refuse the request
)

// Schema declares a loop's features. Fields are ordered by name within each part. It is immutable.
//
// A literal works; NewSchema also orders and checks the fields and saves MergeForModel an allocation per user feature.
type Schema struct {
	Context, User, Action []Field
	Undeclared            Undeclared // of context and action features

	userNames []string // what MergeForModel calls each of User
}

// NewSchema orders each part by name and checks it. It works on copies.
func NewSchema(context, user, action []Field, undeclared Undeclared) (Schema, error) {
	s := Schema{Undeclared: undeclared}
	for _, part := range []struct {
		name string
		from []Field
		to   *[]Field
	}{{"context", context, &s.Context}, {"user", user, &s.User}, {"action", action, &s.Action}} {
		ordered, err := orderFields(part.from)
		if err != nil {
			return Schema{}, fmt.Errorf("%s %w", part.name, err)
		}
		*part.to = ordered
	}
	for i := range s.User {
		if name := s.User[i].Name; strings.HasSuffix(name, stampSuffix) {
			return Schema{}, fmt.Errorf("user feature %q: names ending in %q are time stamps", name, stampSuffix)
		}
		s.userNames = append(s.userNames, userPrefix+s.User[i].Name)
	}
	return s, nil
}

func orderFields(fields []Field) ([]Field, error) {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Name == "":
			return nil, fmt.Errorf("feature without a name")
		case i > 0 && f.Name == fields[i-1].Name:
			return nil, fmt.Errorf("feature %q is declared twice", f.Name)
		case f.MaxAge < 0:
			return nil, fmt.Errorf("feature %q: negative freshness %v", f.Name, f.MaxAge)
		}
		if f.Default.Kind() == Missing {
			continue
		}
		if problem := f.problem(f.Default); problem != "" {
			return nil, fmt.Errorf("feature %q: default: %s", f.Name, problem)
		}
	}
	return fields, nil
}
