package loop

import "slices"

// position is a place in a file: both from 1, columns in characters.
type position struct{ line, column int }

// form is what a node is in YAML.
type form uint8

const (
	nothing form = iota
	flag
	number
	text
	list
	mapping
)

// String returns the form as users read it.
func (f form) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "a block of keys"}[f]
}

// node is a part of a loop file with its place.
type node struct {
	at      position
	form    form
	text    string // as written, without quotes, for every scalar
	number  float64
	flag    bool
	plain   bool     // a scalar without quotes
	wrong   bool     // what is wrong with it has been said
	items   []*node  // of a list
	entries []entry  // of a mapping, as in the file
	failed  []string // keys of a mapping whose values check took out
}

// entry is one key of a mapping.
type entry struct {
	name    string
	at      position // of the key
	value   *node
	implied bool // it is the key's default, which the file leaves out
}

// given returns the names of the keys that the file has.
func (n *node) given() []string {
	names := slices.Clone(n.failed)
	for i := range n.entries {
		if !n.entries[i].implied {
			names = append(names, n.entries[i].name)
		}
	}
	return names
}

// key returns the value of a key, a node of form nothing when there is none. It is never nil.
func (n *node) key(name string) *node {
	if e := n.entry(name); e != nil {
		return e.value
	}
	return &node{at: n.at}
}

// entry returns the named entry, nil when there is none.
func (n *node) entry(name string) *entry {
	for i := range n.entries {
		if n.entries[i].name == name {
			return &n.entries[i]
		}
	}
	return nil
}
