// Package decision chooses for one user at a time.
//
// Decide is the kernel: pure, a function of one Snapshot and one Input. Decider is the shell around it: it reads the
// user's features, makes the decision durable before it is answered, and answers the same event id with the same
// decision. The package knows no Redis, no gRPC and no telemetry: it declares the small interfaces that it needs.
//
//	Request ─► Snapshot (one atomic load) ─► FeatureSource (one round trip) ─► Decide ─► Recorder (durable) ─► Record
//
// What is promised: the probabilities in a Record are exactly those of the draw that served it; the same Input and
// Snapshot give the same Record, bit for bit; nothing randomised is answered that was not recorded.
package decision

import (
	"slices"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/model"
)

// LearningMode says what a loop serves and learns from.
type LearningMode uint8

// The learning modes.
const (
	Online      LearningMode = iota // serve the policy's choice, learn from it
	Apprentice                      // serve the baseline, learn from it, record what the policy would have chosen
	LoggingOnly                     // serve the baseline, record it, learn nothing
)

// String returns the mode as loop files write it.
func (m LearningMode) String() string {
	return [...]string{"online", "apprentice", "logging_only"}[m]
}

// Fallback reasons. A Record with one was not its policy's own choice over the user's real features.
const (
	FallbackFeaturesTimeout     = "features_timeout"     // the store answered too late
	FallbackFeaturesUnavailable = "features_unavailable" // the store did not answer
	FallbackLogUnavailable      = "log_unavailable"      // the decision could not be recorded: the baseline, not logged
	FallbackApprentice          = "apprentice"           // the learning mode serves the baseline
	FallbackLoggingOnly         = "logging_only"         // the learning mode serves the baseline
	FallbackNoAction            = "no_action_permitted"  // no action may be served in some slot: nothing is
	FallbackMandatory           = "mandatory"            // an action that must be served whenever it may be
)

// Reasons for which an action is excluded.
const (
	ExcludedByRequest = "excluded_by_request"
	ExcludedBySlot    = "excluded_by_slot"
	ExcludedByUse     = "used_in_earlier_slot"
	ExcludedByNeed    = "needed_in_later_slot" // a later slot could not be filled without it
	ExcludedByKill    = "killed"               // the kill switch is on for it; guardrails give reasons of their own
)

// Action is a thing that can be chosen.
type Action = model.Candidate

// OnFeaturesFailure says how a loop decides while users' features cannot be read.
type OnFeaturesFailure uint8

// What a loop can do without users' features.
const (
	UseDefaults   OnFeaturesFailure = iota // the policy decides on the features' defaults
	ServeBaseline                          // the baseline, with probability 1
)

// OnLogFailure says what a caller gets when a decision cannot be recorded.
type OnLogFailure uint8

// What a caller can get without a log.
const (
	BaselineUnlogged OnLogFailure = iota // the baseline, without an event id, never learned from
	Unavailable                          // an error that says when to try again
)

// OnNoAction says what a caller gets when no action is permitted.
type OnNoAction uint8

// What a caller can get without a permitted action.
const (
	ServeNothing OnNoAction = iota // an answer without an action, with why each is excluded; logged, never learned from
	RefuseRank                     // an error that says so; nothing is logged
)

// Durability says what an acknowledged record survives.
type Durability uint8

// The durabilities.
const (
	Process Durability = iota // the end of the process: it is in the kernel's page cache, synced soon after
	Fsync                     // power loss: it is on the disk
)

// Loop is what decisions of one loop depend on, beside the model. It is immutable.
type Loop struct {
	Name       string
	Actions    []Action // the catalogue, in order; empty when every request brings its own
	Schema     features.Schema
	Policy     model.Exploration
	PolicyName string // Policy.String(), made once; "" has it made for each decision
	Mode       LearningMode
	Salt       uint64 // of the draws
	Features   OnFeaturesFailure
	Log        OnLogFailure
	RankSync   Durability
	NoAction   OnNoAction
	UserNames  []string // names of Schema.User in order, as a Fetch wants them
	Position   bool     // a slot's id is a feature of its own decision: SlotFeature

	Subjects    []guardrail.Subject      // Actions as guardrails see them
	Mandatory   []bool                   // by action; nil when none is
	Guardrails  *guardrail.Set           // nil when there are no rules
	Bound       *guardrail.Bound         // Guardrails bound to Actions
	Contact     *guardrail.ContactPolicy // nil when there is none
	Zone        *time.Location           // of what rules read as time.*, and of quiet hours
	ZoneFeature string                   // user.NAME or context.NAME: the category that holds the user's own zone; "" when there is none

	Send *SendSpec // of a loop of send times: it has no Actions, and one Subject; nil of all others
}

