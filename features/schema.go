package features

import "time"

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

// Schema declares a loop's features. Fields are ordered by name within each part.
type Schema struct {
	Context, User, Action []Field
	Undeclared            Undeclared // of context and action features
}
