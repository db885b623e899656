package track

import (
	"log/slog"
	"sync"
	"time"

	"github.com/nextbest/nextbest/attribution"
)

// complainEvery is how often unattributed reports are told of: a broken caller sends many.
const complainEvery = 10 * time.Second

// complaints tell of unattributed reports in the program's log, with the last of them as an example. Users are not named.
type complaints struct {
	logger *slog.Logger

	mu      sync.Mutex
	since   time.Time
	reports int
	example Report
	why     attribution.Reason
}

func (c *complaints) add(why attribution.Reason, r *Report, now time.Time) {
	c.mu.Lock()
	c.reports++
	c.example, c.why = *r, why
	c.mu.Unlock()
	c.flush(now)
}

// flush tells of what has come, unless it did so a moment ago.
func (c *complaints) flush(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reports == 0 || now.Sub(c.since) < complainEvery {
		return
	}
	e := &c.example
	c.logger.Warn("reports could not be attributed to a decision", "reports", c.reports, "last_reason", c.why, "last_track_id", e.TrackID,
		"loop", e.Loop, "action", e.ActionID, "channel", e.Channel, "metric", e.Metric)
	c.since, c.reports = now, 0
}
