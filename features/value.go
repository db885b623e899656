// Package features holds what is known about a request, a user and an action, and turns it into what a model reads.
//
// It is pure: values, the schema that a loop declares for them, and the encoder. Users' features are kept in a Store;
// package redisstore keeps them in Redis, package embedded in this process.
package features

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind says which of a Value's forms is set.
type Kind uint8

// The kinds of values.
const (
	Missing Kind = iota
	Number       // a finite float64
	Text         // a category
	Flag         // true or false
	Numbers      // a vector of finite float64
	Texts        // a set of tags
)

// String returns the kind's name as users read it.
func (k Kind) String() string {
	return [...]string{"missing", "number", "text", "boolean", "list of numbers", "list of texts"}[k]
}

// Value is one feature's value. The zero Value is missing. Values are immutable: slices handed in must not change.
type Value struct {
	kind    Kind
	number  float64
	text    string
	numbers []float64
	texts   []string
}

// NumberValue returns a number.
func NumberValue(x float64) Value { return Value{kind: Number, number: x} }

// TextValue returns a text.
func TextValue(s string) Value { return Value{kind: Text, text: s} }

// NumbersValue returns a vector.
func NumbersValue(xs []float64) Value { return Value{kind: Numbers, numbers: xs} }

// TextsValue returns a set of tags.
func TextsValue(ss []string) Value { return Value{kind: Texts, texts: ss} }

// FlagValue returns a boolean.
func FlagValue(b bool) Value {
	v := Value{kind: Flag}
	if b {
		v.number = 1
	}
	return v
}

// Kind returns the form that is set.
func (v Value) Kind() Kind { return v.kind }

// Number returns the number, 1 or 0 for a flag, else 0.
func (v Value) Number() float64 { return v.number }

// Text returns the text, else "".
func (v Value) Text() string { return v.text }

// Flag reports whether the value is the flag true.
func (v Value) Flag() bool { return v.kind == Flag && v.number == 1 }

// Numbers returns the vector, not to be changed, else nil.
func (v Value) Numbers() []float64 { return v.numbers }

// Texts returns the tags, not to be changed, else nil.
func (v Value) Texts() []string { return v.texts }

// Finite reports whether every number in the value is finite.
func (v Value) Finite() bool {
	return finite(v.number) && !slices.ContainsFunc(v.numbers, func(x float64) bool { return !finite(x) })
}

// Equal reports whether both values are the same to the bit.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && math.Float64bits(v.number) == math.Float64bits(w.number) && v.text == w.text &&
		slices.EqualFunc(v.numbers, w.numbers, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) &&
		slices.Equal(v.texts, w.texts)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Feature is a named value.
type Feature struct {
	Name  string
	Value Value
}

// Set is features ordered by name, each name once. The zero Set is empty. Sets are immutable.
type Set []Feature

// NewSet orders fs by name, in place. It refuses a name that comes twice.
func NewSet(fs []Feature) (Set, error) {
	slices.SortFunc(fs, func(a, b Feature) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(fs); i++ {
		if fs[i].Name == fs[i-1].Name {
			return nil, fmt.Errorf("feature %q is given twice", fs[i].Name)
		}
	}
	return fs, nil
}

// Get returns the named value, missing when the set has none.
func (s Set) Get(name string) Value {
	i, ok := slices.BinarySearchFunc(s, name, func(f Feature, n string) int { return strings.Compare(f.Name, n) })
	if !ok {
		return Value{}
	}
	return s[i].Value
}
