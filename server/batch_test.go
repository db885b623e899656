package server

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

func rankItem(row int) *nextbestv1.RankItem {
	id := fmt.Sprint("e-", row)
	return &nextbestv1.RankItem{Row: uint64(row), Request: &nextbestv1.RankRequest{Loop: "shop", EventId: id, UserId: "u-" + id}}
}

func rankItems(from, to int) []*nextbestv1.RankItem {
	var items []*nextbestv1.RankItem
	for row := from; row < to; row++ {
		items = append(items, rankItem(row))
	}
	return items
}

// rankBatch sends messages and returns the answers to all of them.
func rankBatch(t *testing.T, r *running, messages ...*nextbestv1.RankBatchRequest) ([]*nextbestv1.RankAnswer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := nextbestv1.NewBatchServiceClient(r.conn).RankBatch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, m := range messages {
			if stream.Send(m) != nil {
				return // Recv says why.
			}
		}
		_ = stream.CloseSend()
	}()
	var answers []*nextbestv1.RankAnswer
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		answers = append(answers, m.GetAnswers()...)
	}
}

// Items that are refused are refused each for itself: all others are answered as by single calls, in order.
func TestABatchWithBadItems(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	items := rankItems(0, 1000)
	items[100].Request.Loop = "nowhere"
	items[200].Request.EventId = strings.Repeat("x", 200)
	items[300].Request = nil
	items[400].Request.Context = map[string]*structpb.Value{"device": value(5)}
	items[500].Request.EventId = items[499].Request.EventId // of another user
	answers, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: items[:600]}, &nextbestv1.RankBatchRequest{Items: items[600:]})
	if err != nil || len(answers) != 1000 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	refused := map[int]struct {
		reason Reason
		field  string
	}{100: {UnknownLoop, ""}, 200: {InvalidField, "eventId"}, 300: {InvalidField, "request"}, 400: {InvalidField, "context.device"}, 500: {EventConflict, ""}}
	for row, a := range answers {
		if a.GetRow() != uint64(row) {
			t.Fatalf("answer %d is to row %d", row, a.GetRow())
		}
		want, bad := refused[row]
		if !bad {
			// Of two with the same id at once, either may be the first.
			if a.GetError() != nil && row != 499 || a.GetError() == nil && a.GetResponse().GetEventId() != items[row].GetRequest().GetEventId() {
				t.Errorf("row %d: %v", row, a)
			}
			continue
		}
		if e := a.GetError(); row != 500 && (e.GetReason() != string(want.reason) || e.GetField() != want.field || e.GetRetry()) {
			t.Errorf("row %d: %v", row, a)
		}
	}
	if (answers[499].GetError() == nil) == (answers[500].GetError() == nil) {
		t.Errorf("two requests had the same event id: %v, %v", answers[499], answers[500])
	}
}

// What a batch decided is what a single call gets for the same event, and the other way round; the log has it once.
func TestABatchDecidesAsSingleCallsDo(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	before, err := r.decisions().Rank(t.Context(), rankItem(7).GetRequest())
	if err != nil {
		t.Fatal(err)
	}
	answers, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: rankItems(0, 20)}, &nextbestv1.RankBatchRequest{Items: rankItems(0, 20)})
	if err != nil || len(answers) != 40 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	if !proto.Equal(answers[7].GetResponse(), before) {
		t.Errorf("the batch has %v, the single call had %v", answers[7].GetResponse(), before)
	}
	for row := range 20 {
		after, err := r.decisions().Rank(t.Context(), rankItem(row).GetRequest())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []*nextbestv1.RankAnswer{answers[row], answers[20+row]} {
			if !proto.Equal(a.GetResponse(), after) {
				t.Errorf("row %d: the batch had %v, a single call has %v", row, a, after)
			}
		}
		if n := len(w.entries("shop", after.GetEventId())); n != 1 {
			t.Errorf("row %d is %d times in the log", row, n)
		}
	}
}

