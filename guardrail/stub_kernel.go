package guardrail

import (
	"time"

	"github.com/nextbest/nextbest/features"
)

type Request struct {
	Now           time.Time
	Zone          *time.Location
	Context, User features.Set
	UserKnown     bool
}
type Verdicts struct{}
type RuleInfo struct{ Name, Reason string }

func (v *Verdicts) Denied(i int) (*RuleInfo, bool)      { return nil, false }
func (b *Bound) Evaluate(v *Verdicts, r *Request) {}
