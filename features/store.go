package features

import "context"

// Raw is a stored value as its writer left it: plain text, or absent.
type Raw struct {
	Text    string
	Present bool
}

// Store keeps users' features as plain text by name. Every implementation passes storetest.Run.
// All methods honour ctx and are safe for concurrent use; an unreachable store is an error, an unknown user is not.
type Store interface {
	// Fetch returns the named features of a user, one Raw per name in the order of names, in one round trip.
	Fetch(ctx context.Context, user string, names []string) ([]Raw, error)
	// Put sets the named features and leaves the user's others. It is atomic, and durable as far as the store is.
	Put(ctx context.Context, user string, values map[string]string) error
	// All returns every feature of a user; empty when the user is unknown.
	All(ctx context.Context, user string) (map[string]string, error)
	// Delete forgets a user.
	Delete(ctx context.Context, user string) error
	// Close releases what the store holds. No other method may run or follow.
	Close() error
}