func TestServedOnlyKeepsTheProbability(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	items := rankItems(0, 3)
	items[1].Request.Slots = []*nextbestv1.Slot{{Id: "top"}, {Id: "side"}}
	full, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: items})
	if err != nil {
		t.Fatal(err)
	}
	brief, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: items, ServedOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		want := full[i].GetResponse()
		want.Ranking = want.Ranking[:1]
		for _, s := range want.GetSlots() {
			s.Ranking = s.Ranking[:1]
		}
		if !proto.Equal(brief[i].GetResponse(), want) {
			t.Errorf("row %d: %v, want %v", i, brief[i].GetResponse(), want)
		}
	}
}

// Answers are split into messages that clients of gRPC take, whatever their size: here 25 MB.
func TestLargeAnswersFitIntoMessages(t *testing.T) {
	w := newWorld()
	var many []decision.Action
	for i := range 500 {
		many = append(many, decision.Action{ID: fmt.Sprintf("an-action-with-a-long-name-%04d", i)})
	}
	wide := *w.loops["shop"].Loop
	wide.Actions = many
	w.loops["shop"] = &learn.Definition{Loop: &wide, Reward: w.loops["shop"].Reward}
	r := serve(t, testConfig(), w.deps())
	answers, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: rankItems(0, 1000)})
	if err != nil || len(answers) != 1000 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for row, a := range answers {
		if a.GetRow() != uint64(row) || len(a.GetResponse().GetRanking()) != 500 {
			t.Fatalf("answer %d: row %d, %d actions", row, a.GetRow(), len(a.GetResponse().GetRanking()))
		}
	}
}

func TestAnItemThatIsNotUTF8(t *testing.T) {
	var m []byte
	for row := range 3 {
		item, err := proto.Marshal(rankItem(row))
		if err != nil {
			t.Fatal(err)
		}
		if row == 1 {
			item = []byte(strings.Replace(string(item), "u-e-", "u-\xff\xfe", 1))
		}
		m = protowire.AppendTag(m, itemsNumber, protowire.BytesType)
		m = protowire.AppendBytes(m, item)
	}
	into := &nextbestv1.RankBatchRequest{}
	if proto.Unmarshal(m, into) == nil {
		t.Fatal("the message can be decoded")
	}
	unread, err := salvage(into, m)
	if err != nil || len(unread) != 1 || unread[1].reason != MalformedMessage {
		t.Fatalf("%v, %v", unread, err)
	}
	for row, item := range into.GetItems() {
		if item.GetRow() != uint64(row) || (item.GetRequest() == nil) != (row == 1) {
			t.Errorf("item %d: %v", row, item)
		}
	}
	for n := range m { // Whatever is cut off, nothing panics.
		_, _ = salvage(&nextbestv1.RankBatchRequest{}, m[:n])
	}
}

func TestTooManyItemsEndTheStream(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	_, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: rankItems(0, 1001)})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "items") {
		t.Errorf("%v", err)
	}
}

