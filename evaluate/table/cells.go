package table

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/ope"
)

// mostWhole bounds positions and strata, which estimators keep sums for.
const mostWhole = 1<<16 - 1

// cells writes the cells of rows into samples.
type cells struct {
	actions actionNames
	slot    ope.SlateRow // what a row that is a slot has beside a sample
}

// text sets a field from its text.
func (c *cells) text(s *ope.Sample, f field, cell []byte) error {
	if fields[f].kind == name {
		return c.name(s, f, cell)
	}
	x, err := parseNumber(cell)
	if err != nil {
		return err
	}
	return c.number(s, f, x)
}

// name sets a field that is named.
func (c *cells) name(s *ope.Sample, f field, text []byte) (err error) {
	if f == action {
		s.Action, err = c.actions.number(text)
		return err
	}
	if len(text) == 0 {
		return errMissing
	}
	s.Unit = xxhash.Sum64(text)
	return nil
}

// parseNumber reads a decimal number. It refuses what strconv takes beyond that.
func parseNumber(cell []byte) (float64, error) {
	if len(cell) == 0 {
		return 0, errMissing
	}
	x, err := strconv.ParseFloat(string(cell), 64) // Copied to the stack, when it is no longer than any double.
	if err != nil || !isDecimal(cell) {
		return 0, badNumber(cell, err)
	}
	return x, nil
}

// isDecimal tells apart the numbers that strconv takes: hexadecimal ones have an x after their first 0, and others may
// have an underscore among the digits.
func isDecimal(number []byte) bool {
	if len(number) > 2 && (number[1]|0x20 == 'x' || number[2]|0x20 == 'x') {
		return false
	}
	return bytes.IndexByte(number, '_') < 0
}

func badNumber(cell []byte, err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return badCell(cell, "a number of 64 bits")
	}
	return badCell(cell, "a number")
}

// number sets a field that is a number. Whether it is one that can be, the rows' Check says.
func (c *cells) number(s *ope.Sample, f field, x float64) error {
	switch f {
	case reward:
		s.Reward = x
	case pscore:
		s.Propensity = x
	case piE, evalPscore:
		s.Target = x
	case qLogged:
		s.QLogged = x
	case qPiE:
		s.QTarget = x
	case unsupported:
		s.Unsupported = x
	case pscoreAvg:
		s.MeanPropensity = x
	case pEPiB:
		s.MarginalPropensity = x
	case pEPiE:
		s.MarginalTarget = x
	case kept:
		s.Kept = x
	case position, stratum:
		return setWhole(s, f, x)
	default:
		setSlot(&c.slot, f, x)
	}
	return nil
}

// setSlot sets what a slot of a slate has beside a sample. A field that is forgotten here would read as 0 in every row.
func setSlot(r *ope.SlateRow, f field, x float64) {
	switch f {
	case pscoreItem:
		r.ItemPropensity = x
	case evalPscoreItem:
		r.ItemTarget = x
	case pscoreCascade:
		r.CascadePropensity = x
	case evalPscoreCascade:
		r.CascadeTarget = x
	default:
		panic("table: no place for numbers of column " + fields[f].name)
	}
}

func setWhole(s *ope.Sample, f field, x float64) error {
	n := int(max(0, min(x, mostWhole)))
	if float64(n) != x {
		return fmt.Errorf("%v is not a whole number from 0 to %d", x, mostWhole)
	}
	if f == position {
		s.Position = n
	} else {
		s.Stratum = n
	}
	return nil
}

// mostActions bounds the memory for the names of actions: a file with more has some other column in their place.
const mostActions = 1 << 20

// actionNames numbers the actions in the order of first sight.
type actionNames struct {
	names   []string
	numbers map[string]int
}

func (a *actionNames) number(text []byte) (int, error) {
	if n, ok := a.numbers[string(text)]; ok {
		return n, nil
	}
	return a.add(text)
}

func (a *actionNames) add(text []byte) (int, error) {
	if err := checkName(text); err != nil {
		return 0, err
	}
	if len(a.names) == mostActions {
		return 0, fmt.Errorf("there are more than %d different actions", mostActions)
	}
	if a.numbers == nil {
		a.numbers = make(map[string]int)
	}
	n, key := len(a.names), string(text)
	a.names, a.numbers[key] = append(a.names, key), n
	return n, nil
}