// Snapshot is one immutable, numbered state of everything a decision depends on.
type Snapshot struct {
	ID     string
	Number uint64
	Loop   *Loop
	Model  model.Predictor
}

// SlotSpec is a place to be filled.
type SlotSpec struct {
	ID       string
	Excluded []string // action ids
	Baseline string   // action id; "" means the first not excluded
}

// Request is one rank request, valid in itself: names within their limits, values finite, action ids unique.
type Request struct {
	Loop     string
	EventID  string // "" has one generated
	UserID   string // "" is nobody: no features are read
	Context  features.Set
	Actions  []Action // empty: the loop's catalogue
	Excluded []string
	Deferred bool
	Slots    []SlotSpec   // empty: one place
	Send     *SendRequest // of a loop of send times; nil of all others
}

// Input is everything that a decision depends on beside the snapshot. It is recorded as it is.
type Input struct {
	Time          time.Time
	EventID       string
	UserID        string
	Context       features.Set // as sent
	User          features.Set // as stored and parsed; the defaults are the snapshot's
	Defaulted     []features.Defaulted
	Actions       []Action // candidates in the caller's order; the catalogue's when FromCatalogue
	FromCatalogue bool
	Excluded      []string
	Slots         []SlotSpec // at least one
	Degraded      string     // why the user's features could not be read: a features_ fallback reason, or ""
	Killed        []int      // indexes into Actions, ascending: the kill switch is on for them

	Zone       *time.Location         // of Time where guardrails read it; nil where there are none
	ZoneOfUser bool                   // Zone is the user's own; else it is the loop's
	Contacts   guardrail.UserContacts // where the loop has a contact policy
	Spent      []float64              // by budget of the contact policy, today, what is held for other events included

	Send *SendWindow // of a loop of send times: what Actions are made of
}

// Ranked is one eligible action.
type Ranked struct {
	Action      int // index into Input.Actions
	Probability float64
	Score       float64
}

// Exclusion is one action that could not be chosen.
type Exclusion struct {
	Action int // index into Input.Actions
	Reason string
}

// Choice is what was chosen for one slot.
type Choice struct {
	Ranking         []Ranked // every eligible action, the served one first, the others by falling probability; or none
	Excluded        []Exclusion
	Draw            float64 // u in [0,1)
	WouldHaveChosen int     // index into Input.Actions of the policy's choice; -1 when the policy chose
	Reached         Reached
	Warnings        []string // reasons of the guardrails that the served action breaks and that only warn
}

// Filled reports whether an action fills the slot: where none is permitted, none does.
func (c *Choice) Filled() bool { return len(c.Ranking) > 0 }

// Served returns the index into Input.Actions of the action that fills the slot, -1 when none does.
func (c *Choice) Served() int {
	if !c.Filled() {
		return -1
	}
	return c.Ranking[0].Action
}

// Outcome is what the kernel decided.
type Outcome struct {
	Choices  []Choice // one per Input.Slots
	Arm      string
	Cold     bool
	Fallback string
	Policy   string
	Mode     LearningMode
}

// Record is one decision with everything that decided it, as it is logged.
type Record struct {
	Loop        string
	SnapshotID  string
	Fingerprint uint64 // of the request
	Deferred    bool
	Slotted     bool // the request named slots
	Input
	Outcome
}

// Learned reports whether the model may learn from the decision, once it is activated. Where only some slots are filled,
// it learns from those.
func (r *Record) Learned() bool {
	switch r.Outcome.Fallback {
	case FallbackLogUnavailable, FallbackMandatory:
		return false
	}
	return r.Mode != LoggingOnly && slices.ContainsFunc(r.Choices, func(c Choice) bool { return c.Filled() })
}

// ActionID returns the id of an action by its index, "" for -1: nothing was served.
func (r *Record) ActionID(action int) string {
	if action < 0 {
		return ""
	}
	return r.Actions[action].ID
}
