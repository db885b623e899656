package evaluate

import (
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// snapshotsKept bounds how many snapshots of a model are kept for decisions that were under way when a newer one was cut:
// at the shortest publishing interval in use, several seconds' worth, as a replay keeps. Fewer are kept where the log
// needs fewer: those of a large loop are tens of megabytes each.
const snapshotsKept = 64

// learner is one model that learns progressively, with its last snapshots. Candidates that learn the same share it.
type learner struct {
	follower  *learn.Follower
	snapshots []cut // the last ones, in the order of the log
	keep      int   // how many
	good      model.Predictor
	refused   uint64

	view      decision.View
	model     model.Predictor  // of the decision seen last
	estimates []model.Estimate // of every action for its present slot
	deviation float64          // of the rewards, as its model had it
}

// cut is a model by the number of the snapshot that the service made there.
type cut struct {
	number uint64
	model  model.Predictor
}

// apply folds a record. At a cut the model is made: of everything before it, as the service did.
func (l *learner) apply(pos eventlog.Position, r *logv1.Record) (poison string) {
	poison, _ = l.follower.Apply(pos, r)
	return poison
}

// cut makes the snapshot of a number. One that must not be served leaves the one before in force.
func (l *learner) cut(number uint64) {
	s, err := l.follower.Snapshot()
	if err != nil {
		l.refused++
	} else {
		l.good = s.Model
	}
	if l.good == nil {
		return
	}
	l.snapshots = append(l.snapshots, cut{number, l.good})
	if drop := len(l.snapshots) - l.keep; drop > 0 {
		clear(l.snapshots[:drop])
		l.snapshots = l.snapshots[drop:]
	}
}

// at returns the model of a snapshot's number, or nil.
func (l *learner) at(number uint64) model.Predictor {
	for i := len(l.snapshots) - 1; i >= 0; i-- {
		if l.snapshots[i].number == number {
			return l.snapshots[i].model
		}
	}
	return nil
}

// see looks at a decision with the model of its snapshot, and reports whether there is one.
func (l *learner) see(d *decision.Record) bool {
	m := l.at(learn.SnapshotNumber(d.SnapshotID))
	if m == nil {
		return false
	}
	l.follower.Look(&l.view, d)
	l.model, l.deviation = m, m.RewardDeviation()
	return true
}

// slot estimates every action for a slot of the decision that was seen last. Slots come in order.
func (l *learner) slot(d *decision.Record, slot int) {
	if l.follower.LookAt(&l.view, d, slot) {
		l.estimates = l.model.Estimate(l.estimates[:0], l.view.Context, l.view.Candidates)
	}
}
