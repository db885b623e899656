package jobs

import (
	"errors"
	"time"

	"github.com/nextbest/nextbest/evaluate/report"
)

// Errors of Runner. What is wrong with a Request is a *decision.InputError.
var (
	ErrFull     = errors.New("the queue of evaluations is full")
	ErrNotFound = errors.New("there is no such evaluation")
	ErrClosed   = errors.New("the evaluations are closed")
)

// State is how far an evaluation is.
type State string

// The states. From the last three there is no way on.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

func (s State) ended() bool { return s != Queued && s != Running }

// Evaluation is an evaluation as it was when it was asked for.
type Evaluation struct {
	ID, Loop string
	State    State
	// Progress is the share of the log that has been read, below 1 until the evaluation is done.
	Progress float64
	// Created, Started and Finished are zero where that has not come yet.
	Created, Started, Finished time.Time
	// Problem is why it failed, fit for callers.
	Problem string
	// Result is there once it is done. It is shared: nobody may change it.
	Result *report.Document
}
