package eventlog

// Position numbers the records of a log, from 1, in the order in which they count. It is never used again. Positions
// rise but are not dense: those of records that were refused, and a stretch after a crash, are left out.
type Position uint64
