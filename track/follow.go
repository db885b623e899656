package track

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nextbest/nextbest/attribution"
	"github.com/nextbest/nextbest/eventlog"
)

// followed is the log as it has been read so far. It is for one goroutine.
type followed struct {
	events  *eventlog.Events
	reader  *eventlog.Reader
	index   *index
	covers  time.Duration // how far back the index goes
	counted Counts
}

// Counts are reports in the log since it begins.
type Counts struct {
	Attributed   uint64
	Unattributed map[attribution.Reason]uint64
}

func (c Counts) clone() Counts {
	out := Counts{Attributed: c.Attributed, Unattributed: make(map[attribution.Reason]uint64, len(c.Unattributed))}
	for _, r := range attribution.Reasons() {
		out.Unattributed[r] = c.Unattributed[r]
	}
	return out
}

// readOn reads the log to its end. Where the longest window has become longer, the log is read again from its beginning.
// After an error it goes on where it was.
func (f *followed) readOn(ctx context.Context, now time.Time, window time.Duration, most int) error {
	if f.reader == nil || window > f.covers {
		if err := f.restart(window, most); err != nil {
			return err
		}
	}
	oldest := now.Add(-f.covers)
	for n := 1; ; n++ {
		if n%1024 == 0 {
			f.index.forget(oldest)
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("read the log: %w", err)
			}
		}
		pos, b, err := f.reader.TryNext()
		if errors.Is(err, io.EOF) {
			f.index.forget(oldest)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		f.take(pos, b, oldest)
	}
}

func (f *followed) restart(window time.Duration, most int) error {
	if f.reader != nil {
		if err := f.reader.Close(); err != nil {
			return fmt.Errorf("read the log again: %w", err)
		}
	}
	f.reader, f.index, f.covers = f.events.NewReader(1), newIndex(most), window
	f.counted = Counts{Unattributed: make(map[attribution.Reason]uint64)}
	return nil
}

// take notes one record.
func (f *followed) take(pos eventlog.Position, b []byte, oldest time.Time) {
	if d, ok := eventlog.UserDecisionIn(b); ok {
		if d.TimeUnixNanos >= oldest.UnixNano() {
			f.index.decision(pos, d)
		}
		return
	}
	if !eventlog.Tracked(b) {
		return
	}
	r, err := eventlog.Unmarshal(b)
	if err != nil {
		return // What cannot be read is nobody's; the learner counts it.
	}
	if t := r.GetTrack(); t != nil {
		f.counted.Unattributed[attribution.Reason(t.GetReason())]++
		return
	}
	f.counted.Attributed++
	if r.GetTimeUnixNanos() >= oldest.UnixNano() {
		f.index.report(pos, r.GetTimeUnixNanos(), r.GetReward().GetAttribution().GetTrackId())
	}
}

func (f *followed) close() error {
	if f.reader == nil {
		return nil
	}
	return f.reader.Close()
}
