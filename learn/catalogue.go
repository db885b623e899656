package learn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
)

// maxCatalogues bounds the catalogues that a loop remembers. A decision is logged seconds after its snapshot was taken
// at most; the rest is for logs whose beginning retention has taken, and the loop files with it.
const maxCatalogues = 8

// catalogues knows which catalogue each snapshot decided from: that of the definition that was in force at its cut. A
// stored decision names its actions, and the catalogue has their features. What is known depends on the records alone,
// not on the definition that the loop is folded under.
type catalogues struct {
	inForce *Definition // nil: none was put in force yet
	known   []catalogue // by number; each differs from the one before
	current bool        // the last one known is that of inForce; not part of the state
	earlier *catalogues // asked where known has nothing; while a log without its beginning is folded again
}

// catalogue is that of the snapshots from a number on, up to the next one's.
type catalogue struct {
	from       uint64
	definition *Definition
}

func (c *catalogues) put(d *Definition) { c.inForce, c.current = d, false }

// cut notes what the snapshot of that number is to decide from.
func (c *catalogues) cut(number uint64) {
	if c.current || c.inForce == nil {
		return
	}
	if n := len(c.known); n > 0 {
		last := &c.known[n-1]
		if number <= last.from {
			return // Cuts are numbered in the order of the log.
		}
		if sameActions(last.definition.Loop.Actions, c.inForce.Loop.Actions) {
			c.current = true
			return
		}
	}
	c.known = append(c.known, catalogue{number, c.inForce})
	c.known = c.known[max(0, len(c.known)-maxCatalogues):]
	c.current = true
}

// of returns the catalogue of a snapshot. For one that is not known the oldest that is stands in, or the one in force.
func (c *catalogues) of(snapshotID string) []decision.Action {
	number := SnapshotNumber(snapshotID)
	for at := c; at != nil; at = at.earlier {
		for _, k := range slices.Backward(at.known) {
			if k.from <= number {
				return k.definition.Loop.Actions
			}
		}
	}
	for at := c; at != nil; at = at.earlier {
		if len(at.known) > 0 {
			return at.known[0].definition.Loop.Actions
		}
	}
	for at := c; at != nil; at = at.earlier {
		if at.inForce != nil {
			return at.inForce.Loop.Actions
		}
	}
	return nil
}

// SnapshotNumber reads the number that an id begins with, 0 when there is none.
func SnapshotNumber(id string) uint64 {
	digits, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func sameActions(a, b []decision.Action) bool {
	return slices.EqualFunc(a, b, func(x, y decision.Action) bool {
		return x.ID == y.ID && slices.EqualFunc(x.Features, y.Features, func(f, g features.Feature) bool {
			return f.Name == g.Name && f.Value.Equal(g.Value)
		})
	})
}

// encode writes the loop files, which the catalogues are read from again.
func (c *catalogues) encode(e *encoder) {
	e.uvarint(uint64(len(c.known)))
	for _, k := range c.known {
		e.uvarint(k.from)
		e.string(k.definition.Path)
		e.bytes(k.definition.File)
	}
}

func (c *catalogues) decode(d *decoder, compile Compile) error {
	for range d.count(3) {
		from, path, file := d.uvarint(), d.string(), slices.Clone(d.bytes())
		if d.failed {
			return errState
		}
		def, err := compile(path, file)
		if err != nil {
			return err
		}
		c.known = append(c.known, catalogue{from, def})
	}
	return nil
}
