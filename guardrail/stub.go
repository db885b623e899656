// Package guardrail says which actions may be served.
package guardrail

import (
	"time"

	"github.com/nextbest/nextbest/features"
)

type Kind uint8

const (
	Suppression Kind = iota
	Eligibility
	Applicability
	Suitability
)

type Severity uint8

const (
	Deny Severity = iota
	Warn
)

type OnMissing uint8

const (
	DenyMissing OnMissing = iota
	PermitMissing
)

type Rule struct {
	Name            string
	Kind            Kind
	Severity        Severity
	Require, Forbid string
	Reason, Text    string
	OnMissing       OnMissing
	From, Until     time.Time
}

type Problem struct {
	Rule         string
	Key          string
	Line, Column int
	Message      string
}

type Set struct{}
type Bound struct{}

func Compile(rules []Rule, schema *features.Schema, brand *Brand) (*Set, []Problem) {
	return &Set{}, nil
}

type Subject struct {
	ID            string
	Features      features.Set
	Channel, Text string
	Tags          []string
}

func (s *Set) Bind(actions []Subject) *Bound { return &Bound{} }

type Claim struct{ Pattern, Reason string }
type Example struct {
	Text      string
	Embedding []float64
}
type Brand struct {
	Name        string
	Style       map[string]string
	Tones       []string
	Banned      []Claim
	Disclosures map[string][]string
	Limits      map[string]float64
	Examples    []Example
}

type Request struct {
	Now           time.Time
	Zone          *time.Location
	Context, User features.Set
	UserKnown     bool
}

type Verdicts struct{}

type RuleInfo struct {
	Name, Reason, Text string
	Kind               Kind
	Severity           Severity
}

func (v *Verdicts) Denied(i int) (*RuleInfo, bool) { return nil, false }

func (b *Bound) Evaluate(v *Verdicts, r *Request) {}

func (v *Verdicts) Warned(i int) []*RuleInfo { return nil }

type Outcome uint8

const (
	Permits Outcome = iota
	Denies
	Warns
	NotInForce
)

type Value struct {
	Name  string
	Text  string
	Known bool
}

type Finding struct {
	Rule    *RuleInfo
	Outcome Outcome
	Missing bool
	Values  []Value
}

func (b *Bound) Explain(r *Request, action int) []Finding { return nil }
