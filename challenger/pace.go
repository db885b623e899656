package challenger

import (
	"context"
	"time"
)

// pace keeps a goroutine to a share of one processor: after every stretch of work it rests in proportion, so that reading a
// long log again takes its time and nothing from those who serve.
type pace struct {
	share float64 // in (0,1]
	since time.Time
	steps int
}

const (
	stretch   = 5 * time.Millisecond // of work between rests
	stepsEach = 32                   // between looks at the clock
)

// begin begins a stretch of work.
func (p *pace) begin() { p.since = time.Now() }

// step is called before each piece of work, and rests when it is time.
func (p *pace) step(ctx context.Context) error {
	if p.steps++; p.steps%stepsEach != 0 {
		return nil
	}
	worked := time.Since(p.since)
	if worked < stretch || p.share >= 1 {
		return ctx.Err()
	}
	err := rest(ctx, time.Duration(float64(worked)*(1-p.share)/p.share))
	p.begin()
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
