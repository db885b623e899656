package learn

import (
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Joiner joins the records of one loop in the order of the log, by the learner's own fold, and learns nothing. It is
// for who reads a whole log; Join is for one event. It is pure, and for one goroutine.
//
// Under the definition that is in force at the end of the log, what it settles is what the loop's model has settled: a
// definition that learns otherwise has the learner fold the log again from its beginning.
type Joiner struct {
	fold *loopFold
}

// NewJoiner returns a joiner of the definition's loop. settled is told of each event as its window ends, in the order
// of the decisions.
func NewJoiner(d *Definition, settled func(Settled)) *Joiner {
	l := newLoopFold(d)
	l.estimator = nil
	l.ended = func(e *event) { settled(l.settled(e, true)) }
	return &Joiner{l}
}

// Apply takes the loop's next record. A record that the learner skips is skipped: poison is the reason, one of the
// Poison constants, and err may say more.
func (j *Joiner) Apply(pos eventlog.Position, r *logv1.Record) (poison string, err error) {
	return j.fold.apply(pos, r)
}

// Open calls visit with every event whose window has not ended, in the order of the decisions.
func (j *Joiner) Open(visit func(Settled)) {
	for _, e := range j.fold.openEvents() {
		visit(j.fold.settled(e, false))
	}
}
