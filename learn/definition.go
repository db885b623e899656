package learn

import (
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/model"
)

// Aggregation says how several rewards of one event and metric become one value.
type Aggregation uint8

// The aggregations. Zeros and negatives are values like any other. 'Earliest' and 'last' go by the time that the
// caller gave (the time of receipt when it gave none, ties by reward id), 'first' by the order of the log.
const (
	Earliest Aggregation = iota
	First
	Sum
	Mean
	Min
	Max
	Last
)

// Metric is a named value that callers report, and its weight in the reward.
type Metric struct {
	Name   string
	Weight float64
}

// RewardSpec says what an event is worth.
type RewardSpec struct {
	Window      time.Duration // reward_wait_time: later rewards are not learned from
	Default     float64       // of an event whose window closed without a reward
	Aggregation Aggregation
	Metrics     []Metric // by name; the reward is their weighted sum. Empty: the one unnamed metric with weight 1
	Min, Max    float64  // of a reported value; -Inf and +Inf when the loop does not bound it
	Machine     []MachineRule
	Address     AddressKept // what is stored of reports' addresses; changes nothing that is in the log
	Model       RewardModel
}

// PromotionSpec says how a challenger may take the loop's place, and what calls the loop back.
type PromotionSpec struct {
	Automatic     bool    // as soon as it is proven; else by command alone
	Alpha         float64 // probability, over all looks together, with which an interval of a gain may miss; in (0,1)
	MinimumEvents uint64  // evaluated before it is promoted without being asked
	Watch         WatchSpec
}

// WatchSpec names what must not fall after a promotion.
type WatchSpec struct {
	Metric    string  // one of the reward's; "" is the reward itself
	Lower     bool    // less of it is better
	Tolerance float64 // by how much it may be worse, in its unit; at least 0
}

// CatalogueSpec says how a loop takes actions of the catalogue.
type CatalogueSpec struct {
	ReviewShare  float64 // of what its rules admit, that people look at
	ReviewServes bool    // what is drawn is served while it waits
}

// Definition is a loop file, compiled. It is immutable.
type Definition struct {
	Loop         *decision.Loop
	Reward       RewardSpec
	Promotion    PromotionSpec
	Catalogue    *CatalogueSpec // nil: the actions are in the file, or come with requests
	RewardSync   decision.Durability
	NewEstimator func() model.Estimator
	Path         string
	File         []byte // as read, byte for byte
	SHA256       string // of File, in hexadecimal
	// LearningKey is the same for two definitions exactly when the same log gives the same model under both: a change
	// of it means folding the log again, a change of anything else does not.
	LearningKey string
}

// Compile turns a loop file into a Definition; errors name path:line:col.
type Compile func(path string, file []byte) (*Definition, error)
