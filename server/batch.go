package server

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/decision"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// Bounds of a batch's stream. What is under way at once fills the pipelines to Redis and the log's groups, and no memory.
const (
	batchItems    = 128 // decided at once
	batchMessages = 2   // read and not answered yet, beside the one that is being written
	// shedPause is how long an item waits that found too many calls running, before it is tried again.
	shedPause = 20 * time.Millisecond
)

// errStopping ends streams of a server that stops.
var errStopping = refuse(Overloaded, "the server is stopping: go on with another, or later")

// batchService answers nextbest.v1.BatchService: each item by a call of its own through the interceptors of all calls.
type batchService struct {
	nextbestv1.UnimplementedBatchServiceServer
	calls    *itemCalls
	edge     *edge
	stopping <-chan struct{}
}

// itemCalls makes the calls of items. What a call of another goroutine would copy is handed on here.
type itemCalls struct {
	decisions   nextbestv1.DecisionServiceServer
	interceptor grpc.UnaryServerInterceptor
}

var (
	rankCall     = grpc.UnaryServerInfo{FullMethod: nextbestv1.DecisionService_Rank_FullMethodName}
	sendTimeCall = grpc.UnaryServerInfo{FullMethod: nextbestv1.DecisionService_SendTime_FullMethodName}
)

// rank makes a call of DecisionService.Rank.
func (c *itemCalls) rank(ctx context.Context, m *nextbestv1.RankRequest) (*nextbestv1.RankResponse, error) {
	answer, err := c.interceptor(ctx, m, &rankCall, func(ctx context.Context, m any) (any, error) {
		return c.decisions.Rank(ctx, m.(*nextbestv1.RankRequest))
	})
	if err != nil {
		return nil, err
	}
	return answer.(*nextbestv1.RankResponse), nil
}

// sendTime makes a call of DecisionService.SendTime.
func (c *itemCalls) sendTime(ctx context.Context, m *nextbestv1.SendTimeRequest) (*nextbestv1.SendTimeResponse, error) {
	answer, err := c.interceptor(ctx, m, &sendTimeCall, func(ctx context.Context, m any) (any, error) {
		return c.decisions.SendTime(ctx, m.(*nextbestv1.SendTimeRequest))
	})
	if err != nil {
		return nil, err
	}
	return answer.(*nextbestv1.SendTimeResponse), nil
}

// RankBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) RankBatch(stream grpc.BidiStreamingServer[nextbestv1.RankBatchRequest, nextbestv1.RankBatchResponse]) error {
	items := newItems(stream.Context())
	defer items.close()
	answer := func(m *nextbestv1.RankBatchRequest) *nextbestv1.RankBatchResponse {
		answers := make([]*nextbestv1.RankAnswer, len(m.GetItems()))
		items.each(len(answers), func(ctx context.Context, i int) {
			item := m.GetItems()[i]
			answers[i] = &nextbestv1.RankAnswer{Row: item.GetRow()}
			if reply, f := call(ctx, s.calls.rank, item.GetRequest()); f != nil {
				answers[i].Outcome = &nextbestv1.RankAnswer_Error{Error: itemError(f)}
			} else {
				answers[i].Outcome = &nextbestv1.RankAnswer_Response{Response: reply}
			}
		})
		return &nextbestv1.RankBatchResponse{Answers: answers}
	}
	return s.end(stream.Context(), nextbestv1.BatchService_RankBatch_FullMethodName, pump(s.stopping, stream.Recv, answer, stream.Send))
}

// SendTimeBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) SendTimeBatch(stream grpc.BidiStreamingServer[nextbestv1.SendTimeBatchRequest, nextbestv1.SendTimeBatchResponse]) error {
	items := newItems(stream.Context())
	defer items.close()
	answer := func(m *nextbestv1.SendTimeBatchRequest) *nextbestv1.SendTimeBatchResponse {
		answers := make([]*nextbestv1.SendTimeAnswer, len(m.GetItems()))
		items.each(len(answers), func(ctx context.Context, i int) {
			item := m.GetItems()[i]
			answers[i] = &nextbestv1.SendTimeAnswer{Row: item.GetRow()}
			if reply, f := call(ctx, s.calls.sendTime, item.GetRequest()); f != nil {
				answers[i].Outcome = &nextbestv1.SendTimeAnswer_Error{Error: itemError(f)}
			} else {
				answers[i].Outcome = &nextbestv1.SendTimeAnswer_Response{Response: reply}
			}
		})
		return &nextbestv1.SendTimeBatchResponse{Answers: answers}
	}
	return s.end(stream.Context(), nextbestv1.BatchService_SendTimeBatch_FullMethodName, pump(s.stopping, stream.Recv, answer, stream.Send))
}

