package challenger

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// Options tune a Manager. Dir is needed.
type Options struct {
	Dir    string        // of challengers: DIR/LOOP/NAME.yaml
	Poll   time.Duration // between looks at which loops there are, and at folders that did not notify; 0 means 1 s
	Settle time.Duration // how long a file must have been the same before it is believed; 0 means 200 ms
	Look   time.Duration // between looks at the evidence; 0 means 200 ms
	Share  float64       // of one processor that the evaluation of a loop may take, in (0,1]; 0 means 0.25
	Now    func() time.Time
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Settle <= 0 {
		o.Settle = 200 * time.Millisecond
	}
	if o.Look <= 0 {
		o.Look = 200 * time.Millisecond
	}
	if o.Share <= 0 {
		o.Share = 0.25
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Manager follows the challengers of all loops. It is safe for concurrent use; nothing that serves waits for it.
type Manager struct {
	learner *learn.Learner
	events  *eventlog.Events
	o       Options
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	workers map[string]*worker // by loop; of every loop that was in force since the start
}

// Start follows the challengers of the learner's loops until Close.
func Start(learner *learn.Learner, events *eventlog.Events, o Options) *Manager {
	ctx, stop := context.WithCancel(context.Background())
	m := &Manager{learner: learner, events: events, o: o.withDefaults(), stop: stop, workers: map[string]*worker{}}
	m.hire(ctx)
	m.running.Go(func() {
		for rest(ctx, m.o.Poll) == nil {
			m.hire(ctx)
		}
	})
	return m
}

// hire starts a worker for each loop that has none.
func (m *Manager) hire(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.learner.Loops() {
		if m.workers[name] != nil {
			continue
		}
		w := newWorker(m, name)
		m.workers[name] = w
		dir := filepath.Join(m.o.Dir, name)
		m.running.Go(func() {
			w.files.load(dir, w.logger)
			m.running.Go(func() { w.files.follow(ctx, dir, m.o) })
			w.run(ctx)
		})
	}
}

// Close stops following and waits.
func (m *Manager) Close() error {
	m.stop()
	m.running.Wait()
	return nil
}

// Status returns the state of a loop's challengers, and false when there is no such loop.
func (m *Manager) Status(loop string) (Status, bool) {
	if _, ok := m.learner.Standing(loop); !ok {
		return Status{}, false
	}
	w := m.worker(loop)
	if w == nil {
		return Status{}, true // In force since a moment ago.
	}
	return w.current(), true
}

func (m *Manager) worker(loop string) *worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.workers[loop]
}

// Request says who asks for a promotion or its end, and why.
type Request struct {
	Actor, Reason string
	Force         bool // promote although it is not proven
}

// Promote puts a challenger in the place of the file in force. It is refused with a *NotProvenError where it is not proven to
// be better, unless forced. served is false when its snapshot is still being made, or could not be: the one before serves on.
func (m *Manager) Promote(ctx context.Context, loop, name string, r Request) (p *learn.Promotion, served bool, err error) {
	st, c, err := m.find(loop, name)
	if err != nil {
		return nil, false, err
	}
	proven := c.Evidence.Proven() && c.State != InForce
	switch {
	case c.State == Broken:
		return nil, false, &BrokenError{loop, name, c.Error}
	case !proven && !r.Force:
		return nil, false, &NotProvenError{loop, name, c.Evidence}
	}
	if p, err = m.worker(loop).promote(ctx, c, st.SHA256, r, !proven); err != nil {
		return nil, false, err
	}
	return p, m.served(ctx, loop, p), nil
}

// TakeBack puts the file back in force that the named challenger displaced.
func (m *Manager) TakeBack(ctx context.Context, loop, name string, r Request) (p *learn.Promotion, served bool, err error) {
	s, ok := m.learner.Standing(loop)
	if !ok {
		return nil, false, fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	}
	w := m.worker(loop)
	if w == nil || s.Promotion == nil || s.Promotion.Challenger != name {
		return nil, false, fmt.Errorf("take back challenger %q of loop %q: %w", name, loop, learn.ErrNotPromoted)
	}
	if p, err = w.takeBack(ctx, &s, r); err != nil {
		return nil, false, err
	}
	return p, m.served(ctx, loop, p), nil
}

// served waits until a snapshot under the promotion is served, and leaves some of the deadline: what happened is to be told.
func (m *Manager) served(ctx context.Context, loop string, p *learn.Promotion) bool {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*3/4)
		defer cancel()
	}
	return m.learner.AwaitServed(ctx, loop, p) == nil
}

func (m *Manager) find(loop, name string) (*Status, *Challenger, error) {
	st, ok := m.Status(loop)
	if !ok {
		return nil, nil, fmt.Errorf("loop %q: %w", loop, decision.ErrUnknownLoop)
	}
	c := st.find(name)
	if c == nil {
		return nil, nil, fmt.Errorf("challenger %q of loop %q: %w", name, loop, ErrUnknown)
	}
	return &st, c, nil
}
