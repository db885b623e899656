// Package export writes the decision log as tables, for DuckDB, pandas, Spark and `nextbest evaluate --table`.
//
// A table has a row for each slot of each decision: what was served with which exact probability, and what it turned
// out to be worth, joined by the learner's own code (learn.Joiner). Rows stand in the order of the log, in a
// partition for each loop and day (UTC) of the decision:
//
//	OUT/loop=homepage/day=2026-11-25/part-0.parquet
//	OUT/loop=homepage/day=2026-11-25/part-1.parquet   only where clocks went back, or very many loops were written at once
//	OUT/.nextbest-export/                             files being written, all named *.tmp; gone at the end
//	OUT/.nextbest-export.lock                         flock by the process that exports
//
// The log is read three times: every byte is verified; then the loop files are collected, as the one in force at the
// end says how rewards are joined, which is how the learner has it; then records are joined, and a second reader that
// trails behind the first one fetches the decisions as they settle.
//
// What is promised:
//
//   - The same log and options give the same rows. Time is the log's own: an event is closed when its loop has a record
//     later than its reward window.
//   - Files appear in OUT whole and synced, by rename, after everything was read: an error before that changes nothing.
//     A partition is replaced as a whole; one whose day the log has only the end of never replaces another.
//   - What is damaged is named with its place. Nothing is exported then, unless Options.SkipDamaged says so.
//   - Memory: the open row groups (maxBuffered), and about 320 bytes for each event in the longest reward window, 50 more
//     for each of its rewards.
//
// docs/log-export.md has the columns.
package export
