package learn

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Reasons for which a record is skipped.
const (
	PoisonUndecodable   = "undecodable"    // not a record, or one without a known body
	PoisonUnknownLoop   = "unknown_loop"   // no loop file of that name was ever in force
	PoisonRepeatedEvent = "repeated_event" // a second decision with an event id of the window before
	PoisonDecision      = "bad_decision"   // a decision that does not hold together
	PoisonDefinition    = "bad_definition" // a loop file that this version cannot compile
	PoisonPanic         = "panic"          // a bug: folding the record panicked
)

// fold is what the whole log has come to so far. It has no goroutines and no clock: the same records give the same
// state, to the bit.
type fold struct {
	compile Compile
	history history
	next    eventlog.Position // of the next record
	last    uint64            // hash of the last record's payload: tells another log from this one
	loops   map[string]*loopFold
	skipped map[string]uint64 // poison that belongs to no loop, by reason
}

// effect is what the shell must know about a folded record.
type effect struct {
	loop    *loopFold      // whose record it was; nil for none
	cut     uint64         // the number of the cut that it was
	changed bool           // another definition is in force
	poison  string         // why it was skipped
	err     error          // the details of poison
	removed bool           // the loop was taken out of service
	publish *logv1.Publish // the publish that it was
	record  *logv1.Record  // nil when undecodable
}

func newFold(compile Compile, h history) *fold {
	return &fold{
		compile: compile, history: h, next: 1, loops: make(map[string]*loopFold), skipped: make(map[string]uint64),
	}
}

// apply folds one record. An error means that the log could not be read for folding it again under a new definition:
// nothing has changed then, and apply can be tried again.
func (f *fold) apply(pos eventlog.Position, payload []byte) (effect, error) {
	var r logv1.Record
	var fx effect
	if err := proto.Unmarshal(payload, &r); err != nil || r.Body == nil {
		fx = f.poison(PoisonUndecodable, err)
	} else if c := r.GetLoopChange(); c != nil {
		var err error
		if fx, err = f.change(pos, &r, c); err != nil {
			return effect{}, fmt.Errorf("fold the log again for loop %q at %d: %w", c.GetLoop(), pos, err)
		}
		fx.record = &r
	} else if r.GetAdmin() == nil && r.GetTrack() == nil {
		// What operators do beside loop files, and what no decision has, changes no model.
		fx = f.record(pos, &r)
		fx.record = &r
	}
	f.next, f.last = pos+1, xxhash.Sum64(payload)
	return fx, nil
}

func (f *fold) poison(reason string, err error) effect {
	f.skipped[reason]++
	return effect{poison: reason, err: err}
}

func (f *fold) record(pos eventlog.Position, r *logv1.Record) effect {
	l := f.loops[loopOf(r)]
	if l == nil {
		return f.poison(PoisonUnknownLoop, fmt.Errorf("loop %q", loopOf(r)))
	}
	fx := effect{loop: l, cut: r.GetCut().GetNumber(), publish: r.GetPublish()}
	fx.poison, fx.err = l.apply(pos, r)
	return fx
}

// change puts a loop file in force. Where it learns otherwise than the one before, everything is folded again.
func (f *fold) change(pos eventlog.Position, r *logv1.Record, c *logv1.LoopChange) (effect, error) {
	l := f.loops[c.GetLoop()]
	if c.GetRemoved() {
		if l == nil {
			return f.poison(PoisonUnknownLoop, nil), nil
		}
		l.advance(r.GetTimeUnixNanos())
		l.removed = true
		return effect{loop: l, changed: true, removed: true}, nil
	}
	d, err := f.definition(c)
	if err != nil {
		if l != nil {
			l.advance(r.GetTimeUnixNanos())
			l.counts.poison[PoisonDefinition]++
			return effect{loop: l, poison: PoisonDefinition, err: err}, nil
		}
		return f.poison(PoisonDefinition, err), nil
	}
	var before Standing
	if l != nil {
		before = l.standing
	}
	if l == nil || l.definition.LearningKey != d.LearningKey {
		if l, err = f.refold(pos, d); err != nil {
			return effect{}, err
		}
		f.loops[c.GetLoop()] = l
	}
	l.standing = before.after(pos, r, d)
	l.advance(r.GetTimeUnixNanos())
	l.definition, l.removed, l.changed = d, false, true
	l.catalogues.put(d)
	return effect{loop: l, changed: true}, nil
}

