package server

import (
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/nextbest/nextbest/inbound"
)

// webhookLog writes what an operator has to know of deliveries. It names no users. A sender who delivers wrongly does so often:
// some lines are enough, the counters have the rest.
type webhookLog struct {
	logger                         *slog.Logger
	rejected, unattributed, untold *rate.Sometimes
}

func newWebhookLog(logger *slog.Logger) webhookLog {
	seldom := func() *rate.Sometimes { return &rate.Sometimes{First: 10, Interval: 10 * time.Second} }
	return webhookLog{logger, seldom(), seldom(), seldom()}
}

// refused says why a delivery was refused whole.
func (l *webhookLog) refused(source string, err error) {
	l.rejected.Do(func() { l.logger.Warn("a webhook's delivery was refused", "source", source, "error", err) })
}

// delivery says which events of a delivery were not taken as rewards, though they should have been.
func (l *webhookLog) delivery(source string, r *inbound.Result) {
	if n := r.Counts[inbound.Unattributed]; n > 0 {
		l.unattributed.Do(func() {
			l.logger.Warn("webhook events belong to no decision: they carry no event id, and none could be found", "source", source, "events", n)
		})
	}
	if len(r.Problems) > 0 {
		p := r.Problems[0]
		l.untold.Do(func() {
			l.logger.Warn("webhook events were not taken", "source", source, "events", len(r.Problems), "of", r.Received,
				"first", p.Index, "id", p.ID, "reason", p.Reason)
		})
	}
}
