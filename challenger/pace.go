package challenger

import (
	"context"
	"time"
)

// pace keeps a goroutine to a share of one processor: work makes a debt of rest, waiting pays it, and what is left is slept
// off. So reading a long log again, and following a busy one, take their time and nothing from those who serve.
type pace struct {
	share float64 // in (0,1]
	since time.Time
	debt  time.Duration // of rest
	steps int
}

const (
	mostDebt  = 15 * time.Millisecond // of rest before it is slept off
	stepsEach = 32                    // between looks at the clock
)

// begin begins a stretch of work.
func (p *pace) begin() { p.since = time.Now() }

// step is called before each piece of work, and rests when it is time.
func (p *pace) step(ctx context.Context) error {
	if p.steps++; p.steps%stepsEach != 0 {
		return nil
	}
	p.end()
	if p.debt < mostDebt {
		return ctx.Err()
	}
	return p.wait(func() error { return rest(ctx, p.debt) })
}

// end ends a stretch of work; another begins.
func (p *pace) end() {
	now := time.Now()
	p.debt += time.Duration(float64(now.Sub(p.since)) * (1 - p.share) / p.share)
	p.since = now
}

// wait does what is no work.
func (p *pace) wait(f func() error) error {
	p.end()
	err := f()
	now := time.Now()
	p.debt = max(0, p.debt-now.Sub(p.since))
	p.since = now
	return err
}

func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
