package learn

import (
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// SnapshotInfo says what a published snapshot is.
type SnapshotInfo struct {
	ID          string
	Number      uint64
	Published   time.Time
	LogPosition eventlog.Position // of its cut: the model is the fold of everything before
	ModelSHA256 string            // in hexadecimal
	LoopSHA256  string            // in hexadecimal
	Events      uint64            // that the model has learned from
}

// Status is the state of one loop. Counts are since the log began, or since where it begins now.
type Status struct {
	Loop        string
	Snapshot    SnapshotInfo
	Decisions   uint64
	Activations uint64
	Rewards     map[string]uint64 // in the log, by Outcome
	Events      map[string]uint64 // that have ended, by Ending
	Fallbacks   map[string]uint64 // decisions that were not the policy's own choice, by reason
	Excluded    map[string]uint64 // actions that could not be chosen, by reason
	Defaulted   map[string]uint64 // user features for which the default stood in, by name
	Poison      map[string]uint64 // records of the loop that could not be folded, by reason
	OpenEvents  uint64            // whose window is open
	Held        uint64            // rewards and activations whose event is not known yet
	Patience    time.Duration     // age at which an event without a reward begins to count
	LagRecords  uint64            // not folded yet
	LagSeconds  float64           // age of the oldest of them, at most
	LastError   string            // why the newest model was not published; "" when it was
	Refused     uint64            // models that were not published since the process started
}
