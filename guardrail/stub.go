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
