package contact

import (
	"sync"

	"github.com/nextbest/nextbest/decision"
)

// Budgets counts what a loop's budgets have spent in a day. Amounts are held before an event is decided, so that events at
// once do not pass a limit together. Days before yesterday are forgotten: no zone is more than a day behind another.
type Budgets struct {
	mu   sync.Mutex
	days map[day]map[string]float64 // by loop and date: by name
}

type day struct{ loop, date string }

var _ decision.Budgets = (*Budgets)(nil)

// NewBudgets returns ones that have spent nothing.
func NewBudgets() *Budgets { return &Budgets{days: make(map[day]map[string]float64)} }

// Hold implements decision.Budgets.
func (b *Budgets) Hold(loop, date string, names []string, amounts []float64) (spent []float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.of(loop, date)
	spent = make([]float64, len(names))
	for i, name := range names {
		spent[i] = of[name]
		of[name] += amounts[i]
	}
	return spent
}

// Settle implements decision.Budgets.
func (b *Budgets) Settle(loop, date string, names []string, held, spent []float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.of(loop, date)
	for i, name := range names {
		of[name] += spent[i] - held[i]
	}
}

// Restore adds what the log says was spent.
func (b *Budgets) Restore(loop, date, name string, amount float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(loop, date)[name] += amount
}

// Spent returns what a budget has spent, holds included.
func (b *Budgets) Spent(loop, date, name string) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.days[day{loop, date}][name]
}

// of returns a day's amounts, and forgets what is long past. b.mu is held.
func (b *Budgets) of(loop, date string) map[string]float64 {
	d := day{loop, date}
	of := b.days[d]
	if of == nil {
		of = make(map[string]float64)
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
