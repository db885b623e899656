package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/grpc"

	"github.com/nextbest/nextbest/batch"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const (
	rowsPerPart    = 20_000
	rowsPerMessage = 500
	messagesAhead  = 4           // sent and not answered
	batchPatience  = time.Minute // without an answer to anything, before a run gives up
)

// part is some users with what is decided for them.
type part struct {
	users   []batch.User
	decided []batch.Decided
	open    []int // indexes of users without an answer
}

func newPart(o *batchOptions, users []batch.User) *part {
	p := &part{users: users, decided: make([]batch.Decided, len(users))}
	for i := range users {
		u, d := &users[i], &p.decided[i]
		d.Row, d.UserID = u.Row, u.UserID
		if u.Err != nil {
			d.Reason, d.Detail = "ROW", u.Err.Error()
			continue
		}
		d.EventID = o.eventID(u)
		p.open = append(p.open, i)
	}
	return p
}

// decideRows decides rows of a part over a stream of its own, and notes the answers in the part. retry are the rows that are to be asked
// for again; with an error, those without an answer are as well.
type decideRows interface {
	decide(ctx context.Context, p *part, rows []int) (retry []int, err error)
}

// planning runs a batch: one part is read, one decided and one written at the same time.
type planning struct {
	o        *batchOptions
	users    *batch.Rows
	plan     *batch.Plan
	decide   decideRows
	progress *progressLine
}

func (p *planning) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	read, write, written := make(chan *part), make(chan *part), make(chan struct{})
	go func() {
		defer close(read)
		if err := p.read(ctx, read); err != nil {
			stop(err)
		}
	}()
	go func() {
		defer close(written)
		for part := range write {
			if err := p.write(part); err != nil {
				stop(err)
			}
		}
	}()
	for part := range read {
		if err := p.answer(ctx, part); err != nil {
			stop(err)
			continue // what is read is let go
		}
		write <- part
	}
	close(write)
	<-written
	return context.Cause(ctx)
}

// read reads the users by parts.
func (p *planning) read(ctx context.Context, to chan<- *part) error {
	for {
		users := make([]batch.User, 0, rowsPerPart)
		var end error
		for len(users) < rowsPerPart && end == nil {
			var u batch.User
			if u, end = p.users.Next(); end == nil {
				users = append(users, u)
			}
		}
		if end != nil && !errors.Is(end, io.EOF) {
			return fmt.Errorf("%s: %w", p.o.in, end)
		}
		if len(users) > 0 {
			select {
			case to <- newPart(p.o, users):
			case <-ctx.Done():
				return nil
			}
		}
		if end != nil {
			return nil
		}
	}
}

// write adds a part to the plan, unless an earlier one is missing.
func (p *planning) write(part *part) error {
	if int64(part.users[0].Row) != p.plan.Rows()+1 {
		return nil
	}
	if err := p.plan.Add(part.decided); err != nil {
		return err
	}
	p.progress.add(len(part.users))
	if n := p.plan.Counts().Errors; p.o.maxErrors > 0 && n > p.o.maxErrors {
		return fmt.Errorf("%d rows were refused, more than --max-errors %d", n, p.o.maxErrors)
	}
	return nil
}

// answer has every row of a part decided. What may go well later is asked for again, for as long as anything is answered.
func (p *planning) answer(ctx context.Context, part *part) error {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = 10 * time.Second
	last := time.Now()
	for len(part.open) > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		before := len(part.open)
		retry, err := p.decide.decide(ctx, part, part.open)
		part.open = retry
		if len(retry) == 0 {
			return nil
		}
		if len(retry) < before {
			last = time.Now()
			pause.Reset()
		}
		if time.Since(last) > batchPatience {
			return fmt.Errorf("%d rows have had no answer for %v: %w", len(retry), batchPatience, errors.Join(err, errNoAnswer))
		}
		sleepFor(ctx, pause.NextBackOff())
	}
	return nil
}

var errNoAnswer = errors.New("the service does not decide them now")

