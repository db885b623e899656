// Package ope answers what another policy would have earned on logged decisions (off-policy evaluation): point estimates,
// intervals, diagnostics, and a verdict in words on whether the log can answer at all.
//
// It is pure: it is given samples, in the order of the log, one at a time and never all at once, and so works in constant
// memory. An Estimator turns a sample into terms; Moments and Groups sum them; intervals are computed from the sums.
package ope
