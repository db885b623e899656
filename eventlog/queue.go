package eventlog

import (
	"context"
	"fmt"
	"sync"

	"github.com/nextbest/nextbest/decision"
)

// batch is the records of one block on their way to the disk, and those who wait for it. The waiters wait for a
// channel of the batch, so that a record costs no allocation of its own.
type batch struct {
	raw  []byte   // length-prefixed records
	keys []uint64 // one per record, for the writer's observer
	n    int
	size int // what the records count in the queue

	written chan struct{} // closed when first and err are set
	first   Position
	err     error // of the write

	synced  chan struct{} // closed when first and syncErr are set; nil when nobody waits for the disk
	syncErr error
}

// finish tells the waiters what came of the write; those for the disk wait on when it went well.
func (b *batch) finish(err error) {
	b.err = err
	close(b.written)
	if err != nil && b.synced != nil {
		b.finishSync(err)
	}
}

func (b *batch) finishSync(err error) {
	b.syncErr = err
	close(b.synced)
}

// queue is the records that wait for the writer, bounded in bytes.
type queue struct {
	blockBytes, maxBytes int
	work                 chan struct{} // has a token when the writer should look
	buffers              sync.Pool     // of *[]byte, the raw memory of batches

	mu      sync.Mutex
	full    []*batch
	filling *batch
	bytes   int // of records queued, those being written included
	room    chan struct{}
	failed  error
	closed  bool
}

func (q *queue) init(o Options) {
	q.blockBytes, q.maxBytes = o.BlockBytes, o.QueueBytes
	q.work = make(chan struct{}, 1)
	q.buffers.New = func() any { return new([]byte) }
}

// Append adds a record and returns its position once it is as durable as d says. Records that one caller appends one
// after the other keep their order. It keeps nothing of payload.
//
// When the queue is full it waits for room until ctx is done, then returns ErrFull: nothing was taken. When ctx is done
// while the record is on its way, the outcome is unknown: the error is ctx's, and the record may be in the log later.
// ErrFailed and ErrFull are worth trying again.
func (l *Log) Append(ctx context.Context, payload []byte, d decision.Durability) (Position, error) {
	return l.append(ctx, payload, d, 0)
}

func (l *Log) append(ctx context.Context, payload []byte, d decision.Durability, key uint64) (Position, error) {
	if l.readOnly {
		return 0, ErrReadOnly
	}
	if len(payload) > MaxRecordBytes {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(payload), MaxRecordBytes)
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append to the event log: %w", err)
	}
	b, i, err := l.queue.put(ctx, payload, d, key)
	if err != nil {
		return 0, err
	}
	if err := b.await(ctx, d); err != nil {
		return 0, err
	}
	return b.first + Position(i), nil
}

// await returns what came of the batch, as far as d wants to know. The disk can be done before the writer's own word.
func (b *batch) await(ctx context.Context, d decision.Durability) error {
	done, result := b.written, &b.err
	if d == decision.Fsync {
		done, result = b.synced, &b.syncErr
	}
	select {
	case <-done:
		return *result
	case <-ctx.Done():
		return &openError{done, ctx.Err()}
	}
}

// openError is what an Append returns whose caller left before the outcome was known.
type openError struct {
	settled <-chan struct{}
	cause   error
}

func (e *openError) Error() string {
	return fmt.Sprintf("append to the event log, outcome unknown: %v", e.cause)
}
func (e *openError) Unwrap() error { return e.cause }

// Settled returns a channel that is closed once the outcome is known; see decision.Recorder.
func (e *openError) Settled() <-chan struct{} { return e.settled }

// put queues a record, waiting for room, and returns its batch and its place in it.
func (q *queue) put(ctx context.Context, payload []byte, d decision.Durability, key uint64) (*batch, int, error) {
	for {
		b, i, room, err := q.tryPut(payload, d, key)
		if room == nil {
			return b, i, err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%w: %w", ErrFull, ctx.Err())
		}
	}
}

// tryPut queues a record, or returns a channel that is closed when there may be room.
func (q *queue) tryPut(payload []byte, d decision.Durability, key uint64) (b *batch, i int, room chan struct{}, err error) {
	size := len(payload) + recordOverhead
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, 0, nil, ErrClosed
	case q.failed != nil:
		return nil, 0, nil, q.failed
	case q.bytes > 0 && q.bytes+size > q.maxBytes:
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return nil, 0, q.room, nil
	}
	b = q.batchFor(size)
	b.raw = appendRecord(b.raw, payload)
	b.keys = append(b.keys, key)
	if d == decision.Fsync && b.synced == nil {
		b.synced = make(chan struct{})
	}
	b.n++
	b.size += size
	q.bytes += size
	q.wake()
	return b, b.n - 1, nil, nil
}

// recordOverhead is what a queued record counts beside its bytes: its length prefix and its key, at most.
const recordOverhead = 16

// batchFor returns the batch being filled, or a new one when the record would make that too large.
func (q *queue) batchFor(size int) *batch {
	if b := q.filling; b != nil && len(b.raw)+size <= q.blockBytes {
		return b
	}
	if q.filling != nil {
		q.full = append(q.full, q.filling)
	}
	q.filling = &batch{raw: (*q.buffers.Get().(*[]byte))[:0], written: make(chan struct{})}
	return q.filling
}

func (q *queue) wake() {
	select {
	case q.work <- struct{}{}:
	default:
	}
}

// take returns the oldest batch, or nil; open is false once the queue is closed and empty.
func (q *queue) take() (b *batch, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.full) > 0 {
		b, q.full = q.full[0], q.full[1:]
		return b, true
	}
	b, q.filling = q.filling, nil
	return b, b != nil || !q.closed
}

// release gives a batch's memory back and its room to those who wait for it.
func (q *queue) release(b *batch) {
	q.mu.Lock()
	q.bytes -= b.size
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	q.mu.Unlock()
	if cap(b.raw) <= 2*q.blockBytes {
		raw := b.raw[:0]
		q.buffers.Put(&raw)
	}
	b.raw, b.keys = nil, nil
}

// setFailed makes Append fail at once with the error, or succeed again when it is nil.
func (q *queue) setFailed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = err
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// close refuses further records; it returns false when that was done before.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	q.wake()
	return true
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *queue) stats(s *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.QueuedBytes, s.Failed = q.bytes, q.failed
}
