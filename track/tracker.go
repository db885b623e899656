package track

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/attribution"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Loops shows the loops in force. Nothing here blocks.
type Loops interface {
	Loops() []string // sorted
	Definition(loop string) (*learn.Definition, bool)
}

// DefaultMost is how many decisions and reports are remembered when Options does not say. With as many users, and a
// report of each, that is half a gigabyte; it is taken as it is needed.
const DefaultMost = 1 << 22

// readEvery is how often the log is read on where no report asks for it.
const readEvery = 500 * time.Millisecond

// Options are what a Tracker works with.
type Options struct {
	Events *eventlog.Events
	Loops  Loops
	Most   int // decisions and reports that are remembered; 0 means DefaultMost
	Now    func() time.Time
	NewID  func(time.Time) string // of reports that come without one
	Logger *slog.Logger
}

// Tracker attributes reports. It is safe for concurrent use.
type Tracker struct {
	o          Options
	turn       chan struct{} // held by whoever uses log
	log        followed
	seed       maphash.Seed
	sending    [256]sync.Mutex // by hash of the track id: the same report sent twice at once is one
	duplicates atomic.Uint64
	complaints complaints
	stop       context.CancelFunc
	done       chan struct{}
}

// Start reads the log, and returns a tracker that follows it until Close. ctx bounds the start alone.
func Start(ctx context.Context, o Options) (*Tracker, error) {
	if o.Most == 0 {
		o.Most = DefaultMost
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	t := &Tracker{
		o: o, turn: make(chan struct{}, 1), log: followed{events: o.Events}, seed: maphash.MakeSeed(),
		complaints: complaints{logger: o.Logger}, stop: stop, done: make(chan struct{}),
	}
	if err := t.withLog(ctx, func(*followed) {}); err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("index decisions by user: %w", err), t.log.close())
	}
	go t.follow(running)
	return t, nil
}

// follow keeps reports from having much to read.
func (t *Tracker) follow(ctx context.Context) {
	defer close(t.done)
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := t.withLog(ctx, func(*followed) {}); err != nil && ctx.Err() == nil {
			t.o.Logger.Error("read the event log for reports without an event id", "error", err)
		}
		t.complaints.flush(t.o.Now())
	}
}

// Close stops following the log. Reports that are under way may fail.
func (t *Tracker) Close() error {
	t.stop()
	<-t.done
	t.turn <- struct{}{} // It is never given back.
	return t.log.close()
}

// withLog reads the log to its end and calls f, one caller at a time.
func (t *Tracker) withLog(ctx context.Context, f func(*followed)) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the index of decisions: %w", ctx.Err())
	}
	defer func() { <-t.turn }()
	if err := t.log.readOn(ctx, t.o.Now(), t.window(), t.o.Most); err != nil {
		return err
	}
	f(&t.log)
	return nil
}

// window returns the longest reward window of the loops in force, and what a report's time may be ahead.
func (t *Tracker) window() time.Duration {
	longest := time.Duration(0)
	for _, name := range t.o.Loops.Loops() {
		if d, ok := t.o.Loops.Definition(name); ok {
			longest = max(longest, d.Reward.Window+aheadOf(d))
		}
	}
	return longest + attribution.Skew
}

// Track attributes a report, and returns once that is in the log. What the report cannot be is a decision.InputError,
// decision.ErrUnknownLoop or a ConflictError; other errors are the log's, and the report may be sent again.
func (t *Tracker) Track(ctx context.Context, r Report) (Answer, error) {
	now := t.o.Now()
	ip, err := r.check(now)
	if err != nil {
		return Answer{}, err
	}
	if err := t.checkLoop(&r); err != nil {
		return Answer{}, err
	}
	if r.TrackID == "" {
		r.TrackID = t.o.NewID(now)
	}
	one := &t.sending[maphash.String(t.seed, r.TrackID)%uint64(len(t.sending))]
	one.Lock()
	defer one.Unlock()
	return t.track(ctx, &r, ip, now)
}

// checkLoop refuses what no loop that the report can be of would take.
func (t *Tracker) checkLoop(r *Report) error {
	if r.Loop != "" {
		def, ok := t.o.Loops.Definition(r.Loop)
		if !ok {
			return fmt.Errorf("loop %q: %w", r.Loop, decision.ErrUnknownLoop)
		}
		if _, takes := def.Reward.Takes(r.Metric, r.Value); !takes {
			return invalid("metric", fmt.Sprintf("%q with the value %v is not what loop %s takes", r.Metric, r.Value, r.Loop))
		}
		return nil
	}
	for _, name := range t.o.Loops.Loops() {
		if def, ok := t.o.Loops.Definition(name); ok {
			if _, takes := def.Reward.Takes(r.Metric, r.Value); takes {
				return nil
			}
		}
	}
	return invalid("metric", fmt.Sprintf("%q with the value %v is not what any loop takes", r.Metric, r.Value))
}

