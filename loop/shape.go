package loop

import "time"

// kind is what a value of a loop file has to be.
type kind uint8

const (
	textKind     kind = iota
	numberKind        // a finite decimal number
	integerKind       // without a fraction
	durationKind      // a whole number and its unit
	wordKind          // one of words
	flagKind          // true or false
	valueKind         // a feature's value: number, text, boolean, list of numbers or of texts
	listKind          // of elem
	objectKind        // the keys of keys
	mapKind           // any keys, values of elem
)

// shape is what is allowed at one place of a loop file. Zero limits are none, unless limited says otherwise.
type shape struct {
	kind  kind
	typed string // the type as the reference page writes it

	keys  []key    // objectKind
	elem  *shape   // listKind, mapKind
	words []string // wordKind; listKind, mapKind: texts that may stand in its place

	min, max     float64 // numberKind, integerKind: only when limited
	limited      bool
	above        bool // min itself is not allowed
	shortest     time.Duration
	longest      time.Duration
	least, most  int    // texts: bytes; lists and maps: elements
	pattern      string // textKind
	patternWords string // the pattern in words
	keyBytes     int    // mapKind: longest key
}

// key is one key of an object.
type key struct {
	name string
	shape
	required bool
	// fallback is the default, written as in a file; "" where there is none.
	fallback string
	// derived says in words what the default is where it depends on the rest of the file.
	derived string
	// doc says what the key is; reason says why the default is what it is, or why there is none.
	doc, reason string
	// only names another key of the same object and the values it must have one of for this key to have a meaning.
	only       string
	onlyValues []string
}

// key returns the named key, nil when there is none.
func (s *shape) key(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

func (s *shape) names() []string {
	names := make([]string, len(s.keys))
	for i := range s.keys {
		names[i] = s.keys[i].name
	}
	return names
}

// requiredNames returns the names of the keys that there must be.
func (s *shape) requiredNames() []string {
	var names []string
	for i := range s.keys {
		if s.keys[i].required {
			names = append(names, s.keys[i].name)
		}
	}
	return names
}
