package learn

import (
	"errors"
	"fmt"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Follower folds one loop's records under one definition, whatever loop files were in force when they were written: the
// state is that of a learner that had the definition put in force, at each record of the log. An evaluation follows the
// log so, to know what a loop file would have learned by then and what events turned out to be worth. It is for one
// goroutine.
type Follower struct {
	loop    string
	compile Compile
	fold    *loopFold
	rewards []float64
	metrics []float64
}

// Settled is what became of one event.
type Settled struct {
	Decision eventlog.Position
	State    State // Open for one whose window has not ended
	// Ripe says of an open event that it has reached the loop's patience: what it is worth so far counts in the model.
	Ripe    bool
	Rewards []float64 // what each slot is worth, in reward units; valid during the call
	// Metrics are what each of the reward's metrics came to, slot by slot and in the definition's order, 0 where nothing was
	// reported: none where the reward has no metrics. Valid during the call.
	Metrics []float64
}

// NewFollower returns a follower of the loop's records under d, which may be of another name. ended is called with each
// event whose window has ended, in the order of decisions; nil calls nobody. catalogue stands in for loop files that the
// log has lost with its beginning.
func NewFollower(loop string, d, catalogue *Definition, compile Compile, ended func(Settled)) *Follower {
	f := &Follower{loop: loop, compile: compile, fold: newLoopFold(d)}
	f.fold.catalogues = catalogues{earlier: &catalogues{inForce: catalogue}}
	if ended != nil {
		f.fold.ended = func(e *event) { ended(f.settled(e, true)) }
	}
	return f
}

// Apply folds a record, and passes over those of other loops. poison says why one was skipped, err the details.
func (f *Follower) Apply(pos eventlog.Position, r *logv1.Record) (poison string, err error) {
	if loopOf(r) != f.loop {
		return "", nil
	}
	if c := r.GetLoopChange(); c != nil && !c.GetRemoved() {
		d, err := f.compile(c.GetPath(), c.GetFile())
		if err == nil && d.Loop.Name != f.loop {
			err = fmt.Errorf("the file is of loop %q", d.Loop.Name)
		}
		if err != nil {
			f.fold.advance(r.GetTimeUnixNanos())
			return PoisonDefinition, err
		}
		f.fold.catalogues.put(d)
	}
	return f.fold.apply(pos, r)
}

// Snapshot returns the snapshot of what was folded so far, validated as one to be served is. It has no id; its number is
// that of the last cut.
func (f *Follower) Snapshot() (s *decision.Snapshot, err error) {
	defer recovered(&err)
	s, err = f.fold.snapshot()
	if err != nil {
		return nil, err
	}
	if err := validate(s, f.fold.spec()); err != nil {
		return nil, err
	}
	return s, nil
}

// Look makes v what the definition's models see of a logged decision: the features that decided, read by the
// definition's declarations. Those of the catalogue's actions are in the loop file that the decision was made under.
func (f *Follower) Look(v *decision.View, r *decision.Record) {
	look(v, f.fold.definition.Loop, f.fold.catalogues.of(r.SnapshotID), r)
}

// OpenEvents calls visit with each event whose window has not ended, in the order of decisions.
func (f *Follower) OpenEvents(visit func(Settled)) {
	for _, e := range f.fold.queue.all() {
		visit(f.settled(e, false))
	}
}

func (f *Follower) settled(e *event, closed bool) Settled {
	f.rewards, f.metrics = f.rewards[:0], f.metrics[:0]
	spec := f.fold.spec()
	for i := range e.slots {
		worth, _ := spec.worth(e.rewards, i)
		f.rewards = append(f.rewards, worth)
		for m := range spec.Metrics {
			value, _ := spec.aggregate(e.rewards, uint16(i), uint16(m))
			f.metrics = append(f.metrics, value)
		}
	}
	return Settled{Decision: e.position, State: e.state(closed), Ripe: e.ripe && e.shown(), Rewards: f.rewards, Metrics: f.metrics}
}

// Decision returns the decision that a record of the log stores, or why the learner skips it.
func Decision(r *logv1.Record) (*decision.Record, error) {
	if r.GetDecision() == nil {
		return nil, errors.New("not a decision")
	}
	d, err := eventlog.ToDecision(r)
	if err == nil {
		err = holdsTogether(d)
	}
	return d, err
}
