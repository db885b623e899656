package table

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nextbest/nextbest/ope"
)

// mostRemembered is how many of the last slates are remembered, so that one that comes back is seen: more would take memory
// without end.
const mostRemembered = 1 << 20

// assembling puts rows together to slates.
type assembling struct {
	together *ope.Slates
	current  uint64
	started  bool
	seen     map[uint64]struct{}
	ring     []uint64 // of the slates seen, in the order of the file
	oldest   int
}

// SlateColumns returns which fields the rows of slates have.
func (t *Table) SlateColumns() ope.SlateColumns { return t.source.fields().slates }

// bindSlates makes rows slots of slates.
func (t *Table) bindSlates(format string) error {
	switch {
	case format == "dsjson":
		return errors.New("decision service JSON has no slates to read: make a table of slots")
	case t.target != nil:
		return errors.New("a policy told from the log alone is not for slates")
	}
	t.slates = &assembling{together: ope.NewSlates(t.SlateColumns()), seen: map[uint64]struct{}{}}
	return nil
}

// checkUnheeded refuses columns that say that slates are not alike or independent, which would not be heeded.
func (l *layout) checkUnheeded(header []string) error {
	for _, f := range [...]field{kept, unit} {
		if name := fields[f].name; slices.Contains(header, name) && !slices.Contains(l.theirs[:], name) {
			return fmt.Errorf("the column %s is not heeded where rows are slots of slates: slates are taken as all kept, and "+
				"as independent of each other; leave the column out where that is so", name)
		}
	}
	return nil
}

// NextSlate reads the rows of the next slate, which are the caller's until the next call. It returns io.EOF after the last, and
// otherwise *Error; after an error, always the same one. Fields that are not given are 0.
func (t *Table) NextSlate() ([]ope.SlateRow, error) {
	for t.err == nil {
		complete, err := t.readSlot()
		if err != nil {
			t.err = t.ended(err)
			if complete = t.slates.together.Last(); t.err != io.EOF {
				break
			}
		} else {
			t.rows++
		}
		if len(complete) > 0 {
			return complete, nil
		}
	}
	return nil, t.err
}

// readSlot reads a row, and returns the slate before it when that is complete.
func (t *Table) readSlot() ([]ope.SlateRow, error) {
	row := &t.cells.slot
	*row = ope.SlateRow{Sample: ope.Sample{Kept: 1}}
	if err := t.source.next(&row.Sample); err != nil {
		return nil, err
	}
	row.Slate = row.Unit
	if err := t.slates.follow(row.Slate); err != nil {
		return nil, t.source.fields().inColumn(slate, err)
	}
	complete, err := t.slates.together.Add(row)
	if err != nil {
		return nil, t.source.fields().explain(err)
	}
	return complete, nil
}

// follow refuses a slate that comes back after another.
func (a *assembling) follow(id uint64) error {
	if a.started && id == a.current {
		return nil
	}
	if _, again := a.seen[id]; again {
		return errors.New("the slate comes back after another: want the rows of a slate one after the other")
	}
	a.current, a.started = id, true
	a.seen[id] = struct{}{}
	if len(a.ring) < mostRemembered {
		a.ring = append(a.ring, id)
		return nil
	}
	delete(a.seen, a.ring[a.oldest])
	a.ring[a.oldest] = id
	a.oldest = (a.oldest + 1) % len(a.ring)
	return nil
}
