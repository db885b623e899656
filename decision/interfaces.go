package decision

import (
	"context"
	"errors"

	"github.com/nextbest/nextbest/features"
)

// FeatureSource reads what a decision needs to know about a user.
type FeatureSource interface {
	// Fetch returns one Raw per name, in order, in one round trip. It ends by ctx's deadline; a late or unreachable
	// store is an error, an unknown user is not. The result is the caller's.
	Fetch(ctx context.Context, user string, names []string) ([]features.Raw, error)
}

// Recorder is where decisions become durable.
type Recorder interface {
	// Record returns once the decision is as durable as d says, or with an error when it is not known to be: then the
	// decision must not be answered; the error is an ErrNotRecorded when it is certain not to be in the log. When its
	// outcome is still open, the error has a method Settled() <-chan struct{}, whose channel is closed once Find tells
	// the truth. It keeps nothing of r.
	Record(ctx context.Context, r *Record, d Durability) error
	// Find returns the decision of an event id, or nil when the log has none. What it returns is as durable as d says; a
	// decision that is there and cannot be known to be is an error.
	Find(ctx context.Context, loop, eventID string, d Durability) (*Record, error)
}

// KillSwitch says what must not be served from now on. It does not block.
type KillSwitch interface {
	// Killed appends the indexes of the actions that are switched off in a loop, ascending and as of one moment.
	Killed(dst []int, loop string, actions []Action) []int
}

// Snapshots gives the snapshot to decide with, without blocking.
type Snapshots interface {
	// Current returns the newest published snapshot, and false when there is no such loop or it has none yet.
	Current(loop string) (*Snapshot, bool)
}

// Errors of a decision. They are wrapped with what was attempted; InputError says more about ErrInvalid.
var (
	ErrUnknownLoop   = errors.New("no such loop")
	ErrNotFound      = errors.New("no such event")
	ErrEventConflict = errors.New("this event id was used for another request")
	ErrUnavailable   = errors.New("the event log cannot take the decision")
	ErrInvalid       = errors.New("invalid request")
	ErrNoAction      = errors.New("no action is permitted")
	// ErrNotRecorded is a Recorder's word that the decision is not in the log and never will be. Without it, a failed
	// Record leaves open whether the decision is there.
	ErrNotRecorded = errors.New("not recorded")
)

// InputError is a request that cannot be decided: which field, and why. errors.Is(err, ErrInvalid) holds.
type InputError struct {
	Field   string // as in the REST body: actions[2].features.price
	Problem string
}

// Error implements error.
func (e *InputError) Error() string { return e.Field + ": " + e.Problem }

// Unwrap makes every InputError an ErrInvalid.
func (e *InputError) Unwrap() error { return ErrInvalid }
