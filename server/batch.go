package server

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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
	calls    grpc.ClientConnInterface
	edge     *edge
	stopping <-chan struct{}
}

// RankBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) RankBatch(stream grpc.BidiStreamingServer[nextbestv1.RankBatchRequest, nextbestv1.RankBatchResponse]) error {
	items := newItems(stream.Context(), s.calls)
	answer := func(m *nextbestv1.RankBatchRequest) *nextbestv1.RankBatchResponse {
		answers := make([]*nextbestv1.RankAnswer, len(m.GetItems()))
		items.each(len(answers), func(ctx context.Context, i int) {
			item, reply := m.GetItems()[i], new(nextbestv1.RankResponse)
			answers[i] = &nextbestv1.RankAnswer{Row: item.GetRow(), Outcome: &nextbestv1.RankAnswer_Response{Response: reply}}
			if f := items.call(ctx, nextbestv1.DecisionService_Rank_FullMethodName, item.GetRequest(), item.GetRequest() == nil, reply); f != nil {
				answers[i].Outcome = &nextbestv1.RankAnswer_Error{Error: itemError(f)}
			}
		})
		return &nextbestv1.RankBatchResponse{Answers: answers}
	}
	return s.end(stream.Context(), nextbestv1.BatchService_RankBatch_FullMethodName, pump(s.stopping, stream.Recv, answer, stream.Send))
}

// SendTimeBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) SendTimeBatch(stream grpc.BidiStreamingServer[nextbestv1.SendTimeBatchRequest, nextbestv1.SendTimeBatchResponse]) error {
	items := newItems(stream.Context(), s.calls)
	answer := func(m *nextbestv1.SendTimeBatchRequest) *nextbestv1.SendTimeBatchResponse {
		answers := make([]*nextbestv1.SendTimeAnswer, len(m.GetItems()))
		items.each(len(answers), func(ctx context.Context, i int) {
			item, reply := m.GetItems()[i], new(nextbestv1.SendTimeResponse)
			answers[i] = &nextbestv1.SendTimeAnswer{Row: item.GetRow(), Outcome: &nextbestv1.SendTimeAnswer_Response{Response: reply}}
			if f := items.call(ctx, nextbestv1.DecisionService_SendTime_FullMethodName, item.GetRequest(), item.GetRequest() == nil, reply); f != nil {
				answers[i].Outcome = &nextbestv1.SendTimeAnswer_Error{Error: itemError(f)}
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

// items decides the items of one stream.
type items struct {
	ctx   context.Context
	calls grpc.ClientConnInterface
	room  chan struct{} // one for each that is being decided
}

func newItems(ctx context.Context, calls grpc.ClientConnInterface) *items {
	return &items{ctx: decision.Unhurried(ctx), calls: calls, room: make(chan struct{}, batchItems)}
}

// each calls do for each of n items, as many at once as there is room for, and waits for all.
func (s *items) each(n int, do func(ctx context.Context, i int)) {
	var all sync.WaitGroup
	for i := range n {
		s.room <- struct{}{}
		all.Go(func() {
			defer func() { <-s.room }()
			do(s.ctx, i)
		})
	}
	all.Wait()
}

// call makes the call of one item, and makes it again while too many are running: who waits for a batch waits for all of it.
func (s *items) call(ctx context.Context, method string, request proto.Message, none bool, reply proto.Message) *failure {
	if none {
		return invalidFields([]violation{{"request", "is missing"}})
	}
	for {
		err := s.calls.Invoke(ctx, method, request, reply)
		if err == nil {
			return nil
		}
		f := failureOf(status.Convert(err))
		if f.reason != Overloaded || ctx.Err() != nil {
			return f
		}
		wait(ctx, shedPause)
	}
}

// pump answers messages in their order, some of them at once, until there are no more, one fails, or the server stops: then those in hand
// are answered first.
func pump[M, A any](stopping <-chan struct{}, receive func() (M, error), answer func(M) A, send func(A) error) error {
	answers := make(chan chan A, batchMessages)
	done := make(chan struct{})
	defer close(done)
	var failed error // of receive; read once answers is closed
	go func() {
		defer close(answers)
		failed = read(stopping, done, receive, answer, answers)
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
func read[M, A any](stopping, done <-chan struct{}, receive func() (M, error), answer func(M) A, answers chan<- chan A) error {
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
		go func() { next <- answer(m) }()
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
