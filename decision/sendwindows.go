package decision

import "sync"

// sendWindows keeps the actions of the send windows that were asked for last: a campaign asks for the same few, one for each
// time zone, again and again, and making them took a tenth of a decision. They are the same for the same window, so whether one is
// kept decides nothing. The zero value is ready.
type sendWindows struct {
	mu    sync.Mutex
	known map[sendWindowKey][]Action
	size  int // actions in known
}

// sendWindowKey is all of a window that its actions depend on.
type sendWindowKey struct {
	earliest, latest, granularity int64
	doNotSend                     bool
	changes                       int // of the offset
	offsets                       [maxKeptOffsets]ZoneOffset
}

const (
	maxKeptOffsets = 3      // of a window: clocks are changed twice a year
	maxKeptActions = 50_000 // about 5 MB
)

// actions returns w.Actions(), which must not be changed.
func (s *sendWindows) actions(w *SendWindow) []Action {
	if len(w.Offsets) > maxKeptOffsets {
		return w.Actions()
	}
	key := sendWindowKey{
		earliest: w.Earliest.Unix(), latest: w.Latest.Unix(), granularity: int64(w.Granularity), doNotSend: w.DoNotSend, changes: len(w.Offsets),
	}
	copy(key.offsets[:], w.Offsets)
	s.mu.Lock()
	actions, ok := s.known[key]
	s.mu.Unlock()
	if ok {
		return actions
	}
	actions = w.Actions()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.size+len(actions) > maxKeptActions {
		s.known, s.size = map[sendWindowKey][]Action{}, 0
	}
	if _, ok := s.known[key]; !ok {
		s.known[key] = actions
		s.size += len(actions)
	}
	return actions
}
