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
}

// Following says what a Follower follows. More and Ended may be nil.
type Following struct {
	Loop       string      // whose records
	Definition *Definition // that they are folded under; it may be of another name
	Catalogue  *Definition // stands in for the loop files that the log has lost with its beginning
	Compile    Compile
	// More are features that actions of the catalogue are given beside those that the log's loop files have: what would
	// have been learned had these been known. They are found by id; names that the log has stay as they were.
	More []decision.Action
	// Ended is called with each event whose window has ended, in the order of decisions.
	Ended func(Settled)
}

// NewFollower returns a follower that has folded nothing yet.
func NewFollower(o Following) *Follower {
	f := &Follower{loop: o.Loop, compile: o.Compile, fold: newLoopFold(o.Definition)}
	f.fold.catalogues = catalogues{earlier: &catalogues{inForce: o.Catalogue}}
	f.fold.supplement.more = o.More
	if o.Ended != nil {
		f.fold.ended = func(e *event) { o.Ended(f.fold.settled(e, true)) }
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
	look(v, f.fold.definition.Loop, f.fold.catalogue(r.SnapshotID), r)
}

// LookAt makes v, which looks at the decision, what the definition's models see of one of its slots, and reports whether
// that can be other than what they see of the slot before.
func (f *Follower) LookAt(v *decision.View, r *decision.Record, slot int) bool {
	l := f.fold.definition.Loop
	v.At(l, &r.Input, slot)
	return slot == 0 || l.Position
}

// OpenEvents calls visit with each event whose window has not ended, in the order of decisions.
func (f *Follower) OpenEvents(visit func(Settled)) {
	for _, e := range f.fold.openEvents() {
		visit(f.fold.settled(e, false))
	}
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
