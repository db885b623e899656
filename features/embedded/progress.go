package embedded

import (
	"context"
	"fmt"
	"sync"

	"github.com/nextbest/nextbest/eventlog"
)

// progress is how far the journal has been applied, for those who wait for it.
type progress struct {
	mu    sync.Mutex
	last  eventlog.Position
	moved chan struct{} // closed at the next step; nil while nobody waits
}

// set says that everything up to a position has been applied.
func (p *progress) set(last eventlog.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = last
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

func (p *progress) get() eventlog.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// reach returns when a position has been applied or ctx is done.
func (p *progress) reach(ctx context.Context, pos eventlog.Position) error {
	for {
		p.mu.Lock()
		if p.last >= pos {
			p.mu.Unlock()
			return nil
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for the journal to be applied: %w", ctx.Err())
		}
	}
}
