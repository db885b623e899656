package features

import (
	"fmt"
	"strings"
)

// CheckError is a feature of a request that its loop's schema does not allow.
type CheckError struct {
	Name    string
	Problem string // as in "expected number, got text"
}

// Error implements error.
func (e *CheckError) Error() string { return fmt.Sprintf("feature %q: %s", e.Name, e.Problem) }

// CheckContext returns a *CheckError for the first feature of a request that breaks the schema.
func (s *Schema) CheckContext(set Set) error { return s.check(s.Context, set) }

// CheckAction returns a *CheckError for the first feature of an action that breaks the schema.
func (s *Schema) CheckAction(set Set) error { return s.check(s.Action, set) }

func (s *Schema) check(fields []Field, set Set) error {
	d := 0 // fields[:d] come before the feature at hand
	for i := range set {
		f := &set[i]
		for d < len(fields) && fields[d].Name < f.Name {
			d++
		}
		problem := ""
		switch {
		case d < len(fields) && fields[d].Name == f.Name:
			problem = fields[d].problem(f.Value)
		case s.Undeclared == Reject:
			problem = "not declared by the loop"
		case !f.Value.Finite():
			problem = notFinite
		}
		if problem != "" {
			return &CheckError{Name: f.Name, Problem: problem}
		}
	}
	return nil
}

const notFinite = "not a finite number"

// problem says how v breaks the declaration, or "". A missing value breaks none: its default stands in.
func (f *Field) problem(v Value) string {
	if v.kind == Missing {
		return ""
	}
	if !f.allows(v) {
		return "expected " + f.expected() + ", got " + got(v)
	}
	if !v.Finite() {
		return notFinite
	}
	return f.oversize(v)
}

// allows reports whether v has the declared type. A list without elements is of either kind, since JSON cannot say.
func (f *Field) allows(v Value) bool {
	switch f.Type {
	case NumberType:
		return v.kind == Number
	case CategoryType:
		return v.kind == Text
	case BooleanType:
		return v.kind == Flag
	case VectorType:
		return (v.kind == Numbers || v.kind == Texts && len(v.texts) == 0) && (f.Dim == 0 || len(v.numbers) == f.Dim)
	case TagsType:
		return v.kind == Texts || v.kind == Numbers && len(v.numbers) == 0
	}
	return false
}

func (f *Field) oversize(v Value) string {
	switch {
	case len(v.text) > MaxText:
		return fmt.Sprintf("text of %d bytes, the limit is %d", len(v.text), MaxText)
	case len(v.numbers) > MaxVector:
		return fmt.Sprintf("vector of %d numbers, the limit is %d", len(v.numbers), MaxVector)
	case len(v.texts) > MaxTags:
		return fmt.Sprintf("list of %d tags, the limit is %d", len(v.texts), MaxTags)
	}
	for _, tag := range v.texts {
		if len(tag) > MaxText {
			return fmt.Sprintf("tag of %d bytes, the limit is %d", len(tag), MaxText)
		}
	}
	return ""
}

func (f *Field) expected() string {
	switch {
	case f.Type == CategoryType:
		return "category (text)"
	case f.Type == VectorType && f.Dim > 0:
		return fmt.Sprintf("vector of %d numbers", f.Dim)
	case f.Type == TagsType:
		return "tags (list of texts)"
	}
	return f.Type.String()
}

func got(v Value) string {
	switch v.kind {
	case Numbers:
		return strings.Replace(v.kind.String(), "list of", fmt.Sprintf("list of %d", len(v.numbers)), 1)
	case Texts:
		return strings.Replace(v.kind.String(), "list of", fmt.Sprintf("list of %d", len(v.texts)), 1)
	}
	return v.kind.String()
}
