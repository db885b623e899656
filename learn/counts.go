package learn

// counts are what happened in a loop since the log began. They are state of the fold.
type counts struct {
	decisions   uint64
	activations uint64
	rewards     [outcomes]uint64
	endings     [endings]uint64
	fallbacks   map[string]uint64
	excluded    map[string]uint64
	warned      map[string]uint64
	defaulted   map[string]uint64
	poison      map[string]uint64
}

func newCounts() counts {
	return counts{
		fallbacks: make(map[string]uint64), excluded: make(map[string]uint64), warned: make(map[string]uint64),
		defaulted: make(map[string]uint64), poison: make(map[string]uint64),
	}
}

// move counts n rewards under another outcome than before.
func (c *counts) move(n int, from, to Outcome) {
	c.rewards[from] -= uint64(n)
	c.rewards[to] += uint64(n)
}

func (c *counts) encode(e *encoder) {
	e.uvarint(c.decisions)
	e.uvarint(c.activations)
	e.counts(c.rewards[:])
	e.counts(c.endings[:])
	for _, m := range []map[string]uint64{c.fallbacks, c.excluded, c.warned, c.defaulted, c.poison} {
		e.tally(m)
	}
}

func (c *counts) decode(d *decoder) {
	c.decisions, c.activations = d.uvarint(), d.uvarint()
	d.counts(c.rewards[:])
	d.counts(c.endings[:])
	for _, m := range []*map[string]uint64{&c.fallbacks, &c.excluded, &c.warned, &c.defaulted, &c.poison} {
		*m = d.tally()
	}
}
