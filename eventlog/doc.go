// Package eventlog is the durable log: what everything that learns is a fold over.
//
// A Log keeps opaque records in order, in segment files of one directory. Events keeps decisions, rewards and the
// other records of proto nextbest.log.v1 in a Log, and finds them again by event.
//
//	DIR/LOCK                        flock by the process that writes
//	DIR/00000000000000000001.log    a segment, named by its first position
//	DIR/00000000000000104213.log    the next one; only the last is written to
//
//	segment   ┌────────┬───────┬───────┬───────┬ ─ ─ ┬──────┐
//	          │ header │ block │ block │ block │     │ seal │   little-endian throughout
//	          └────────┴───────┴───────┴───────┴ ─ ─ ┴──────┘
//	header    0        8         12      16     24      32      40      44
//	          │ magic  │ version │ 0     │ id   │ first │ after │ crc   │
//	          │NBEVLOG\n   u32   │ u32   │ u64  │ u64   │ u64   │ u32   │
//	block     0      4       5       6   8     16     24      28       32    36            40           44
//	          │ magic│ codec │ flags │ 0 │ id  │ first│ count │ stored │ raw │ payload crc │ header crc │ payload ...
//	          │ NBB1 │ u8    │ u8    │u16│ u64 │ u64  │ u32   │ u32    │ u32 │ u32         │ u32        │ stored bytes
//	payload   count × ( uvarint length, record ), as it is (codec 0) or as one S2 block (codec 1)
//	seal      a block with flag 1 and without records: the segment was ended in order
//
// One block is one write, of all the records that were waiting (group commit). The id is random and repeated in every
// block, so that no bytes of another file, and none that a caller sent, pass for a block. first is the position of the
// first record. after is the end of what counts in the segments before: positions from after to first were never
// acknowledged, and a block at or past after in an earlier segment does not count.
//
// What is promised:
//
//   - A record acknowledged with durability Process is in the kernel's page cache: it survives the end of the process.
//     It is synced within Options.SyncEvery. One acknowledged with Fsync is on the disk, and so is its file's name.
//   - A record is read, and found, from the moment that its Append returns. Readers see records in one order for ever.
//   - Positions rise and are never used again, not even those that a power loss took back; they are not dense.
//   - An fdatasync that failed is never tried again on its file. Who waited for it gets ErrUnsynced, and writing goes on in
//     a new segment. What was acknowledged with Process before stays readable; a power loss may take it.
//   - A record whose Append failed with ErrFull, ErrTooLarge, ErrClosed or ErrFailed is not in the log. After ErrUnsynced,
//     or when ctx ended the wait, it may or may not be.
//   - Damage costs the blocks that it hits and no others. It is counted, logged, and named by Verify.
//
// docs/log-format.md says how the format may change and what recovery does.
package eventlog
