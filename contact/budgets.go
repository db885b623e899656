package contact

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/nextbest/nextbest/decision"
)

// Budgets counts what a loop's budgets have spent in a day. Amounts are held before an event is decided, so that events at
// once do not pass a limit together. Days before yesterday are forgotten: no zone is more than a day behind another.
//
// Replicas tell each other what they have spent a few times a second (Follow): together they can pass a limit by what they
// spend in between.
type Budgets struct {
	mu   sync.Mutex
	days map[day]*spending
}

type day struct{ loop, date string }

// spending is a day of a loop, by name of the budget.
type spending struct {
	settled map[string]float64 // by this process
	held    map[string]float64 // for events that are being decided
	others  map[string]float64 // by other processes, as far as they have told
}

var _ decision.Budgets = (*Budgets)(nil)

// NewBudgets returns ones that have spent nothing.
func NewBudgets() *Budgets { return &Budgets{days: make(map[day]*spending)} }

// Hold implements decision.Budgets.
func (b *Budgets) Hold(loop, date string, names []string, amounts []float64) (spent []float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.of(loop, date)
	spent = make([]float64, len(names))
	for i, name := range names {
		spent[i] = of.spent(name)
		of.held[name] += amounts[i]
	}
	return spent
}

// Settle implements decision.Budgets.
func (b *Budgets) Settle(loop, date string, names []string, held, spent []float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.of(loop, date)
	for i, name := range names {
		of.held[name] -= held[i]
		of.settled[name] += spent[i]
	}
}

// Restore adds what the log says was spent.
func (b *Budgets) Restore(loop, date, name string, amount float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(loop, date).settled[name] += amount
}

// Spent returns what a budget has spent, holds included.
func (b *Budgets) Spent(loop, date, name string) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(loop, date).spent(name)
}

func (s *spending) spent(name string) float64 { return s.settled[name] + s.held[name] + s.others[name] }

// of returns a day's amounts, and forgets what is long past. b.mu is held.
func (b *Budgets) of(loop, date string) *spending {
	d := day{loop, date}
	of := b.days[d]
	if of == nil {
		of = &spending{settled: make(map[string]float64), held: make(map[string]float64)}
		b.days[d] = of
		b.forget(loop)
	}
	return of
}

// keptDays are the newest dates that a loop's amounts are kept for.
const keptDays = 3

func (b *Budgets) forget(loop string) {
	for {
		n, oldest := 0, ""
		for d := range b.days {
			if d.loop != loop {
				continue
			}
			if n++; oldest == "" || d.date < oldest {
				oldest = d.date
			}
		}
		if n <= keptDays {
			return
		}
		delete(b.days, day{loop, oldest})
	}
}

// SharedBudgets is a memory that several processes have in common.
type SharedBudgets interface {
	// TellSpent puts what this replica has spent in a day in the place of what it told before, and returns what all others
	// have. The same again changes nothing.
	TellSpent(ctx context.Context, loop, date, replica string, own map[string]float64) (others map[string]float64, err error)
}

// shareEvery is how often replicas tell each other.
const shareEvery = 200 * time.Millisecond

// Follow tells other replicas what this one spends, and takes over what they do, until ctx is done. While that fails, what is
// known goes on to count.
func (b *Budgets) Follow(ctx context.Context, shared SharedBudgets, replica string, logger *slog.Logger) {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		if err := b.share(ctx, shared, replica); err != nil && ctx.Err() == nil {
			logger.Debug("what other replicas spend is not known at present", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Budgets) share(ctx context.Context, shared SharedBudgets, replica string) error {
	for d, own := range b.own() {
		others, err := shared.TellSpent(ctx, d.loop, d.date, replica, own)
		if err != nil {
			return err
		}
		b.mu.Lock()
		if of := b.days[d]; of != nil {
			of.others = others
		}
		b.mu.Unlock()
	}
	return nil
}

// own returns what this process has spent, by day.
func (b *Budgets) own() map[day]map[string]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[day]map[string]float64, len(b.days))
	for d, of := range b.days {
		all[d] = maps.Clone(of.settled)
	}
	return all
}
