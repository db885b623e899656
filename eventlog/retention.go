package eventlog

import (
	"errors"
	"fmt"
	"os"
)

// DropBefore removes the segments that hold only records before pos. The segment being written always stays. It
// returns once the files are gone; readers that are within them finish them.
func (l *Log) DropBefore(pos Position) error {
	if l.readOnly {
		return ErrReadOnly
	}
	dropped, err := l.store.dropBefore(pos)
	if err != nil {
		return fmt.Errorf("drop records before %d: %w", pos, err)
	}
	if dropped == 0 {
		return nil
	}
	l.o.Logger.Info("the event log dropped segments", "segments", dropped, "before", pos)
	return l.o.Files.SyncDir(l.dir)
}

// dropBefore removes oldest first, so that what is left is without holes whatever fails. Nobody waits while a file is
// removed: who looks up a record in it meanwhile finds it gone.
func (s *store) dropBefore(pos Position) (dropped int, err error) {
	s.retention.Lock()
	defer s.retention.Unlock()
	for {
		g := s.oldestBefore(pos)
		if g == nil {
			return dropped, nil
		}
		if err := os.Remove(g.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return dropped, err
		}
		s.mu.Lock()
		s.closeHandle(g)
		s.segments = s.segments[1:]
		s.mu.Unlock()
		dropped++
	}
}

// oldestBefore returns the oldest segment if it ends at or before pos and is not the last one.
func (s *store) oldestBefore(pos Position) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.segments) > 1 && s.segments[0].end <= pos {
		return s.segments[0]
	}
	return nil
}