// definition returns what a change puts in force.
func (f *fold) definition(c *logv1.LoopChange) (*Definition, error) {
	d, err := f.compile(c.GetPath(), c.GetFile())
	if err == nil && d.Loop.Name != c.GetLoop() {
		err = fmt.Errorf("the file is of loop %q", d.Loop.Name)
	}
	return d, err
}

// refold folds the loop's records before pos under another definition, aside from the present state. The definitions
// of the past say no more than what their snapshots decided from.
func (f *fold) refold(pos eventlog.Position, d *Definition) (*loopFold, error) {
	l := newLoopFold(d)
	old := f.loops[d.Loop.Name]
	if old == nil && f.skipped[PoisonUnknownLoop] == 0 {
		return l, nil // New, and nothing in the log can be its own.
	}
	past := catalogues{inForce: d}
	if old != nil {
		past = old.catalogues
	}
	l.catalogues = catalogues{earlier: &past}
	err := f.history(pos, func(at eventlog.Position, r *logv1.Record) {
		if loopOf(r) != d.Loop.Name {
			return
		}
		if c := r.GetLoopChange(); c != nil && !c.GetRemoved() {
			if then, err := f.definition(c); err == nil {
				l.catalogues.put(then)
			}
		}
		l.apply(at, r)
	})
	l.catalogues = past // The same, and more where the log has lost its beginning.
	return l, err
}

// apply folds one of the loop's records. A panic is a bug of ours that must cost one record, not the service.
func (l *loopFold) apply(pos eventlog.Position, r *logv1.Record) (poison string, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.counts.poison[PoisonPanic]++
			poison, err = PoisonPanic, fmt.Errorf("panic: %v", p)
		}
	}()
	l.advance(r.GetTimeUnixNanos())
	switch body := r.Body.(type) {
	case *logv1.Record_Decision:
		return l.applyDecision(pos, r)
	case *logv1.Record_Activation:
		l.activation(body.Activation.GetEventId(), body.Activation.GetEventTimeUnixNanos())
	case *logv1.Record_Reward:
		l.reward(body.Reward.GetEventId(), newClaim(pos, r.GetTimeUnixNanos(), body.Reward))
	case *logv1.Record_Cut:
		l.cut = max(l.cut, body.Cut.GetNumber())
		l.catalogues.cut(body.Cut.GetNumber())
	case *logv1.Record_Publish:
		p := body.Publish
		l.published = published{
			at: r.GetTimeUnixNanos(), id: p.GetSnapshotId(), number: p.GetNumber(),
			position: eventlog.Position(p.GetCutPosition()), sha256: p.GetModelSha256(), events: p.GetEvents(),
		}
	}
	return "", nil
}

func (l *loopFold) applyDecision(pos eventlog.Position, r *logv1.Record) (string, error) {
	d, err := eventlog.ToOutcome(r)
	if err == nil {
		err = holdsTogether(d)
	}
	if err != nil {
		l.counts.poison[PoisonDecision]++
		return PoisonDecision, err
	}
	return l.decision(pos, d), nil
}

// loopOf returns the name of the record's loop.
func loopOf(r *logv1.Record) string {
	switch body := r.Body.(type) {
	case *logv1.Record_Decision:
		return body.Decision.GetLoop()
	case *logv1.Record_Activation:
		return body.Activation.GetLoop()
	case *logv1.Record_Reward:
		return body.Reward.GetLoop()
	case *logv1.Record_LoopChange:
		return body.LoopChange.GetLoop()
	case *logv1.Record_Cut:
		return body.Cut.GetLoop()
	case *logv1.Record_Publish:
		return body.Publish.GetLoop()
	case *logv1.Record_Challenge:
		return body.Challenge.GetLoop()
	default:
		return ""
	}
}
