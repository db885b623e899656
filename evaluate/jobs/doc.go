// Package jobs evaluates policies on the service's own log while it serves: what nextbest evaluate does, started, looked at
// and cancelled by callers who do not wait for it.
//
//	Start ─► queue (bounded: ErrFull) ─► one at a time: evaluate.Log ─► report.Make ─► Document ─┐
//	Get, List, Cancel ◄────────────────────── in memory, the last Keep that ended ◄──────────────┘
//
// Nothing is written: what was found is gone with the process, and the log gives it again.
//
// # What it takes from the service
//
// One goroutine reads and folds; a bootstrap shares its rounds among all cores but one. Both let others run between records
// and rounds, so that there is a core for decisions wherever there are two. Memory is bounded by how many sums are
// kept at once, which Start checks, and time by Limit.
//
// # Who may read what
//
// Loop files come as text. No name that a caller gives is ever taken for a path of this machine, and what callers are told
// of a failure names none.
package jobs
