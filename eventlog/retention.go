package eventlog

import (
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

// dropBefore removes oldest first, so that what is left is without holes whatever fails.
func (s *store) dropBefore(pos Position) (dropped int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segments) > 1 && s.segments[0].end <= pos {
		g := s.segments[0]
		s.closeHandle(g)
		if err := os.Remove(g.path); err != nil {
			return dropped, err
		}
		s.segments = s.segments[1:]
		dropped++
	}
	return dropped, nil
}
