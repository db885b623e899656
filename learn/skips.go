package learn

import (
	"log/slog"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// skipsEvery is how often one reason for skipping records is told at most: a log without its beginning skips thousands.
const skipsEvery = time.Minute

// skips tells of records that were skipped: the first of each reason, then how many there were since.
type skips struct {
	logger *slog.Logger
	now    func() time.Time
	told   map[string]time.Time
	more   map[string]uint64 // skipped since they were told of
}

func newSkips(logger *slog.Logger, now func() time.Time) *skips {
	return &skips{logger: logger, now: now, told: map[string]time.Time{}, more: map[string]uint64{}}
}

func (s *skips) tell(pos eventlog.Position, reason string, err error) {
	now := s.now()
	if last, ok := s.told[reason]; ok && now.Sub(last) < skipsEvery {
		s.more[reason]++
		return
	}
	s.logger.Warn("learner: record skipped", slog.Uint64("log_position", uint64(pos)), "reason", reason, "error", err,
		"and_untold_before", s.more[reason])
	s.told[reason], s.more[reason] = now, 0
}