// Who does not read is not decided for: what is in hand stays bounded, and goes on when it is read.
func TestASlowReaderHoldsUpItsBatch(t *testing.T) {
	deps := decidedWorld(t).deps()
	var decided atomic.Int64
	deps.Decider = countingDecider{deps.Decider, &decided}
	r := serve(t, testConfig(), deps)
	stream, err := nextbestv1.NewBatchServiceClient(r.conn).RankBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const messages, each = 600, 100 // about 30 MB of answers
	go func() {
		for k := range messages {
			if stream.Send(&nextbestv1.RankBatchRequest{Items: rankItems(k*each, (k+1)*each)}) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	var before int64 = -1
	for now := decided.Load(); now != before || now == 0; now = decided.Load() {
		before = now
		time.Sleep(300 * time.Millisecond)
	}
	// The windows of the connection hold some of the answers.
	if before > messages*each/2 {
		t.Errorf("%d of %d were decided although nobody reads", before, messages*each)
	}
	next := uint64(0)
	for next < messages*each {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range m.GetAnswers() {
			if a.GetRow() != next || a.GetResponse() == nil {
				t.Fatalf("%v instead of row %d", a, next)
			}
			next++
		}
	}
}

type countingDecider struct {
	Decider
	n *atomic.Int64
}

func (d countingDecider) Rank(ctx context.Context, r *decision.Request) (*decision.Record, error) {
	d.n.Add(1)
	return d.Decider.Rank(ctx, r)
}

// A batch takes half of the calls that may run at once, so that single calls go on being answered.
func TestABatchLeavesRoomForSingleCalls(t *testing.T) {
	w := newWorld()
	deps := w.deps()
	real := deps.Decider
	var running, most atomic.Int64
	block, full := make(chan struct{}), make(chan struct{}, 1)
	w.rank = func(ctx context.Context, q *decision.Request) (*decision.Record, error) {
		if q.UserID == "alone" {
			return real.(decider).real.Rank(ctx, q)
		}
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if now == 4 {
			select {
			case full <- struct{}{}:
			default:
			}
		}
		select {
		case <-block:
		case <-ctx.Done():
		}
		return real.(decider).real.Rank(ctx, q)
	}
	config := testConfig()
	config.MaxInFlight, config.DefaultDeadline = 8, 30*time.Second
	r := serve(t, config, deps)
	done := make(chan error, 1)
	go func() {
		answers, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: rankItems(0, 50)})
		for _, a := range answers {
			if a.GetError() != nil && err == nil {
				err = fmt.Errorf("row %d: %v", a.GetRow(), a.GetError())
			}
		}
		done <- err
	}()
	<-full
	for range 20 {
		if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop", UserId: "alone"}); err != nil {
			t.Fatal(err)
		}
	}
	close(block)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := most.Load(); n != 4 {
		t.Errorf("%d items of the batch ran at once", n)
	}
}

// A server that stops answers what it has in hand, and says that it stops. What it has answered, it has logged.
func TestABatchOfAServerThatStops(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	stream, err := nextbestv1.NewBatchServiceClient(r.conn).RankBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&nextbestv1.RankBatchRequest{Items: rankItems(0, 100)}); err != nil {
		t.Fatal(err)
	}
	answered := 0
	for answered < 100 {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		answered += len(m.GetAnswers())
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.srv.Shutdown(context.Background()) }()
	for {
		m, err := stream.Recv()
		if err != nil {
			if f := failureOf(status.Convert(err)); status.Code(err) != codes.Unavailable || f.reason != Overloaded {
				t.Errorf("the stream ends with %v", err)
			}
			break
		}
		answered += len(m.GetAnswers())
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server did not stop cleanly: %v", err)
	}
	if w.mu.Lock(); len(w.history) != answered {
		t.Errorf("%d answers, %d in the log", answered, len(w.history))
	}
	w.mu.Unlock()
}

func TestTooManyBatchesAreRefused(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	client := nextbestv1.NewBatchServiceClient(r.conn)
	for range maxStreams {
		stream, err := client.RankBatch(t.Context())
		if err == nil {
			err = stream.Send(&nextbestv1.RankBatchRequest{Items: rankItems(0, 1)})
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := rankBatch(t, r, &nextbestv1.RankBatchRequest{Items: rankItems(0, 1)})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("one more: %v", err)
	}
	if _, err := r.decisions().Rank(t.Context(), rankItem(0).GetRequest()); err != nil {
		t.Errorf("a single call: %v", err)
	}
}

// An item costs the edge few allocations, the client's share of the stream included: 49 when this was written. The decision
// itself is not in it.
func TestAnItemsAllocations(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("what counts coverage allocates")
	}
	r := serve(t, testConfig(), decidedWorld(t).deps())
	ask := func(n int) {
		var messages []*nextbestv1.RankBatchRequest
		for range n {
			messages = append(messages, &nextbestv1.RankBatchRequest{Items: rankItems(0, 500), ServedOnly: true})
		}
		if _, err := rankBatch(t, r, messages...); err != nil {
			t.Fatal(err)
		}
	}
	ask(1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ask(10)
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / 5000; each > 65 {
		t.Errorf("%.0f allocations for an item", each)
	} else {
		t.Logf("%.0f allocations for an item", each)
	}
}
