package report

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nextbest/nextbest/ope"
)

// Rows is where samples come from: a table, or the service's own log.
type Rows interface {
	// Policies returns the names of the evaluated policies.
	Policies() []string
	// Columns returns the fields that every sample has.
	Columns() ope.Columns
	// Next returns a sample for each policy, or io.EOF. They are the caller's until the next call.
	Next(ctx context.Context) ([]ope.Sample, error)
	// Refused returns the error of a sample that is not what it must be, with its place.
	Refused(err *ope.FieldError) error
	// Progress returns how far the rows have been read, in any unit.
	Progress() (done, total int64)
	// Actions returns the names of the actions by number, of those that were read.
	Actions() []string
	// Describe returns what was read, and of each policy what is known beside its samples, once all has been read.
	Describe() (Source, []ope.Known)
}

// Choices are what to evaluate, and how.
type Choices struct {
	Specs   []ope.Spec
	Options ope.Options
	// RewardsGiven is set where Options.Rewards is what somebody says of this log: a reward outside it is then refused. A range
	// that the loop states is that of its present file, and the log may be older.
	RewardsGiven bool
	// Slots also evaluates each slot by itself; not of slates.
	Slots bool
	// Progress is called now and then; it may be nil.
	Progress func(done, total int64)
}

// DefaultEstimators returns those that most readers will want to compare; the ones that need a model are not computable
// without it.
func DefaultEstimators() []string { return []string{"ips", "snips", "dm", "dr", "sndr"} }

// mostSlots bounds how many slots are evaluated by themselves.
const mostSlots = 100

// progressEvery is after how many rows progress is told, and a context is asked.
const progressEvery = 4096

// evaluating is the evaluation of one policy.
type evaluating struct {
	whole *ope.Evaluation
	slots []*ope.Evaluation // by position, nil where none was seen
}

// Make reads all rows and describes what was found. It ends with ctx, also in the bootstrap.
func Make(ctx context.Context, rows Rows, c Choices) (*Document, error) {
	c.stopWith(ctx)
	policies := make([]evaluating, len(rows.Policies()))
	for i := range policies {
		var err error
		if policies[i].whole, err = ope.New(rows.Columns(), c.Specs, c.Options); err != nil {
			return nil, err
		}
	}
	if err := addAll(ctx, rows, c, policies); err != nil {
		return nil, err
	}
	d := document(rows, c, policies)
	if err := ctx.Err(); err != nil { // What a bootstrap that was stopped has found is worth nothing.
		return nil, err
	}
	return d, nil
}

// stopWith ends the bootstrap when ctx is done, where the caller has no way of its own.
func (c *Choices) stopWith(ctx context.Context) {
	if c.Options.Bootstrap.Between == nil {
		c.Options.Bootstrap.Between = func() bool { return ctx.Err() == nil }
	}
}

func addAll(ctx context.Context, rows Rows, c Choices, policies []evaluating) error {
	return c.untilEOF(ctx, rows.Progress, func() error {
		samples, err := rows.Next(ctx)
		if err != nil {
			return err
		}
		for i := range samples {
			if err := policies[i].add(&samples[i], rows.Columns(), c); err != nil {
				return placed(rows, err)
			}
		}
		return nil
	})
}

// untilEOF takes one step after the other until there are no more, which io.EOF says.
func (c *Choices) untilEOF(ctx context.Context, progress func() (done, total int64), step func() error) error {
	for n := 0; ; n++ {
		if n%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if c.Progress != nil {
				c.Progress(progress())
			}
		}
		if err := step(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func placed(rows Rows, err error) error {
	var field *ope.FieldError
	if errors.As(err, &field) {
		return rows.Refused(field)
	}
	return err
}

func (e *evaluating) add(s *ope.Sample, given ope.Columns, c Choices) error {
	if err := c.checkReward(s.Reward); err != nil {
		return err
	}
	if err := e.whole.Add(s); err != nil {
		return err
	}
	if !c.Slots || !given.Has(ope.HasPosition) || s.Position < 0 || s.Position >= mostSlots {
		return nil
	}
	for s.Position >= len(e.slots) {
		e.slots = append(e.slots, nil)
	}
	if e.slots[s.Position] == nil {
		slot, err := ope.New(given, c.Specs, c.Options)
		if err != nil {
			return err
		}
		e.slots[s.Position] = slot
	}
	return e.slots[s.Position].Add(s)
}

// checkReward refuses a reward outside the range that was given. What is not a number is left to the evaluation.
func (c *Choices) checkReward(reward float64) error {
	least, most := c.Options.Rewards.Least, c.Options.Rewards.Most
	if !c.RewardsGiven || !(reward < least || reward > most) {
		return nil
	}
	return &ope.FieldError{
		Field: "reward", Value: reward, Wanted: fmt.Sprintf("between %v and %v, as --reward-min and --reward-max say", least, most),
	}
}

func document(rows Rows, c Choices, policies []evaluating) *Document {
	d := &Document{Alpha: c.Options.Alpha}
	var known []ope.Known
	d.Source, known = rows.Describe()
	actions := rows.Actions()
	for i, name := range rows.Policies() {
		r := policies[i].whole.Result(known[i])
		p := NewPolicy(name, &r, actions)
		for position, slot := range policies[i].slots {
			if slot != nil {
				r := slot.Result(ope.Known{})
				p.Slots = append(p.Slots, NewSlot(position, &r))
			}
		}
		d.Policies = append(d.Policies, p)
	}
	d.Policy = d.Policies[0]
	if len(d.Policies) == 1 {
		d.Policies = nil
	}
	return d
}
