package learn

import (
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// checkpointer writes checkpoints beside the fold, one at a time: the state is encoded in the fold's goroutine, the
// disk is waited for in another.
type checkpointer struct {
	dir     string
	every   time.Duration
	last    time.Time
	took    time.Duration     // to encode the last one, while nothing was folded
	written eventlog.Position // of the last one begun
	writing chan error        // nil when none is being written
}

// checkpointPause is how many times as long as a checkpoint takes the next one waits at least: with many open events
// encoding them all takes a while, in which nothing is folded; that may cost one part in so many of the time.
const checkpointPause = 50

// checkpointDue begins a checkpoint when it is time.
func (t *tail) checkpointDue() {
	c := &t.checkpoints
	if c.writing != nil {
		select {
		case err := <-c.writing:
			t.checkpointed(err)
		default:
			return
		}
	}
	if c.dir == "" || t.fold.next == c.written || time.Since(c.last) < max(c.every, checkpointPause*c.took) {
		return
	}
	c.last, c.written = time.Now(), t.fold.next
	b, err := t.checkpoint()
	c.took = time.Since(c.last)
	if err != nil {
		t.checkpointed(err)
		return
	}
	c.writing = make(chan error, 1)
	go func(next eventlog.Position, done chan<- error) { done <- writeCheckpoint(c.dir, next, b) }(c.written, c.writing)
}

// checkpoint returns the bytes of a checkpoint file of the present state.
func (t *tail) checkpoint() ([]byte, error) {
	b, err := t.fold.appendState(make([]byte, headerBytes, 1<<16))
	if err != nil {
		return nil, err
	}
	sealCheckpoint(b)
	return b, nil
}

func (t *tail) checkpointed(err error) {
	t.checkpoints.writing = nil
	if err != nil {
		t.o.Logger.Error("learner: no checkpoint, the next start folds more of the log", "error", err)
	}
}

// lastCheckpoint waits for the one being written and writes one of the final state.
func (t *tail) lastCheckpoint() error {
	c := &t.checkpoints
	if c.writing != nil {
		t.checkpointed(<-c.writing)
	}
	if c.dir == "" || t.fold.next == c.written {
		return nil
	}
	b, err := t.checkpoint()
	if err != nil {
		return err
	}
	return writeCheckpoint(c.dir, t.fold.next, b)
}
