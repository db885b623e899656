package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/evaluate/report"
)

// work runs what waits, one after the other, until nothing does.
func (r *Runner) work() {
	for {
		ctx, j, p := r.next()
		if j == nil {
			return
		}
		document, err := r.attempt(ctx, j, p)
		r.finish(ctx, j, document, err)
	}
}

// next takes the next job, or says under the same lock that nobody does any more.
func (r *Runner) next() (context.Context, *job, *plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = nil
	if len(r.waiting) == 0 {
		r.busy = false
		return nil, nil, nil
	}
	j := r.waiting[0]
	r.waiting, r.current = r.waiting[1:], j
	ctx, cancel := context.WithTimeout(r.base, r.options.Limit)
	j.State, j.Started, j.cancel = Running, r.options.Now(), cancel
	return ctx, j, j.plan
}

// attempt evaluates. A panic fails the one evaluation: decisions are served by the same process.
func (r *Runner) attempt(ctx context.Context, j *job, p *plan) (document *report.Document, err error) {
	defer func() {
		if value := recover(); value != nil {
			r.options.Logger.Error("evaluation panicked", "id", j.ID, "loop", j.Loop, "panic", value, "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return r.evaluate(ctx, p, func(share float64) { r.progress(j, share) })
}

var errPanicked = errors.New("the evaluation failed by a mistake of the program")

// almost is what progress ends at before the evaluation has.
const almost = 0.99

func (r *Runner) progress(j *job, share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !j.State.ended() {
		j.Progress = max(j.Progress, min(share, almost))
	}
}

func (r *Runner) finish(ctx context.Context, j *job, document *report.Document, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = ctx.Err() // What a bootstrap that was stopped has found is worth nothing.
	}
	switch {
	case j.State.ended():
	case err == nil:
		j.Progress, j.Result = 1, document
		r.end(j, Done)
	default:
		j.Problem = r.problem(err)
		r.end(j, Failed)
		r.options.Logger.Warn("evaluation failed", "id", j.ID, "loop", j.Loop, "error", err)
	}
}

// problem returns what callers are told. Errors of the disk name paths that are none of their business.
func (r *Runner) problem(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("took longer than %v: evaluate fewer policies, or a shorter time", r.options.Limit)
	case errors.As(err, &path):
		return "the event log cannot be read"
	}
	return err.Error()
}

// end ends a job that has not ended, and drops the oldest of too many that have. The caller holds the lock.
func (r *Runner) end(j *job, as State) {
	if j.State.ended() {
		return
	}
	if j.cancel != nil {
		j.cancel()
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(w *job) bool { return w == j })
	j.State, j.Finished, j.plan = as, r.options.Now(), nil
	ended := 0
	for _, k := range r.kept {
		if k.State.ended() {
			ended++
		}
	}
	r.kept = slices.DeleteFunc(r.kept, func(k *job) bool {
		drop := ended > r.options.Keep && k.State.ended()
		if drop {
			ended--
		}
		return drop
	})
}

// breath is after how much work, in records or rounds, others are let run, and a context is asked.
const breath = 32

// evaluateLog is the evaluator over the event log.
func (r *Runner) evaluateLog(ctx context.Context, p *plan, progress func(float64)) (*report.Document, error) {
	options, choices := p.options, p.choices
	options.Data = r.options.Data
	options.Between = between(progress)
	log, err := evaluate.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // It was only read.
	if problem := tooMuch(len(log.Candidates()), &choices); problem != "" {
		return nil, errors.New("policies: " + problem)
	}
	rows := &report.LogRows{Log: log, Loop: options.Loop}
	choices.Options.Rewards = rows.Range()
	choices.Options.Bootstrap.Workers = r.options.Workers
	choices.Options.Bootstrap.Between = func() bool {
		runtime.Gosched()
		return ctx.Err() == nil
	}
	return report.Make(ctx, rows, choices)
}

// between lets others run, and shows how far the reading is ten times a second at most.
func between(progress func(float64)) func(done, total uint64) {
	n, shown := 0, time.Time{}
	return func(done, total uint64) {
		if n++; n%breath != 0 {
			return
		}
		runtime.Gosched()
		if now := time.Now(); now.Sub(shown) > 100*time.Millisecond && total > 0 {
			shown = now
			progress(float64(done) / float64(total))
		}
	}
}
