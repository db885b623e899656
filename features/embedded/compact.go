package embedded

import (
	"fmt"

	"github.com/nextbest/nextbest/eventlog"
)

// Compact writes a snapshot and drops the journal segments that it makes superfluous. It runs by itself when the
// journal has grown by Options.CompactBytes beyond the last snapshot; fetches and changes go on meanwhile.
//
// The segment being written stays, so a deleted user's texts may stay in up to 8 MiB of journal until it is full.
func (s *Store) Compact() error {
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	from := s.applied.get() + 1 // before the first user is read: what comes later is applied again
	// After a power loss the snapshot must not know more than the journal, so that is synced first.
	size, err := writeSnapshot(s.dir, s.table, from, func() error { return s.log.Sync(s.ctx) })
	if err != nil {
		return fmt.Errorf("compact user features: %w", err)
	}
	s.snapshotSize = size
	if err := s.log.DropBefore(from); err != nil {
		return fmt.Errorf("compact user features: %w", err)
	}
	return nil
}

// askToCompact has the journal's size looked at.
func (s *Store) askToCompact() {
	if s.options.CompactBytes < 0 {
		return
	}
	select {
	case s.compact <- struct{}{}:
	default: // it will be
	}
}

func (s *Store) compactWhenAsked() {
	for {
		select {
		case <-s.compact:
		case <-s.ctx.Done():
			return
		}
		if !s.grown() {
			continue
		}
		if err := s.Compact(); err != nil && s.ctx.Err() == nil {
			s.options.Logger.Error("the feature journal was not compacted", "error", err)
		}
	}
}

func (s *Store) grown() bool {
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	return s.log.Stats().Bytes > s.snapshotSize+s.options.CompactBytes
}

// Stats describe a store.
type Stats struct {
	Users    int
	Applied  eventlog.Position // the last record in memory
	Snapshot int64             // bytes of the last snapshot
	Journal  eventlog.Stats
}

// Stats returns the state of the store. It counts users under each shard's lock, so it is not for every request.
func (s *Store) Stats() Stats {
	s.compactMu.Lock()
	size := s.snapshotSize
	s.compactMu.Unlock()
	return Stats{Users: s.table.users(), Applied: s.applied.get(), Snapshot: size, Journal: s.log.Stats()}
}
