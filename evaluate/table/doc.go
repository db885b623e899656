// Package table reads logged decisions that others wrote, from one file of rows, as a stream of samples for package ope.
//
//	.csv  .ndjson  .jsonl          text, UTF-8; with .gz or .zst after it, compressed
//	.parquet                       flat columns
//	.dsjson                        the decision service JSON of Vowpal Wabbit; with .gz or .zst after it, compressed
//
// The columns of a table, all but reward optional, any others ignored:
//
//	reward             what the event turned out to be worth
//	action             the action served: any name
//	pscore             the probability with which the logging policy served it, in (0,1]
//	pi_e               the probability with which the evaluated policy would have, in [0,1]
//	q_logged, q_pi_e   a model's expected reward of the action served, and of the evaluated policy
//	unsupported        the evaluated policy's probability of what the logging policy could not serve, in [0,1]
//	position           the slot of the page, a whole number from 0
//	unit               what is independent of others, such as a user or a slate: any name; also called slate or slate_id
//	stratum            the number of the policy that wrote the row, a whole number from 0
//	pscore_avg         the mean of pscore over the policies that wrote the log, in (0,1]
//	p_e_pi_b, p_e_pi_e the probabilities of the action's embedding under both policies, in (0,1] and [0,1]
//	kept               the probability with which a row like this was kept in the log, in (0,1]
//
// Where Options.Target is to be asked, lists of what could have been served are read as well, as nextbest log export writes them
// to Parquet and NDJSON; other formats, and columns of these names that are not both lists, say nothing of it:
//
//	actions, probabilities
//	                   all actions that could have been served, and the logging policy's probabilities of them
//
// Where Options.Slates says that rows are slots of slates, several actions chosen together, the columns are reward, action,
// position (from 0), q_logged, q_pi_e, and
//
//	slate_id           the slate, whose rows come one after the other: any name; also called slate
//	pscore, eval_pscore
//	                   the probability of all of the slate's actions, under the logging and the evaluated policy
//	pscore_item_position, eval_pscore_item_position
//	                   that of this action in this slot
//	pscore_cascade, eval_pscore_cascade
//	                   that of the actions in this slot and all before
//
// Options.Columns says where a table calls them otherwise.
//
// A row is read whole or refused, with file, line and column: an estimate from rows of which some were guessed at would
// look like any other. So nothing is skipped (but see Table.Skipped), trimmed or defaulted, and a text that may have been cut off (a compressed
// file without its end, a CSV file whose last line has none) is refused as well. Memory is constant but for the names of
// actions, and the last million slates, none of which may come back.
package table
