package learn

// Outcome is what became of one reward in the log. Every reward has exactly one at any time.
type Outcome uint8

// The outcomes.
const (
	Joined             Outcome = iota // part of its event's reward
	Duplicate                         // same reward id, metric, slot and value as an earlier one of the event
	Conflict                          // same reward id as an earlier one of the event, but something else: the first counts
	Late                              // after its event's window
	Early                             // held: its event is not known yet
	Orphan                            // no decision came for it within the window, or the buffer of early ones was full
	AwaitingActivation                // of a deferred event that is not activated yet
	NotActivated                      // of a deferred event whose window ended without an activation
	NotLearned                        // of an event that is not learned from (logging_only)
	UnknownSlot                       // names a slot that its event does not have
	UnknownMetric                     // names a metric that its loop does not have
	OutOfRange                        // outside the loop's range of values
	NotFinite                         // NaN or infinite
	TooMany                           // beyond MaxRewardsPerEvent
	Machine                           // a machine did it, by the loop's rules or the sender's word: nobody opened or clicked
	outcomes                          // their number
)

var outcomeNames = [outcomes]string{
	"joined", "duplicate", "conflict", "late", "early", "orphan", "awaiting_activation", "not_activated", "not_learned",
	"unknown_slot", "unknown_metric", "out_of_range", "not_finite", "too_many", "machine",
}

// String returns the outcome as the API and the counters name it.
func (o Outcome) String() string { return outcomeNames[o] }

// Ending is how an event ended.
type Ending uint8

// The endings.
const (
	Rewarded          Ending = iota // its window closed with a reward in at least one slot
	Defaulted                       // its window closed without a reward: the default reward counts
	EndedNotActivated               // deferred, and its window closed without an activation
	EndedNotLearned                 // not learned from (logging_only)
	endings                         // their number
)

var endingNames = [endings]string{"rewarded", "default", "not_activated", "not_learned"}

// String returns the ending as the API and the counters name it.
func (e Ending) String() string { return endingNames[e] }

// State is where an event stands.
type State uint8

// The states.
const (
	Open              State = iota // rewards still count
	Closed                         // its window has ended
	StateNotActivated              // its window has ended without the activation that it needed
	StateNotLearned                // its rewards are kept and not learned from
)

var stateNames = [...]string{"open", "closed", "not_activated", "not_learned"}

// String returns the state as the API names it.
func (s State) String() string { return stateNames[s] }
