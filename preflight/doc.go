// Package preflight says what guardrails do before they go live: to the cases that a team wrote down (Run), and to the
// decisions that were logged (Against).
//
// It is pure but for what it is given: compiled loops, test cases and logged decisions, and it decides with package
// guardrail as the service does.
package preflight
