package challenger

import (
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// State is where a challenger stands.
type State string

// The states.
const (
	Broken     State = "broken"     // its file cannot be used
	Waiting    State = "waiting"    // for the log to be read to its end
	Evaluating State = "evaluating" // on the decisions since it was declared
	InForce    State = "in_force"   // its file serves
	TakenBack  State = "taken_back" // evaluated, and promoted by command alone until its file changes
)

// Challenger is the state of one challenger.
type Challenger struct {
	Name, Path string
	State      State
	Error      string            // of a broken one: file:line:col: message
	SHA256     string            // of its file, in hexadecimal; "" when broken
	Policy     string            // in words; "" when broken
	Since      eventlog.Position // decisions after it are evaluated; 0 for none yet
	Evidence   Evidence          // of its gain over the policy in force, in units of the reward

	definition *learn.Definition
}

// Watch is how the displaced policy does against the one in force.
type Watch struct {
	learn.WatchSpec
	Evidence Evidence // of the displaced policy's gain in what is watched
}

// Status is the state of a loop's challengers.
type Status struct {
	SHA256      string // of the loop file in force, in hexadecimal
	Automatic   bool   // the file in force allows promotions without asking
	Challengers []Challenger
	Promotion   *learn.Promotion // in force; nil for none
	Watch       *Watch           // nil when nothing is displaced
	LagRecords  uint64           // of the log that are not read yet
	Error       string           // why nothing can be evaluated
	Promoted    uint64           // promotions since the process started
	TakenBack   uint64           // promotions taken back since then
}

// find returns the named challenger, or nil.
func (s *Status) find(name string) *Challenger {
	for i := range s.Challengers {
		if s.Challengers[i].Name == name {
			return &s.Challengers[i]
		}
	}
	return nil
}
