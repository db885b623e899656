package catalogue

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Get returns an action with its versions. It must not be changed.
func (c *Catalogue) Get(loop, id string) (*Action, error) { return c.action(loop, id) }

// List returns at most n actions of a loop behind an id, by id, that stand in a state (any for ""), and whether there are more.
func (c *Catalogue) List(loop string, state State, after string, n int) (actions []*Action, more bool) {
	now := c.now()
	for _, a := range c.ordered(loop) {
		if a.ID <= after || state != "" && a.State(now) != state {
			continue
		}
		if len(actions) == n {
			return actions, true
		}
		actions = append(actions, a)
	}
	return actions, false
}

// Waiting returns at most n actions of a loop whose newest version waits for a person, the oldest first.
func (c *Catalogue) Waiting(loop string, n int) []*Action {
	all := slices.DeleteFunc(c.ordered(loop), func(a *Action) bool { return !a.Newest().waits() || a.Held == Retired })
	slices.SortStableFunc(all, func(a, b *Action) int { return a.Newest().At.Compare(b.Newest().At) })
	return all[:min(n, len(all))]
}

func (c *Catalogue) ordered(loop string) []*Action {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Action, 0, len(c.loops[loop]))
	for _, a := range c.loops[loop] {
		all = append(all, a)
	}
	slices.SortFunc(all, byID)
	return all
}

// Live returns the live actions of a loop as its bundle has them: an action a line, by id. next is when that will change by
// itself; zero: never.
func (c *Catalogue) Live(loop string) (lines []byte, next time.Time) {
	now := c.now()
	var b bytes.Buffer
	for _, a := range c.ordered(loop) {
		if v := a.Serving(now); v != nil {
			b.Write(v.Document)
			b.WriteByte('\n')
		}
		if v := a.admitted(); v != nil && a.Held == "" {
			for _, t := range []time.Time{v.From, v.Until} {
				if t.After(now) && (next.IsZero() || t.Before(next)) {
					next = t
				}
			}
		}
	}
	return b.Bytes(), next
}

// Changed has a token when a loop may have other live actions than before.
func (c *Catalogue) Changed() <-chan struct{} { return c.changed }

// followEvery is how often other processes' changes are looked for.
const followEvery = 500 * time.Millisecond

// Follow takes over what other processes change, until ctx is done. loops names the loops of this process.
func (c *Catalogue) Follow(ctx context.Context, loops func() []string) {
	if c.store == nil {
		return
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		for _, loop := range loops() {
			if err := c.follow(ctx, loop); err != nil && ctx.Err() == nil {
				c.logger.Debug("other replicas' changes of the catalogue cannot be read", "loop", loop, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Catalogue) follow(ctx context.Context, loop string) error {
	if err := c.pay(ctx, loop); err != nil {
		return err
	}
	revision, err := c.store.Revision(ctx, loop)
	if err != nil {
		return err
	}
	c.mu.RLock()
	known, mine := c.revisions[loop], len(c.loops[loop])
	c.mu.RUnlock()
	if revision == "" && mine > 0 { // It was lost: it is made again from what this process knows.
		return c.store.Put(ctx, loop, c.ordered(loop))
	}
	if revision == known {
		return nil
	}
	c.changing.Lock() // What is under way here is in the store, or not begun.
	defer c.changing.Unlock()
	actions, revision, err := c.store.All(ctx, loop)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(actions) > 0 {
		c.loops[loop] = actions
	}
	c.revisions[loop] = revision
	c.signal()
	return nil
}

// pay stores what is owed.
func (c *Catalogue) pay(ctx context.Context, loop string) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.RLock()
	owed := slices.Collect(maps.Values(c.owed[loop]))
	c.mu.RUnlock()
	if len(owed) == 0 {
		return nil
	}
	slices.SortFunc(owed, byID)
	if err := c.store.Put(ctx, loop, owed); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.owed, loop)
	return nil
}

// ParseState returns a state by its name.
func ParseState(name string) (State, bool) {
	s := State(strings.ToLower(name))
	return s, slices.Contains([]State{Draft, Rejected, Review, Admitted, Live, Paused, Retired}, s)
}
