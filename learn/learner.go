package learn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
)

// Options tune a Learner.
type Options struct {
	Dir             string           // of the checkpoints; "" keeps none
	PublishEvery    time.Duration    // at most, per loop; 0 means 150 ms
	CheckpointEvery time.Duration    // when anything was folded; 0 means a minute
	Now             func() time.Time // nil means time.Now
	Logger          *slog.Logger     // nil means none
	Evidence        EvidenceStore    // where loops of send times keep what users' sends have shown; nil: nowhere
}

func (o *Options) setDefaults() {
	if o.PublishEvery == 0 {
		o.PublishEvery = 150 * time.Millisecond
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Learner folds the log's tail, publishes snapshots and serves them. One goroutine owns the fold and is the only
// writer; everything that callers read is an immutable value behind an atomic pointer.
type Learner struct {
	log      EventLog
	compile  Compile
	o        Options
	tail     *tail
	evidence *evidence
	served   atomic.Pointer[map[string]*served] // copied to be changed; only the tail's goroutine does
	applied  atomic.Uint64                      // position of the next record to be folded
	changed  atomic.Uint64                      // position of the last loop change that callers see
	changes  chan struct{}                      // held by whoever changes which file is in force
	change   eventlog.Position                  // of the last loop change that was appended; for the holder of changes
	atEnd    atomic.Int64                       // when the tail was last at the end of the log
	notice   notice                             // of a change of served
	stop     context.CancelFunc
	done     chan struct{}
	closed   error
}

var _ decision.Snapshots = (*Learner)(nil)

// served is what callers see of one loop.
type served struct {
	snapshot   atomic.Pointer[decision.Snapshot]
	definition atomic.Pointer[Definition]
	standing   atomic.Pointer[Standing]
	status     atomic.Pointer[Status]
	since      atomic.Uint64 // position after the loop change that the snapshot, or its refusal, came with
}

// Start recovers from the newest good checkpoint and the log's tail, and returns once every loop in force has a
// snapshot or the reason why not in its Status. ctx bounds the start, not the learner.
func Start(ctx context.Context, log EventLog, compile Compile, o Options) (*Learner, error) {
	o.setDefaults()
	running, stop := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, stop)()
	l := &Learner{log: log, compile: compile, o: o, stop: stop, done: make(chan struct{}), changes: make(chan struct{}, 1)}
	l.served.Store(&map[string]*served{})
	f, err := restore(o.Dir, log, compile, readHistory(running, log), o.Logger)
	if err != nil {
		stop()
		return nil, fmt.Errorf("start the learner: %w", err)
	}
	l.evidence = newEvidence(o.Evidence, func(err error) { o.Logger.Warn("learner: will try again", "error", err) })
	l.tail = newTail(l, f)
	if err := l.tail.start(running); err != nil {
		stop()
		l.tail.close()
		return nil, fmt.Errorf("start the learner: %w", errors.Join(ctx.Err(), err))
	}
	var evidence sync.WaitGroup
	if l.evidence != nil {
		evidence.Go(func() { l.evidence.run(running) })
	}
	go func() {
		defer close(l.done)
		l.closed = l.tail.run(running)
		evidence.Wait()
	}()
	return l, nil
}

// Close stops folding, writes a checkpoint and waits. Snapshots go on being served; what is appended afterwards is
// folded at the next Start.
func (l *Learner) Close() error {
	l.stop()
	<-l.done
	return l.closed
}

func (l *Learner) find(loop string) *served { return (*l.served.Load())[loop] }

// Current returns the loop's newest published snapshot, and false when the loop is not in force or has none yet.
func (l *Learner) Current(loop string) (*decision.Snapshot, bool) {
	s := l.find(loop)
	if s == nil {
		return nil, false
	}
	snapshot := s.snapshot.Load()
	return snapshot, snapshot != nil
}

// Covered returns the position up to which the learner needs the log no more to start again: that of the oldest of the
// checkpoints on disk, so that one may be damaged. 0 when there are not yet several, or none are kept.
func (l *Learner) Covered() (eventlog.Position, error) {
	if l.o.Dir == "" {
		return 0, nil
	}
	found, err := checkpoints(l.o.Dir)
	if err != nil || len(found) < checkpointsKept {
		return 0, err
	}
	return found[0], nil
}

// Definition returns the loop's definition in force. It may be newer than that of the snapshot, by one publish.
func (l *Learner) Definition(loop string) (*Definition, bool) {
	s := l.find(loop)
	if s == nil {
		return nil, false
	}
	return s.definition.Load(), true
}

// Standing returns how the loop's definition in force came to be so.
func (l *Learner) Standing(loop string) (Standing, bool) {
	s := l.find(loop)
	if s == nil {
		return Standing{}, false
	}
	return *s.standing.Load(), true
}

// Loops returns the names of the loops in force, sorted.
func (l *Learner) Loops() []string {
	return slices.Sorted(maps.Keys(*l.served.Load()))
}

// put changes the set of loops that callers see.
func (l *Learner) put(name string, s *served) {
	m := maps.Clone(*l.served.Load())
	if s == nil {
		delete(m, name)
	} else {
		m[name] = s
	}
	l.served.Store(&m)
	l.notice.tell()
}

// notice wakes whoever waits for a change.
type notice struct {
	mu sync.Mutex
	c  chan struct{}
}

// wait returns a channel that the next tell closes. It is taken before looking at what may have changed.
func (n *notice) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

func (n *notice) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.c != nil {
		close(n.c)
		n.c = nil
	}
}

func unix(t time.Time) int64 { return t.UnixNano() }

func timeOf(nanos int64) time.Time { return time.Unix(0, nanos) }