// end returns how a stream ended as its caller sees it.
func (s *batchService) end(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	_, err = s.edge.answer(ctx, method, err)
	return err
}

func itemError(f *failure) *nextbestv1.ItemError {
	m := &nextbestv1.ItemError{Reason: string(f.reason), Detail: f.public(), Retry: f.reason.meaning().retry > 0}
	if len(f.violations) > 0 {
		m.Field = f.violations[0].field
	}
	return m
}

// items decides the items of one stream, on goroutines that stay for all of it.
type items struct {
	work chan func(ctx context.Context)
	done sync.WaitGroup
}

func newItems(ctx context.Context) *items {
	s := &items{work: make(chan func(context.Context))}
	ctx = decision.Unhurried(ctx)
	for range batchItems {
		s.done.Go(func() {
			for do := range s.work {
				do(ctx)
			}
		})
	}
	return s
}

// close ends the goroutines. No each may run or follow.
func (s *items) close() {
	close(s.work)
	s.done.Wait()
}

// each calls do for each of n items, as many at once as there are goroutines, and waits for all.
func (s *items) each(n int, do func(ctx context.Context, i int)) {
	var all sync.WaitGroup
	all.Add(n)
	for i := range n {
		s.work <- func(ctx context.Context) {
			defer all.Done()
			do(ctx, i)
		}
	}
	all.Wait()
}

// call makes the call of one item, and makes it again while too many are running: who waits for a batch waits for all of it.
func call[Q, A any](ctx context.Context, method func(context.Context, *Q) (*A, error), request *Q) (*A, *failure) {
	if request == nil {
		return nil, invalidFields([]violation{{"request", "is missing"}})
	}
	for {
		reply, err := method(ctx, request)
		if err == nil {
			return reply, nil
		}
		f := failureOf(status.Convert(err))
		if f.reason != Overloaded || ctx.Err() != nil {
			return nil, f
		}
		wait(ctx, shedPause)
	}
}

// pump answers messages in their order, some of them at once, until there are no more, one fails, or the server stops: then those in hand
// are answered first.
func pump[M, A any](stopping <-chan struct{}, receive func() (M, error), answer func(M) A, send func(A) error) error {
	answers := make(chan chan A, batchMessages)
	done := make(chan struct{})
	var failed error // of receive; read once answers is closed
	var answering answerers
	defer answering.end() // Nothing is under way when pump has returned.
	defer close(done)
	go func() {
		defer close(answers)
		failed = read(stopping, done, receive, answer, answers, &answering)
	}()
	for {
		select {
		case next, more := <-answers:
			if !more {
				return failed
			}
			if err := send(<-next); err != nil {
				return err
			}
		case <-stopping:
			return drain(answers, send)
		}
	}
}

// read receives messages and begins to answer each.
func read[M, A any](stopping, done <-chan struct{}, receive func() (M, error), answer func(M) A, answers chan<- chan A, answering *answerers) error {
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
		case answers <- next:
		case <-done:
			return nil
		case <-stopping:
			return errStopping
		}
		if !answering.begin(func() { next <- answer(m) }) {
			return nil
		}
	}
}

// drain sends the answers that are under way.
func drain[A any](answers <-chan chan A, send func(A) error) error {
	for {
		select {
		case next, more := <-answers:
			if !more {
				return errStopping
			}
			if err := send(<-next); err != nil {
				return err
			}
		default:
			return errStopping
		}
	}
}

// answerers are the goroutines that answer messages of one stream. Receiving may go on after the stream has ended, answering may not.
type answerers struct {
	mu    sync.Mutex
	ended bool
	all   sync.WaitGroup
}

// begin runs f, and reports false where the stream has ended.
func (a *answerers) begin(f func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return false
	}
	a.all.Go(f)
	return true
}

// end waits for those that run, and lets no more begin.
func (a *answerers) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.all.Wait()
}