func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// exchange sends rows by messages over a stream, and takes their answers, which come in the same order.
func exchange[Q, A any](ctx context.Context, open func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Q, A], error), p *part, rows []int, ask func(rows []int) *Q, take func(rows []int, answer *A) (retry []int, err error)) (retry []int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := open(ctx)
	if err != nil {
		return rows, err
	}
	sent := make(chan []int, messagesAhead)
	go func() {
		defer close(sent)
		for rest := rows; len(rest) > 0; {
			n := min(len(rest), rowsPerMessage)
			select {
			case sent <- rest[:n]:
			case <-ctx.Done():
				return
			}
			if stream.Send(ask(rest[:n])) != nil {
				return // Recv says why.
			}
			rest = rest[n:]
		}
		_ = stream.CloseSend()
	}()
	answered := 0
	for asked := range sent {
		answer, err := stream.Recv()
		if err != nil {
			return append(retry, rows[answered:]...), err
		}
		again, err := take(asked, answer)
		if err != nil {
			return append(retry, rows[answered:]...), err
		}
		answered += len(asked)
		retry = append(retry, again...)
	}
	if answered < len(rows) {
		return append(retry, rows[answered:]...), ctx.Err()
	}
	return retry, nil
}

// refused notes why a row has no decision, and reports whether it is to be asked for again.
func (d *decidedRow) refused(e *nextbestv1.ItemError) bool {
	if e.GetRetry() {
		return true
	}
	d.Reason, d.Detail = e.GetReason(), e.GetDetail()
	return false
}

type decidedRow batch.Decided

// ranks decides by RankBatch.
type ranks struct {
	o      *batchOptions
	client nextbestv1.BatchServiceClient
}

func (r *ranks) decide(ctx context.Context, p *part, rows []int) ([]int, error) {
	ask := func(rows []int) *nextbestv1.RankBatchRequest {
		m := &nextbestv1.RankBatchRequest{Items: make([]*nextbestv1.RankItem, len(rows))}
		for k, i := range rows {
			u := &p.users[i]
			m.Items[k] = &nextbestv1.RankItem{Row: uint64(i), Request: &nextbestv1.RankRequest{
				Loop: r.o.loop, EventId: p.decided[i].EventID, UserId: u.UserID, Context: u.Context, DeferActivation: r.o.deferred,
			}}
		}
		return m
	}
	take := func(rows []int, m *nextbestv1.RankBatchResponse) (retry []int, err error) {
		if len(m.GetAnswers()) != len(rows) {
			return nil, errAnswers
		}
		for k, a := range m.GetAnswers() {
			d := &p.decided[rows[k]]
			if e := a.GetError(); e != nil {
				if (*decidedRow)(d).refused(e) {
					retry = append(retry, rows[k])
				}
				continue
			}
			x := a.GetResponse()
			d.ActionID, d.Arm, d.SnapshotID, d.Fallback = x.GetRewardActionId(), x.GetArm(), x.GetSnapshotId(), x.GetFallback()
			if !x.GetLogged() {
				d.EventID = ""
			}
			if first := x.GetRanking(); len(first) > 0 {
				d.Probability, d.Score = first[0].GetProbability(), first[0].GetScore()
			}
		}
		return retry, nil
	}
	return exchange(ctx, r.client.RankBatch, p, rows, ask, take)
}

var errAnswers = errors.New("the service has answered another number of rows than it was asked for")

// sendTimes decides by SendTimeBatch.
type sendTimes struct {
	o      *batchOptions
	client nextbestv1.BatchServiceClient
}

func (s *sendTimes) decide(ctx context.Context, p *part, rows []int) ([]int, error) {
	ask := func(rows []int) *nextbestv1.SendTimeBatchRequest {
		m := &nextbestv1.SendTimeBatchRequest{Items: make([]*nextbestv1.SendTimeItem, len(rows))}
		for k, i := range rows {
			m.Items[k] = &nextbestv1.SendTimeItem{Row: uint64(i), Request: s.o.sendTimeRequest(&p.users[i])}
		}
		return m
	}
	take := func(rows []int, m *nextbestv1.SendTimeBatchResponse) (retry []int, err error) {
		if len(m.GetAnswers()) != len(rows) {
			return nil, errAnswers
		}
		for k, a := range m.GetAnswers() {
			d := &p.decided[rows[k]]
			if e := a.GetError(); e != nil {
				if (*decidedRow)(d).refused(e) {
					retry = append(retry, rows[k])
				}
				continue
			}
			x := a.GetResponse()
			d.ActionID, d.Arm, d.SnapshotID, d.Fallback = x.GetLocal(), x.GetArm(), x.GetSnapshotId(), x.GetFallback()
			d.Probability, d.Score, d.TimeZone = x.GetProbability(), x.GetScore(), x.GetTimeZone()
			if at := x.GetSendAt(); at != nil {
				d.SendAt, d.SendAtText = at.AsTime().UnixMilli(), at.AsTime().Format(time.RFC3339)
			}
			if !x.GetLogged() {
				d.EventID = ""
			}
		}
		return retry, nil
	}
	return exchange(ctx, s.client.SendTimeBatch, p, rows, ask, take)
}
