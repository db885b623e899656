package eventlog

// Position numbers the records of a log, from 1, in the order in which they count. It is never used again.
type Position uint64
