// Package ope answers what another policy would have earned on logged decisions (off-policy evaluation): point estimates,
// intervals, diagnostics, and a verdict in words on whether the log can answer at all.
//
// It is pure: it is given samples, in the order of the log, one at a time and never all at once, and so works in constant
// memory.
//
// ParseEstimators makes a Spec of each name that is asked for: an Estimator, or one whose parameter a rule chooses (Tuning),
// one that weighs several logging policies (MultiWeighted), or one of slates. Evaluation folds samples: it has a tally for each
// Spec, in which the estimator turns a sample into Terms and Moments and Groups sum them, and sums of its own for the
// diagnostics. Its Result computes intervals from the sums, by a Method, and the Verdict from the diagnostics. SlateEvaluation
// does the same with slates, several actions chosen together, which Slates puts together from rows: to most of the rest a slate
// is one sample.
//
// To read it, in this order: sample.go, estimator.go, ips.go and dr.go (what an estimator is); moments.go, groups.go (sums);
// evaluation.go, tally.go (how they come together); interval_default.go, intervalmethod.go (which interval, and why);
// diagnostics.go, verdict.go (whether to believe it); parse.go (names); then tuning.go, multiweighted.go, mips.go; then
// slaterow.go, slateassembler.go, slateevaluation.go, slottally.go. docs/evaluation.md says what users see of it.
package ope
