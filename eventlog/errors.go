package eventlog

import (
	"errors"
	"fmt"
)

// Errors of a log. They are wrapped with what was attempted.
var (
	// ErrFull says that the queue had no room until ctx was done: nothing was taken, try again later.
	ErrFull = errors.New("the event log's queue is full")
	// ErrFailed says that the log cannot write now: disk full, or failing. It goes on trying by itself; try again later.
	// The record is not in the log, unless it is an ErrUnsynced.
	ErrFailed = errors.New("the event log cannot write")
	// ErrUnsynced is the ErrFailed of a record that was written and not synced: it may be in the log, and may not
	// survive a power loss.
	ErrUnsynced = fmt.Errorf("%w: written, but not synced", ErrFailed)
	// ErrTooLarge says that a record is larger than MaxRecordBytes.
	ErrTooLarge = errors.New("the record is too large")
	// ErrClosed says that the log, or the reader, was closed.
	ErrClosed = errors.New("the event log is closed")
	// ErrReadOnly says that the log was opened to be read.
	ErrReadOnly = errors.New("the event log is open for reading only")
	// ErrLocked says that another process has the log open for writing.
	ErrLocked = errors.New("the event log is in use by another process")
	// ErrNotFound says that the log has no record at the position: dropped, never written, or lost to damage.
	ErrNotFound = errors.New("no record at this position")
	// ErrVersion says that a segment was written by a newer program.
	ErrVersion = errors.New("the segment has an unknown format")
	// ErrInvalidRecord says that a record must not be written, or was not written by this program.
	ErrInvalidRecord = errors.New("invalid record")
)
