package learn

import (
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/model"
)

// loopFold is what one loop's records have come to so far: a pure function of those records and the definition.
// Its time is the largest time of a record so far; it never goes back.
type loopFold struct {
	definition *Definition
	standing   Standing // how the definition came to be in force
	removed    bool
	estimator  model.Estimator // nil: events are joined and nothing is learned from them
	now        int64           // log time, unix nanoseconds
	cut        uint64          // number of the last cut
	published  published
	catalogues catalogues // that snapshots decided from
	counts     counts
	delays     delays
	open       map[string]*event
	queue      queue[*event] // the events in the order of their decisions, which is that of their times; the first is open
	closings   closings      // of a loop of send times: the open events by the end of their windows
	ripe       int           // the first so many of queue have reached the loop's patience
	waiting    waiting
	closed     closedEvents
	counted    int    // events in the provisional sums
	churn      uint64 // changes of the provisional sums since they were made afresh
	changed    bool   // the model is another than at the last cut; not part of the state
	scratch    model.Example
	view       decision.View             // memory of encode
	ended      func(*event)              // told of each event whose window has ended, before it is forgotten; nil for nobody
	supplement supplement                // of a Follower
	offsets    [64][]decision.ZoneOffset // of the last sends by time zone, to be shared; not part of the state
}

// published is what the log says about the newest published snapshot.
type published struct {
	at       int64
	id       string
	number   uint64
	position eventlog.Position
	sha256   []byte
	events   uint64
}

func newLoopFold(d *Definition) *loopFold {
	return &loopFold{
		definition: d,
		standing:   Standing{Definition: d, Base: d},
		estimator:  d.NewEstimator(),
		now:        math.MinInt64,
		catalogues: catalogues{inForce: d},
		counts:     newCounts(),
		open:       make(map[string]*event),
		waiting:    waiting{byID: make(map[string]*held)},
		closed:     closedEvents{known: make(map[uint64]struct{})},
		changed:    true,
	}
}

func (l *loopFold) spec() *RewardSpec     { return &l.definition.Reward }
func (l *loopFold) window() time.Duration { return l.definition.Reward.Window }

// before returns the log time one window ago.
func (l *loopFold) before() int64 {
	if l.now < math.MinInt64+int64(l.window()) {
		return math.MinInt64
	}
	return l.now - int64(l.window())
}

// decision opens an event, or says why not.
func (l *loopFold) decision(pos eventlog.Position, r *decision.Record) (poison string) {
	l.counts.decisions++
	l.tally(r)
	if l.open[r.EventID] != nil || l.closed.has(r.EventID) {
		l.counts.poison[PoisonRepeatedEvent]++
		return PoisonRepeatedEvent
	}
	e := newEvent(pos, l.now, r)
	if e.send != nil {
		e.send.share(&l.offsets[xxhash.Sum64String(r.Send.Zone)%uint64(len(l.offsets))])
	}
	if e.learned && l.estimator != nil && e.send == nil {
		l.encode(e, r)
	}
	l.open[e.id] = e
	l.queue.push(e)
	l.schedule(e)
	if h := l.waiting.take(e.id); h != nil {
		l.release(e, h)
	}
	return ""
}

// tally counts what a decision says about itself.
func (l *loopFold) tally(r *decision.Record) {
	if r.Fallback != "" {
		l.counts.fallbacks[r.Fallback]++
	}
	for i := range r.Choices {
		for _, x := range r.Choices[i].Excluded {
			l.counts.excluded[x.Reason]++
		}
		for _, reason := range r.Choices[i].Warnings {
			l.counts.warned[reason]++
		}
	}
	for i := range r.Defaulted {
		l.counts.defaulted[r.Defaulted[i].Name]++
	}
}

// encode extends the estimator's encoder and keeps the served actions as examples. Where position is context, each slot
// is seen by itself.
func (l *loopFold) encode(e *event, r *decision.Record) {
	v := &l.view
	look(v, l.definition.Loop, l.catalogue(r.SnapshotID), r)
	for i := range e.slots {
		if i == 0 || l.definition.Loop.Position {
			v.At(l.definition.Loop, &r.Input, i)
			l.estimator.Observe(v.Context, v.Candidates)
		}
		if served := r.Choices[i].Served(); served >= 0 {
			x := l.estimator.Encode(v.Context, v.Candidates[served])
			e.slots[i].example = pack(&x)
		}
	}
}

