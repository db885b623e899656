// Package evaluate turns the service's own event log into samples for off-policy evaluation (package ope): what other
// policies would have served in the place of the one that wrote the log, decision by decision.
//
//	DATA/log ─► one pass, in the order of the log ─┬─► the loop's newest file: what events turned out to be worth, q̂
//	                                               ├─► each candidate file's own model, cut where the service cut
//	                                               └─► per decision: target probability, q̂(target), unsupported mass
//	events settle in the order of decisions ─► Next: one Row per slot, with one ope.Sample per candidate
//
// It reads the log alone, writes nothing, and may run beside the service: it stops at what was in the log when it was
// opened, unless it is given the open log of a running service (Options.Live), which it follows.
//
// # What a candidate is
//
// A candidate is a policy to be judged: a loop file, or one that needs no file ("online", "uniform", "baseline",
// "action:ID"). It chooses among the actions that were eligible in the logged decision, exclusions and earlier slots as
// logged; an action that a loop file's own catalogue no longer has gets nothing.
//
// A loop file is judged with its own model, which learns progressively from the logged decisions and rewards: it is cut
// where the service cut its own, so that at each decision it knows what it would have known then, and nothing of that
// decision or later ones. The loop's own file therefore gives the logged probabilities, to the bit, to every decision made
// under it. docs/adr/0010 says why, and which bias that has.
//
// Features are those that decided, as they were logged, read by the candidate's declarations; what the log does not have is
// missing. Features that a file adds to actions of the catalogue, and no others of its values, are taken from the file.
//
// # What is evaluated
//
// Decisions whose window has ended, each worth what learn joins to it under the loop's newest file in the log. Counts says
// how many were left out and why: windows still open, deferred decisions never activated, fallbacks (the policy did not
// choose), snapshots that the log no longer has. Models learn from those as the learner does.
//
// QLogged and QTarget are the expectations of the newest file's model, for every candidate alike: in the unit of the
// rewards, learned from earlier events alone, and not those by which a candidate chose, which would flatter it.
//
// Memory is bounded by the events of one reward window, and the last snapshots of each model.
package evaluate
