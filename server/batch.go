package server

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const (
	// maxAnswerBytes is what an answer's message has at most, beside its last item: clients of gRPC refuse more than 4 MiB.
	maxAnswerBytes = 512 << 10
	// maxEntries bounds the ranked actions of the answers of one message that wait to be sent: of those of a thousand items
	// with a thousand actions, a hundred megabytes would.
	maxEntries = 20_000
)

// batchService answers nextbest.v1.BatchService: each item by a call of its own through the interceptors of all calls.
type batchService struct {
	nextbestv1.UnimplementedBatchServiceServer
	calls   *inProcess
	edge    *edge
	loops   Loops
	batches *batches
}

// RankBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) RankBatch(stream grpc.BidiStreamingServer[nextbestv1.RankBatchRequest, nextbestv1.RankBatchResponse]) error {
	return s.serve(stream, nextbestv1.BatchService_RankBatch_FullMethodName, func(work *items) error {
		answer := func(in *batchMessage[*nextbestv1.RankBatchRequest], give func([]*nextbestv1.RankAnswer) bool) {
			first := 0
			for some := range slices.Chunk(in.message.GetItems(), s.atOnce(in.message)) {
				if !inParts(s.ranks(work, some, in.message.GetServedOnly(), in.unread, first), give) {
					return
				}
				first += len(some)
			}
		}
		receive := func() (*batchMessage[*nextbestv1.RankBatchRequest], error) {
			return receive(stream, &nextbestv1.RankBatchRequest{})
		}
		send := func(as []*nextbestv1.RankAnswer) error {
			return stream.Send(&nextbestv1.RankBatchResponse{Answers: as})
		}
		return pump(work, receive, answer, send, nil)
	})
}

// atOnce is how many items of a message are answered before what they were answered is sent.
func (s *batchService) atOnce(m *nextbestv1.RankBatchRequest) int {
	if m.GetServedOnly() {
		return maxBatchItems
	}
	most := 1
	for _, item := range m.GetItems() {
		r := item.GetRequest()
		actions := len(r.GetActions())
		if def, ok := s.loops.Definition(r.GetLoop()); ok && actions == 0 {
			actions = len(def.Loop.Actions)
		}
		most = max(most, actions*max(len(r.GetSlots()), 1))
	}
	return max(maxEntries/most, 1)
}

// ranks answers some items of a message, the first of which is its item first.
func (s *batchService) ranks(work *items, many []*nextbestv1.RankItem, servedOnly bool, unread map[int]*failure, first int) []*nextbestv1.RankAnswer {
	answers := make([]*nextbestv1.RankAnswer, len(many))
	work.each(len(many), func(ctx context.Context, i int) {
		item, f := many[i], unread[first+i]
		answers[i] = &nextbestv1.RankAnswer{Row: item.GetRow()}
		var reply *nextbestv1.RankResponse
		if f == nil {
			reply, f = call(ctx, work, item.GetRequest(), work.calls.rank)
		}
		if f != nil {
			answers[i].Outcome = &nextbestv1.RankAnswer_Error{Error: itemError(f)}
			return
		}
		if servedOnly {
			cutDown(reply)
		}
		answers[i].Outcome = &nextbestv1.RankAnswer_Response{Response: reply}
	})
	return answers
}

// cutDown leaves of rankings what was served. It keeps no part of the list, which is in memory as a whole.
func cutDown(m *nextbestv1.RankResponse) {
	m.Ranking = served(m.GetRanking())
	for i, slot := range m.GetSlots() {
		if i == 0 {
			slot.Ranking = m.GetRanking()
		} else {
			slot.Ranking = served(slot.GetRanking())
		}
	}
}

func served(ranking []*nextbestv1.RankedAction) []*nextbestv1.RankedAction {
	if len(ranking) == 0 {
		return nil
	}
	first := ranking[0]
	return []*nextbestv1.RankedAction{{Id: first.GetId(), Probability: first.GetProbability(), Score: first.GetScore()}}
}

// SendTimeBatch implements nextbestv1.BatchServiceServer.
func (s *batchService) SendTimeBatch(stream grpc.BidiStreamingServer[nextbestv1.SendTimeBatchRequest, nextbestv1.SendTimeBatchResponse]) error {
	return s.serve(stream, nextbestv1.BatchService_SendTimeBatch_FullMethodName, func(work *items) error {
		answer := func(in *batchMessage[*nextbestv1.SendTimeBatchRequest], give func([]*nextbestv1.SendTimeAnswer) bool) {
			inParts(s.sendTimes(work, in), give)
		}
		receive := func() (*batchMessage[*nextbestv1.SendTimeBatchRequest], error) {
			return receive(stream, &nextbestv1.SendTimeBatchRequest{})
		}
		send := func(as []*nextbestv1.SendTimeAnswer) error {
			return stream.Send(&nextbestv1.SendTimeBatchResponse{Answers: as})
		}
		return pump(work, receive, answer, send, nil)
	})
}

func (s *batchService) sendTimes(work *items, in *batchMessage[*nextbestv1.SendTimeBatchRequest]) []*nextbestv1.SendTimeAnswer {
	many := in.message.GetItems()
	answers := make([]*nextbestv1.SendTimeAnswer, len(many))
	work.each(len(many), func(ctx context.Context, i int) {
		item, f := many[i], in.unread[i]
		answers[i] = &nextbestv1.SendTimeAnswer{Row: item.GetRow()}
		var reply *nextbestv1.SendTimeResponse
		if f == nil {
			reply, f = call(ctx, work, item.GetRequest(), work.calls.sendTime)
		}
		if f != nil {
			answers[i].Outcome = &nextbestv1.SendTimeAnswer_Error{Error: itemError(f)}
			return
		}
		answers[i].Outcome = &nextbestv1.SendTimeAnswer_Response{Response: reply}
	})
	return answers
}

// serve runs a stream, and returns how it ended as its caller sees it. The return ends a read that is under way.
func (s *batchService) serve(stream grpc.ServerStream, method string, run func(*items) error) error {
	ctx := stream.Context()
	leave, err := s.batches.enter()
	if err == nil {
		defer leave()
		err = run(newItems(ctx, s.calls, s.batches))
	}
	if err != nil {
		_, err = s.edge.answer(ctx, method, err)
	}
	return err
}

// inParts gives answers by parts that fit into messages, until they are not wanted.
func inParts[A proto.Message](answers []A, give func([]A) bool) bool {
	from, bytes := 0, 0
	for i, a := range answers {
		if bytes += proto.Size(a); bytes >= maxAnswerBytes || i == len(answers)-1 {
			if !give(answers[from : i+1]) {
				return false
			}
			from, bytes = i+1, 0
		}
	}
	return true
}

func itemError(f *failure) *nextbestv1.ItemError {
	m := &nextbestv1.ItemError{
		Reason: string(f.reason), Detail: f.public(), Retry: f.reason.meaning().retry > 0 || f.reason == DeadlineExceeded,
	}
	if len(f.violations) > 0 {
		m.Field = f.violations[0].field
	}
	return m
}