// release gives an event what came before its decision.
func (l *loopFold) release(e *event, h *held) {
	l.counts.rewards[Early] -= uint64(len(h.claims))
	if h.activated > 0 {
		l.activate(e, h.shown)
	}
	for _, c := range h.claims {
		l.accept(e, c)
	}
}

// activation activates an event, or waits for its decision. shown is when it was shown or sent; 0: as decided.
func (l *loopFold) activation(eventID string, shown int64) {
	l.counts.activations++
	switch e := l.open[eventID]; {
	case e != nil:
		l.activate(e, shown)
	case !l.closed.has(eventID):
		l.waiting.activation(eventID, l.now, shown)
		l.expireWaiting()
	}
}

// activate counts an activation: the first makes a deferred event count, the first that says a time says when a send was.
func (l *loopFold) activate(e *event, shown int64) {
	if l.now > e.closes(l.window()) {
		return // It was to come within the window of the plan.
	}
	if e.moved(shown) {
		l.schedule(e)
	}
	if e.activated || !e.deferred {
		return
	}
	before := e.standing()
	e.activated = true
	if after := e.standing(); after != before {
		l.counts.move(len(e.rewards), before, after)
	}
	if e.ripe {
		l.count(e)
	}
}

// reward joins a reward to its event, or holds it.
func (l *loopFold) reward(eventID string, c claim) {
	switch e := l.open[eventID]; {
	case e != nil:
		l.accept(e, c)
	case l.closed.has(eventID):
		l.counts.rewards[Late]++
	default:
		l.counts.rewards[Early]++
		l.waiting.claim(eventID, l.now, c)
		l.expireWaiting()
	}
}

func (l *loopFold) accept(e *event, c claim) {
	known := len(e.rewards)
	outcome := e.accept(l.spec(), l.now, c)
	l.counts.rewards[outcome]++
	if len(e.rewards) == known {
		return
	}
	if known == 0 && e.learned {
		l.delays.observe(l.now - e.opened)
	}
	if e.counted {
		l.recount(e)
	}
}

// advance moves the loop's time and does everything that was due by then. It comes before a record's own effect.
func (l *loopFold) advance(to int64) {
	l.now = max(l.now, to)
	for e := l.next(); e != nil && l.now > e.closes(l.window()); e = l.next() {
		l.close(e)
	}
	patience := l.delays.patience(l.window())
	for l.ripe < l.queue.len() && l.now-l.queue.at(l.ripe).opened >= patience {
		e := l.queue.at(l.ripe)
		e.ripe = true
		l.ripe++
		if e.learned && e.shown() {
			l.count(e)
		}
	}
	l.expireWaiting()
	l.closed.forget(l.before())
	if l.churn > churnLimit && l.churn > 16*uint64(l.counted) {
		l.freshen()
	}
}

// due returns when advance will next have something to do, and false when nothing is under way.
func (l *loopFold) due() (int64, bool) {
	at, ok := int64(math.MaxInt64), false
	if e := l.next(); e != nil {
		at, ok = e.closes(l.window())+1, true
	}
	if l.ripe < l.queue.len() {
		at = min(at, l.queue.at(l.ripe).opened+l.delays.patience(l.window()))
	}
	return at, ok
}

// expireWaiting gives up on what has waited too long for its decision, or has no room.
func (l *loopFold) expireWaiting() {
	before := l.before()
	for h := l.waiting.expired(before); h != nil; h = l.waiting.expired(before) {
		l.counts.move(len(h.claims), Early, Orphan)
	}
}

// close settles an event, the next: events settle in the order of their decisions, whatever the order of their rewards; in a loop
// of send times, in that of the ends of their windows.
func (l *loopFold) close(e *event) {
	l.leave(e)
	delete(l.open, e.id)
	l.closed.add(e.id, l.now)
	ending := e.ending()
	l.counts.endings[ending]++
	if ending == EndedNotActivated {
		l.counts.move(len(e.rewards), AwaitingActivation, NotActivated)
	}
	l.settle(e)
	if l.ended != nil {
		l.ended(e)
	}
}
