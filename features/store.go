package features

import (
	"context"
	"fmt"
	"unicode/utf8"
)

// Raw is a stored value as its writer left it: plain text, or absent.
type Raw struct {
	Text    string
	Present bool
}

// Store keeps users' features as plain text by name. Every implementation passes storetest.Run.
//
// All methods honour ctx and are safe for concurrent use; an unreachable store is an error, an unknown user is not.
// Errors are *StoreError; errors.Is(err, context.DeadlineExceeded) holds when the store was too late. User ids and
// names are bytes to a store: any of them will do, braces, spaces and NULs too, that CheckUser and CheckPut let pass.
type Store interface {
	// Fetch returns the named features of a user, one Raw per name in the order of names, in one round trip. The text
	// of a value above MaxStored bytes is cut behind it, which no type parses. The result is the caller's.
	Fetch(ctx context.Context, user string, names []string) ([]Raw, error)
	// Put sets the named features and leaves the user's others. It is atomic, and durable as far as the store is.
	// After an error it is not known whether it happened.
	Put(ctx context.Context, user string, values map[string]string) error
	// All returns every feature of a user, time stamps included; empty when the user is unknown. More than MaxFields
	// are an error.
	All(ctx context.Context, user string) (map[string]string, error)
	// Delete forgets a user.
	Delete(ctx context.Context, user string) error
	// Close releases what the store holds. No other method may run or follow.
	Close() error
}

// Limits of what a Store takes.
const (
	MaxUser   = 1 << 10   // bytes of a user id
	MaxName   = 256       // bytes of a feature's name
	MaxFields = 4096      // features of one Put, and of a user whom All returns
	MaxStored = 512 << 10 // bytes of a text
	MaxPut    = 8 << 20   // bytes of names and texts of one Put
)

// Reasons of a StoreError, short and few, as labels of metrics want them. Redis' own error codes come in lower case
// beside these: wrongtype, noauth, loading, and so on.
const (
	ReasonTimeout     = "timeout"     // too late, by the caller's deadline or the store's own limit
	ReasonCanceled    = "canceled"    // by the caller
	ReasonUnreachable = "unreachable" // no connection, or a broken one
	ReasonOpen        = "circuit_open"
	ReasonQueueFull   = "queue_full"
	ReasonInvalid     = "invalid" // the call itself
	ReasonTooLarge    = "too_large"
	ReasonWrongType   = "wrongtype" // Redis' own code: the user's key holds no hash
	ReasonJournal     = "journal"   // the embedded store cannot write
)

// StoreError is a call that a Store could not answer. Its text names no user.
type StoreError struct {
	Op     string // fetch, put, all, delete
	Reason string
	Err    error
}

// Error implements error.
func (e *StoreError) Error() string {
	return fmt.Sprintf("%s user features: %s: %v", e.Op, e.Reason, e.Err)
}

// Unwrap returns the cause, and context.DeadlineExceeded with it when the reason is a timeout.
func (e *StoreError) Unwrap() []error {
	if e.Reason == ReasonTimeout {
		return []error{e.Err, context.DeadlineExceeded}
	}
	return []error{e.Err}
}

// CheckUser returns a *StoreError for an id that no Store takes.
func CheckUser(op, user string) error {
	if user == "" || len(user) > MaxUser {
		return &StoreError{Op: op, Reason: ReasonInvalid, Err: fmt.Errorf("a user id has 1 to %d bytes, this has %d", MaxUser, len(user))}
	}
	return nil
}

// CheckPut returns a *StoreError for a Put that no Store takes.
func CheckPut(user string, values map[string]string) error {
	if err := CheckUser("put", user); err != nil {
		return err
	}
	if len(values) > MaxFields {
		return invalidPut(fmt.Errorf("%d features, the limit is %d", len(values), MaxFields))
	}
	size := 0
	for name, text := range values {
		size += len(name) + len(text)
		switch {
		case name == "" || len(name) > MaxName:
			return invalidPut(fmt.Errorf("a feature's name has 1 to %d bytes, one has %d", MaxName, len(name)))
		case !utf8.ValidString(name):
			return invalidPut(fmt.Errorf("the name %q is not UTF-8", name))
		case len(text) > MaxStored:
			return invalidPut(fmt.Errorf("feature %q has %d bytes, the limit is %d", name, len(text), MaxStored))
		}
	}
	if size > MaxPut {
		return invalidPut(fmt.Errorf("names and texts have %d bytes, the limit is %d", size, MaxPut))
	}
	return nil
}

func invalidPut(err error) error { return &StoreError{Op: "put", Reason: ReasonInvalid, Err: err} }
