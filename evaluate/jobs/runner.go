package jobs

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/nextbest/nextbest/evaluate/report"
)

// Options say where the log is and how much there may be. Data and NewID are needed.
type Options struct {
	Data   string // the service's data directory
	Now    func() time.Time
	NewID  func(now time.Time) string
	Logger *slog.Logger
	// Queue is how many may wait for the one that runs (8), Keep how many that have ended are kept (100), Limit how long one
	// may run (1 h), Workers how many goroutines share a bootstrap (all cores but one).
	Queue, Keep int
	Limit       time.Duration
	Workers     int
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Queue == 0 {
		o.Queue = 8
	}
	if o.Keep == 0 {
		o.Keep = 100
	}
	if o.Limit == 0 {
		o.Limit = time.Hour
	}
	if o.Workers == 0 {
		o.Workers = max(runtime.GOMAXPROCS(0)-1, 1)
	}
	return o
}

// Runner runs evaluations one at a time. It is for any number of goroutines. Close it.
type Runner struct {
	options  Options
	evaluate evaluator
	base     context.Context // done when the runner is closed
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	busy    bool   // a goroutine takes jobs from waiting
	current *job   // the one that runs, also when it was cancelled and has not stopped yet
	waiting []*job // the next to run first
	kept    []*job // in the order of their creation
}

// evaluator evaluates a plan. It returns soon after ctx is done.
type evaluator func(ctx context.Context, p *plan, progress func(float64)) (*report.Document, error)

// job is an evaluation with what it takes to run it.
type job struct {
	Evaluation
	plan   *plan // nil once it has ended: loop files and models are large
	cancel context.CancelFunc
}

// New returns a runner over a data directory.
func New(o Options) *Runner {
	r := &Runner{options: o.withDefaults()}
	r.evaluate = r.evaluateLog
	r.base, r.stop = context.WithCancel(context.Background())
	return r
}

// Start queues an evaluation. The error is a *decision.InputError, ErrFull or ErrClosed.
func (r *Runner) Start(q *Request) (Evaluation, error) {
	p, err := planOf(q)
	if err != nil {
		return Evaluation{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return Evaluation{}, ErrClosed
	case r.full():
		return Evaluation{}, ErrFull
	}
	now := r.options.Now()
	j := &job{plan: p, Evaluation: Evaluation{ID: r.options.NewID(now), Loop: q.Loop, State: Queued, Created: now}}
	r.waiting, r.kept = append(r.waiting, j), append(r.kept, j)
	if !r.busy {
		r.busy = true
		r.running.Go(r.work)
	}
	return j.Evaluation, nil
}

// full reports whether as many wait as may, less the one that is about to run where none does.
func (r *Runner) full() bool {
	most := r.options.Queue
	if r.current == nil {
		most++
	}
	return len(r.waiting) >= most
}

// Get returns an evaluation of a loop, or ErrNotFound.
func (r *Runner) Get(loop, id string) (Evaluation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j := r.find(loop, id); j != nil {
		return j.Evaluation, nil
	}
	return Evaluation{}, ErrNotFound
}

func (r *Runner) find(loop, id string) *job {
	for _, j := range r.kept {
		if j.ID == id && j.Loop == loop {
			return j
		}
	}
	return nil
}

// List returns a loop's evaluations, the newest first, without their results.
func (r *Runner) List(loop string) []Evaluation {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Evaluation
	for i := len(r.kept) - 1; i >= 0; i-- {
		if e := r.kept[i].Evaluation; e.Loop == loop {
			e.Result = nil
			found = append(found, e)
		}
	}
	return found
}

// Cancel ends an evaluation for good, unless it has ended already, and returns it. What of it still runs stops soon. The
// error is ErrNotFound.
func (r *Runner) Cancel(loop, id string) (Evaluation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.find(loop, id)
	if j == nil {
		return Evaluation{}, ErrNotFound
	}
	r.end(j, Cancelled)
	return j.Evaluation, nil
}

// Close cancels all evaluations, and returns once nothing of them runs any more.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, j := range append([]*job{}, r.kept...) {
		r.end(j, Cancelled)
	}
	r.mu.Unlock()
	r.stop()
	r.running.Wait()
	return nil
}
