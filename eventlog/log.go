package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Log is an open event log. Its methods are safe for concurrent use.
type Log struct {
	dir      string
	o        Options
	store    *store
	lock     *os.File
	readOnly bool

	queue  queue
	writer *writer
	syncer *syncer
	wait   sync.WaitGroup // for the goroutines of the writer and the syncer
}

// Open opens the log in dir for writing, and makes it when there is none. It holds a lock until Close: a second
// process gets ErrLocked. What a crash or damage left is dealt with as Recovery says; see docs/log-format.md.
func Open(dir string, o Options) (*Log, Recovery, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, Recovery{}, fmt.Errorf("make the event log's directory: %w", err)
	}
	if err := o.Files.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, Recovery{}, fmt.Errorf("make the event log's directory: %w", err)
	}
	held, err := lock(dir)
	if err != nil {
		return nil, Recovery{}, err
	}
	l := &Log{dir: dir, o: o, lock: held, store: newStore(dir, o.Logger)}
	recovery, err := l.start()
	if err != nil {
		l.store.close()
		return nil, recovery, errors.Join(err, unlock(held))
	}
	return l, recovery, nil
}

// start recovers what is there, opens the first segment to write to, and starts the goroutines.
func (l *Log) start() (Recovery, error) {
	recovery, err := l.store.recover()
	if err != nil {
		return recovery, err
	}
	recovery.log(l.o.Logger.With("dir", l.dir))
	l.queue.init(l.o)
	l.syncer = newSyncer(l.o, l.dir)
	l.writer = newWriter(l, recovery)
	if err := l.writer.open(true); err != nil {
		return recovery, fmt.Errorf("open the event log: %w", err)
	}
	l.store.dropEmpty()
	l.syncer.setDurable(recovery.Next)
	l.wait.Go(l.syncer.run)
	l.wait.Go(l.writer.run)
	return recovery, nil
}

// OpenReadOnly opens a log to be read, beside a process that writes to it or alone. It takes no lock and changes
// nothing. It sees what was written when it was opened; Next returns io.EOF at the end instead of waiting.
func OpenReadOnly(dir string) (*Log, Recovery, error) {
	o := Options{}.withDefaults()
	l := &Log{dir: dir, o: o, store: newStore(dir, o.Logger), readOnly: true}
	recovery, err := l.store.load()
	if err != nil {
		return nil, recovery, err
	}
	return l, recovery, nil
}

// Close writes what is queued, syncs it, seals the segment and releases the lock. Appends that come after it get
// ErrClosed, and so do readers at the tail. It returns the error that kept the log from ending cleanly.
func (l *Log) Close() error {
	if l.readOnly {
		l.store.close()
		return nil
	}
	if !l.queue.close() {
		return ErrClosed
	}
	l.wait.Wait()
	l.store.close()
	return errors.Join(l.writer.failedError(), l.syncer.last(), unlock(l.lock))
}

// End returns the position after the last record that was written, 1 for an empty log.
func (l *Log) End() Position { return l.store.end() }

// Read returns a copy of the record at pos, or ErrNotFound.
func (l *Log) Read(pos Position) ([]byte, error) { return l.store.read(pos) }

// Each calls f with every record that is in the log now, in order, until it fails. f keeps nothing of the bytes.
func (l *Log) Each(ctx context.Context, f func(pos Position, record []byte) error) error {
	reader := l.NewReader(0)
	defer reader.Close()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		pos, b, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f(pos, b)
		}
		if err != nil {
			return err
		}
	}
}

// Sync returns once everything that had been written when it was called is on the disk. Who persists anything that was
// derived from the log calls it first, so that it is never ahead of the log after a power loss.
func (l *Log) Sync(ctx context.Context) error {
	if l.readOnly {
		return ErrReadOnly
	}
	b := &batch{synced: make(chan struct{})}
	if !l.syncer.addWaiter(b) {
		return nil
	}
	select {
	case <-b.synced:
		return b.syncErr
	case <-ctx.Done():
		return fmt.Errorf("sync the event log: %w", ctx.Err())
	}
}

// awaitDisk returns once the record at pos is on the disk, or with an ErrUnsynced when it cannot be brought there.
func (l *Log) awaitDisk(ctx context.Context, pos Position) error {
	if done, err := l.syncer.onDisk(pos); done || err != nil {
		return err
	}
	if err := l.Sync(ctx); err != nil {
		return err
	}
	_, err := l.syncer.onDisk(pos)
	return err
}

// Stats is the state of a log.
type Stats struct {
	Segments    int
	Bytes       int64     // of the segment files
	First       Position  // the oldest record's, or End
	End         Position  // after the last record written
	Durable     Position  // every record before it that is in the log was synced
	LastSync    time.Time // when an fdatasync last succeeded
	QueuedBytes int       // waiting for the writer
	Damaged     uint64    // damaged places met since Open
	Records     uint64    // written since Open
	Blocks      uint64    // written since Open
	RawBytes    uint64    // written since Open, before compression
	WriteErrors uint64    // since Open
	SyncErrors  uint64    // since Open
	Failed      error     // why the log cannot write now; nil when it can
}

// Stats returns the state of the log.
func (l *Log) Stats() Stats {
	var s Stats
	l.store.stats(&s)
	if !l.readOnly {
		l.queue.stats(&s)
		l.syncer.stats(&s)
		l.writer.stats(&s)
	}
	return s
}

func (s *store) stats(to *Stats) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	to.Segments, to.End, to.First = len(s.segments), s.lastEnd(), s.lastEnd()
	for i := len(s.segments) - 1; i >= 0; i-- {
		g := s.segments[i]
		to.Bytes += g.size
		if len(g.index) > 0 {
			to.First = g.index[0].first
		}
	}
	to.Damaged = s.damages.len()
}
