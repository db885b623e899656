// Package embedded keeps users' features in this process: in memory, journalled to a directory of its own.
//
//	DIR/journal/     an event log (package eventlog) with a record per Put or Delete
//	DIR/snapshot     every user as of some position in the journal, written when the journal has grown
//
//	record     ┌─────────┬────┬──────┬───────┬ ─ ─ ─ ─ ─ ─ ─ ┐
//	           │ version │ op │ user │ count │ name, text ... │   op 1: put; op 2: delete, which ends after user
//	           └─────────┴────┴──────┴───────┴ ─ ─ ─ ─ ─ ─ ─ ┘   version 1; count and lengths are uvarints; names in order
//	snapshot   ┌────────────┬─────────┬──────┬─────┐┌────────┬─────┬────────────┐     ┌───┬─────┬───────┐
//	           │ "NBFEATUR" │ version │ from │ crc ││ length │ crc │ put record │ ... │ 0 │ crc │ count │   little-endian
//	           └────────────┴─────────┴──────┴─────┘└────────┴─────┴────────────┘     └───┴─────┴───────┘   CRC-32C
//
// The memory is a fold over the journal: one goroutine reads the records in their order and applies them, and a Put
// returns when its record has been applied. So what is read is what a restart would read, also after a Put whose
// outcome was unknown to its caller.
//
// A Put or Delete that returned survives the end of the process, kill -9 included, and with Options.Fsync power loss.
// Without it, power loss may take those of the last 50 ms. A deleted user's texts leave the disk when the journal
// segments that hold them do: see Compact.
//
// A snapshot is taken while changes go on. It says from where the journal is to be applied to it, and may hold later
// changes already: a record applied twice leaves the same as once.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
)

var _ features.Store = (*Store)(nil)

// Options of a store. A zero field has the default.
type Options struct {
	Fsync        bool           // Put and Delete return when they survive power loss, not only the end of the process
	CompactBytes int64          // of journal, beyond the size of the last snapshot, before the next; default 64 MiB; <0: never
	Logger       *slog.Logger   // default: discard
	Journal      eventlog.Files // where the journal is written; default: the disk. For fault injection
}

// segmentBytes of the journal: small, since only whole segments are dropped, and a part of what makes it compact.
func (o Options) segmentBytes() int64 {
	if o.CompactBytes < 0 {
		return 8 << 20
	}
	return max(64<<10, min(8<<20, o.CompactBytes/4))
}

// Recovery says what opening a store found.
type Recovery struct {
	Journal  eventlog.Recovery
	Users    int
	Replayed uint64 // records applied on top of the snapshot
	Damaged  int    // frames of the snapshot, mostly a user each, that could not be read
	Skipped  uint64 // records of the journal that could not be understood
}

// Store is a features.Store in memory.
type Store struct {
	dir        string
	options    Options
	durability decision.Durability
	log        *eventlog.Log
	table      *table
	applied    progress
	skipped    uint64 // of the fold

	ctx  context.Context // ended by Close
	stop context.CancelFunc
	wait sync.WaitGroup // of the fold and the compaction

	compactMu    sync.Mutex
	snapshotSize int64 // under compactMu
	compact      chan struct{}
}

