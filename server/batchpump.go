package server

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/decision"
)

// Bounds of a batch's stream. What is under way at once fills the pipelines to Redis and the log's groups, and no memory.
const (
	batchItems    = 256 // decided at once
	batchMessages = 2   // read and not answered yet, beside the one that is being written
	maxStreams    = 64  // at once, over both protocols
	// shedPause is how long an item waits that found too many calls running, before it is tried again.
	shedPause = 20 * time.Millisecond
)

// errStopping ends streams of a server that stops.
var errStopping = refuse(Overloaded, "the server is stopping: go on with another, or later")

// batches is what the streams of a server share, over both protocols.
type batches struct {
	room     *semaphore.Weighted // of items: half of all calls, for a batch has time and must not take it from single calls
	streams  *semaphore.Weighted
	stopping <-chan struct{}
}

func newBatches(maxInFlight int, stopping <-chan struct{}) *batches {
	return &batches{
		room: semaphore.NewWeighted(int64(max(maxInFlight/2, 1))), streams: semaphore.NewWeighted(maxStreams), stopping: stopping,
	}
}

// enter counts a stream, and refuses one too many: each holds memory.
func (b *batches) enter() (leave func(), err error) {
	if !b.streams.TryAcquire(1) {
		return nil, refuse(Overloaded, "as many batches run as there may be at once")
	}
	return func() { b.streams.Release(1) }, nil
}

// items decides the items of one stream. Its goroutines stay for the next items, with the stacks that deciding takes: making them
// anew for every item took a tenth of a batch's time.
type items struct {
	ctx     context.Context
	cancel  context.CancelFunc
	calls   *inProcess
	all     *batches
	jobs    chan func(context.Context)
	workers chan struct{} // one for each goroutine
	running sync.WaitGroup
}

func newItems(ctx context.Context, calls *inProcess, all *batches) *items {
	ctx, cancel := context.WithCancel(decision.Unhurried(ctx))
	return &items{
		ctx: ctx, cancel: cancel, calls: calls, all: all,
		jobs: make(chan func(context.Context)), workers: make(chan struct{}, batchItems),
	}
}

// each calls do for each of n items, batchItems of them at once at most, and waits for all.
func (s *items) each(n int, do func(ctx context.Context, i int)) {
	var all sync.WaitGroup
	all.Add(n)
	for i := range n {
		s.start(func(ctx context.Context) {
			defer all.Done()
			do(ctx, i)
		})
	}
	all.Wait()
}

// start has a goroutine do a job: one that waits, a new one while there are few, else the first that is done.
func (s *items) start(job func(context.Context)) {
	select {
	case s.jobs <- job:
		return
	default:
	}
	select {
	case s.jobs <- job:
	case s.workers <- struct{}{}:
		s.running.Go(func() {
			for ok := true; ok; job, ok = <-s.jobs {
				job(s.ctx)
			}
		})
	}
}

// end waits for what was started. Nothing may be started after it.
func (s *items) end() {
	close(s.jobs)
	s.running.Wait()
}

// call makes the call of one item, and makes it again while too many are running: who waits for a batch waits for all of it.
func call[Q, A any](ctx context.Context, s *items, request *Q, make func(context.Context, *Q) (*A, error)) (*A, *failure) {
	if request == nil {
		return nil, invalidFields([]violation{{"request", "is missing"}})
	}
	for {
		reply, f := once(ctx, s, request, make)
		if f == nil || f.reason != Overloaded || ctx.Err() != nil {
			return reply, f
		}
		wait(ctx, shedPause)
	}
}

func once[Q, A any](ctx context.Context, s *items, request *Q, make func(context.Context, *Q) (*A, error)) (*A, *failure) {
	if err := s.all.room.Acquire(ctx, 1); err != nil {
		return nil, classify(err)
	}
	defer s.all.room.Release(1)
	reply, err := make(ctx, request)
	if err != nil {
		return nil, failureOf(status.Convert(err))
	}
	return reply, nil
}

// pump answers messages in their order, some of them at once, until there are no more, one fails, or the server stops: then those in hand
// are answered first. answer gives its parts, in order, to give, which says whether they are wanted. A read that is under way when the
// pump ends is ended by interrupt, unless nil: then its end is not waited for.
func pump[M, A any](work *items, receive func() (M, error), answer func(m M, give func(A) bool), send func(A) error, interrupt func()) error {
	p := &pumping[M, A]{
		work: work, stopping: work.all.stopping, done: make(chan struct{}), answers: make(chan chan A, batchMessages), answer: answer,
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		defer close(p.answers)
		p.failed = p.read(receive)
	}()
	err := p.write(send)
	close(p.done)
	work.cancel()
	if interrupt != nil {
		interrupt()
		<-reading
	}
	p.end()
	return err
}

type pumping[M, A any] struct {
	work     *items
	stopping <-chan struct{}
	done     chan struct{} // closed when nothing more is written
	answers  chan chan A   // of each message in hand, in order
	answer   func(m M, give func(A) bool)
	failed   error // of receive; read once answers is closed

	mu      sync.Mutex // keeps begin from the wait for all
	ended   bool
	running sync.WaitGroup
}

// read receives messages and begins to answer each.
func (p *pumping[M, A]) read(receive func() (M, error)) error {
	for {
		m, err := receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		next := make(chan A, 1)
		select {
		case p.answers <- next:
		case <-p.done:
			return nil
		case <-p.stopping:
			return errStopping
		}
		p.begin(m, next)
	}
}

// begin answers a message beside all others, unless all is over.
func (p *pumping[M, A]) begin(m M, next chan<- A) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		close(next)
		return
	}
	p.running.Go(func() {
		defer close(next)
		p.answer(m, func(a A) bool {
			select {
			case next <- a:
				return true
			case <-p.done:
				return false
			}
		})
	})
}

// end waits for all that was begun.
func (p *pumping[M, A]) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.running.Wait()
	p.work.end()
}

// write sends the answers until there are no more, or the server stops.
func (p *pumping[M, A]) write(send func(A) error) error {
	for {
		select {
		case next, more := <-p.answers:
			if !more {
				return p.failed
			}
			if err := all(next, send); err != nil {
				return err
			}
		case <-p.stopping:
			return p.drain(send)
		}
	}
}

// drain sends the answers that are under way.
func (p *pumping[M, A]) drain(send func(A) error) error {
	for {
		select {
		case next, more := <-p.answers:
			if !more {
				return errStopping
			}
			if err := all(next, send); err != nil {
				return err
			}
		default:
			return errStopping
		}
	}
}

func all[A any](answers <-chan A, send func(A) error) error {
	for a := range answers {
		if err := send(a); err != nil {
			return err
		}
	}
	return nil
}
