// Package track takes reports of what people did from callers that know no event id, finds the decision that each belongs
// to (package attribution has the rules), and appends it to the log: as a reward of that event, or, where no decision has
// it, as a Track record, from which nothing is learned.
//
// What it knows is a fold over the log's tail: before each report it reads on to the end, so whatever was acknowledged
// before is known. In memory it has, for as long as the longest reward window,
//
//	decisions  ring of 32 bytes each: position, time, hash of the user, the user's one before, loop
//	users      map from hash to the last decision: 38 bytes each (measured at a million)
//	reports    that were attributed: ring, and map from hash of the track id to position: 62 bytes each
//
// and no ids: what a decision served is read from the log, the newest first, until one has the report. At most
// Options.Most decisions and as many reports are remembered, the oldest give way, and are counted.
//
// What is promised: a report is durable when it is answered; one track id has at most one reward, whoever sends it how
// often, at once or after a restart, for as long as the longest window.
package track