// Open opens the store in a directory, and makes it when there is none. A second process gets eventlog.ErrLocked.
func Open(dir string, o Options) (*Store, Recovery, error) {
	if o.CompactBytes == 0 {
		o.CompactBytes = 64 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{dir: dir, options: o, table: newTable(), compact: make(chan struct{}, 1)}
	if o.Fsync {
		s.durability = decision.Fsync
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, Recovery{}, fmt.Errorf("open user features: %w", err)
	}
	recovery, err := s.recover()
	if err != nil {
		return nil, recovery, fmt.Errorf("open user features: %w", err)
	}
	return s, recovery, nil
}

// recover reads the snapshot and what the journal has beyond it, and starts what runs in the background.
func (s *Store) recover() (Recovery, error) {
	var r Recovery
	var err error
	s.log, r.Journal, err = eventlog.Open(filepath.Join(s.dir, "journal"), eventlog.Options{
		SegmentBytes: s.options.segmentBytes(), Logger: s.options.Logger, Files: s.options.Journal,
	})
	if err != nil {
		return r, err
	}
	// From here on the journal's lock is ours.
	from, err := s.load(&r)
	if err != nil {
		return r, errors.Join(err, s.log.Close())
	}
	reader := s.log.NewReader(from)
	last, err := s.applyAll(reader, &r.Replayed)
	if err != nil {
		return r, errors.Join(err, reader.Close(), s.log.Close())
	}
	r.Users, r.Skipped = s.table.users(), s.skipped
	s.applied.set(max(last, from-1))
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wait.Go(func() { s.fold(reader) })
	s.wait.Go(s.compactWhenAsked)
	s.askToCompact()
	return r, nil
}

func (s *Store) load(r *Recovery) (from eventlog.Position, err error) {
	if err := os.Remove(filepath.Join(s.dir, snapshotTemp)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	from, s.snapshotSize, r.Damaged, err = loadSnapshot(s.dir, s.table)
	if r.Damaged > 0 {
		s.options.Logger.Error("the snapshot of user features is damaged", "frames", r.Damaged)
	}
	return from, err
}

// applyAll applies what there is to read and returns the position of the last record, 0 when there was none.
func (s *Store) applyAll(reader *eventlog.Reader, n *uint64) (last eventlog.Position, err error) {
	for {
		pos, b, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, fmt.Errorf("read the journal: %w", err)
		}
		if err := s.apply(pos, b); err != nil {
			return last, err
		}
		last = pos
		*n++
	}
}

// apply makes one record's change. A record that makes no sense is passed over: those after it are as good as ever.
func (s *Store) apply(pos eventlog.Position, b []byte) error {
	r, err := parseRecord(b)
	switch {
	case errors.Is(err, errVersion):
		return fmt.Errorf("journal position %d: %w", pos, err)
	case err != nil:
		s.skipped++
		s.options.Logger.Error("a record of the feature journal makes no sense", "position", uint64(pos), "error", err)
	default:
		s.table.apply(r)
	}
	return nil
}

// retryEvery is how soon a journal that could not be read is tried again.
const retryEvery = 100 * time.Millisecond

// fold applies the journal for as long as the store is open.
func (s *Store) fold(reader *eventlog.Reader) {
	defer reader.Close()
	for {
		pos, b, err := reader.Next(s.ctx)
		switch {
		case errors.Is(err, eventlog.ErrClosed), s.ctx.Err() != nil:
			return
		case err == nil:
			err = s.apply(pos, b)
		}
		if err == nil {
			var n uint64
			var last eventlog.Position
			last, err = s.applyAll(reader, &n)
			s.applied.set(max(pos, last))
			s.askToCompact()
		}
		if err != nil {
			s.options.Logger.Error("the feature journal cannot be read", "error", err)
			select {
			case <-time.After(retryEvery):
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// Fetch implements features.Store.
func (s *Store) Fetch(ctx context.Context, user string, names []string) ([]features.Raw, error) {
	if err := check(ctx, "fetch", user); err != nil {
		return nil, err
	}
	raw := make([]features.Raw, len(names))
	fields := s.table.get(user)
	for i, name := range names {
		raw[i].Text, raw[i].Present = find(fields, name)
	}
	return raw, nil
}

var errTooManyFields = fmt.Errorf("the user has more than %d features", features.MaxFields)

// All implements features.Store.
func (s *Store) All(ctx context.Context, user string) (map[string]string, error) {
	if err := check(ctx, "all", user); err != nil {
		return nil, err
	}
	fields := s.table.get(user)
	if len(fields) > features.MaxFields {
		return nil, &features.StoreError{Op: "all", Reason: features.ReasonTooLarge, Err: errTooManyFields}
	}
	values := make(map[string]string, len(fields))
	for _, f := range fields {
		values[f.name] = f.text
	}
	return values, nil
}

// Put implements features.Store.
func (s *Store) Put(ctx context.Context, user string, values map[string]string) error {
	if err := features.CheckPut(user, values); err != nil {
		return err
	}
	if len(values) == 0 {
		return check(ctx, "put", user)
	}
	return s.change(ctx, "put", putRecord(user, values))
}

// Delete implements features.Store.
func (s *Store) Delete(ctx context.Context, user string) error {
	return s.change(ctx, "delete", record{op: opDelete, user: user})
}

// applyLimit is how long a record that was written may take to be read back. That takes microseconds, unless the disk
// does not return what it took.
const applyLimit = 10 * time.Second

func (s *Store) change(ctx context.Context, op string, r record) error {
	if err := check(ctx, op, r.user); err != nil {
		return err
	}
	pos, err := s.log.Append(ctx, r.append(nil), s.durability)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, applyLimit)
		err = s.applied.reach(limited, pos)
		cancel()
	}
	if err != nil {
		return storeError(ctx, op, err)
	}
	return nil
}

// Close implements features.Store.
func (s *Store) Close() error {
	s.stop()
	err := s.log.Close()
	s.wait.Wait()
	if err != nil {
		return fmt.Errorf("close user features: %w", err)
	}
	return nil
}

func check(ctx context.Context, op, user string) error {
	if err := features.CheckUser(op, user); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return storeError(ctx, op, err)
	}
	return nil
}

func storeError(ctx context.Context, op string, err error) error {
	reason := features.ReasonJournal
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		reason = features.ReasonTimeout
	case ctx.Err() != nil:
		reason, err = features.ReasonCanceled, errors.Join(err, ctx.Err())
	case errors.Is(err, eventlog.ErrFull):
		reason = features.ReasonQueueFull
	}
	return &features.StoreError{Op: op, Reason: reason, Err: err}
}
