package table

import (
	"testing"

	"github.com/nextbest/nextbest/ope"
)

// Every column of numbers has a place of its own in a row: none is read and dropped, and none overwrites another.
func TestEveryNumberHasAPlace(t *testing.T) {
	for _, rows := range []rowsOf{decisions, slots} {
		seen := map[ope.SlateRow]string{{}: "nothing"}
		for f := range fieldCount {
			if fields[f].kind == name || !f.isOf(rows) {
				continue
			}
			var c cells
			var s ope.Sample
			if err := c.number(&s, f, 1); err != nil {
				t.Fatalf("%s: %v", fields[f].name, err)
			}
			row := c.slot
			row.Sample = s
			if other, ok := seen[row]; ok {
				t.Errorf("rows of kind %d: %s sets what %s sets", rows, fields[f].name, other)
			}
			seen[row] = fields[f].name
		}
	}
}