func (t *Tracker) track(ctx context.Context, r *Report, ip netip.Addr, now time.Time) (Answer, error) {
	var cs []candidate
	var before eventlog.Position
	var again bool
	in := func(loop string) bool {
		_, ok := t.o.Loops.Definition(loop)
		return ok && (r.Loop == "" || r.Loop == loop)
	}
	err := t.withLog(ctx, func(f *followed) {
		before, again = f.index.known(r.TrackID)
		for _, d := range f.index.of(r.UserID, in, maxCandidates) {
			cs = append(cs, candidate{loop: f.index.loops[d.loop], position: d.position, decided: time.Unix(0, d.at)})
		}
	})
	if err != nil {
		return Answer{}, err
	}
	if again {
		if answer, known, err := t.again(r, before); known || err != nil {
			return answer, err
		}
	}
	newestFirst(cs)
	report := attribution.Report{Loop: r.Loop, Action: r.ActionID, Channel: r.Channel, At: r.at(now), Received: now}
	credit, why, err := attribution.Pick(report, t.candidates(ctx, r, cs))
	if err != nil {
		return Answer{}, fmt.Errorf("attribute a report: %w", err)
	}
	if why != "" {
		return t.keep(ctx, r, why, now)
	}
	return t.reward(ctx, r, &cs[credit.Decision], credit, ip, now)
}

// again answers a report whose reward is in the log already. known is false where that is another id's, or gone.
func (t *Tracker) again(r *Report, pos eventlog.Position) (answer Answer, known bool, err error) {
	b, err := t.o.Events.Log().Read(pos)
	if errors.Is(err, eventlog.ErrNotFound) {
		return Answer{}, false, nil
	}
	if err != nil {
		return Answer{}, false, fmt.Errorf("read the report at position %d: %w", pos, err)
	}
	record, err := eventlog.Unmarshal(b)
	if err != nil {
		return Answer{}, false, fmt.Errorf("read the report at position %d: %w", pos, err)
	}
	w := record.GetReward()
	switch {
	case w.GetAttribution().GetTrackId() != r.TrackID:
		return Answer{}, false, nil
	case !r.same(w):
		return Answer{}, true, &ConflictError{r.TrackID}
	}
	t.duplicates.Add(1)
	return Answer{
		TrackID: r.TrackID, Outcome: Duplicate, Loop: w.GetLoop(), EventID: w.GetEventId(), SlotID: w.GetSlotId(), RewardID: w.GetRewardId(),
	}, true, nil
}

// reward appends the reward of the decision that has the report.
func (t *Tracker) reward(ctx context.Context, r *Report, c *candidate, credit attribution.Credit, ip netip.Addr, now time.Time) (Answer, error) {
	def, ok := t.o.Loops.Definition(c.loop)
	if !ok {
		return Answer{}, fmt.Errorf("loop %q: %w", c.loop, decision.ErrUnknownLoop)
	}
	w := r.reward(c, credit, &def.Reward, ip)
	record := &logv1.Record{TimeUnixNanos: now.UnixNano(), Body: &logv1.Record_Reward{Reward: w}}
	if _, err := t.o.Events.Append(ctx, record, def.RewardSync); err != nil {
		return Answer{}, fmt.Errorf("append a tracked reward: %w", err)
	}
	return Answer{
		TrackID: r.TrackID, Outcome: Attributed, Loop: c.loop, EventID: w.EventId, SlotID: w.SlotId,
		ActionID: c.actionID(credit.Slot), RewardID: w.RewardId,
	}, nil
}

// keep appends a report that no decision has.
func (t *Tracker) keep(ctx context.Context, r *Report, why attribution.Reason, now time.Time) (Answer, error) {
	record := &logv1.Record{TimeUnixNanos: now.UnixNano(), Body: &logv1.Record_Track{Track: r.nobodys(why)}}
	if _, err := t.o.Events.Append(ctx, record, decision.Fsync); err != nil {
		return Answer{}, fmt.Errorf("append an unattributed report: %w", err)
	}
	t.complaints.add(why, r, now)
	return Answer{TrackID: r.TrackID, Outcome: Unattributed, Reason: why}, nil
}

// Stats are how reports have been attributed, and what is remembered for it.
type Stats struct {
	Counts
	Duplicates uint64 // since the process started
	Decisions  int    // remembered
	Users      int
	Evicted    uint64 // decisions and reports that had to give way before their time
}

// Stats returns the numbers as of now.
func (t *Tracker) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := t.withLog(ctx, func(f *followed) {
		s = Stats{
			Counts: f.counted.clone(), Duplicates: t.duplicates.Load(), Decisions: f.index.decisions.len(), Users: len(f.index.last),
			Evicted: f.index.evicted,
		}
	})
	return s, err
}
