package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nextbest/nextbest/ope"
)

// field is a field of ope.Sample or of ope.SlateRow, as tables give it.
type field int

const (
	action field = iota
	reward
	pscore
	piE
	qLogged
	qPiE
	unsupported
	position
	pscoreAvg
	stratum
	pEPiB
	pEPiE
	kept
	unit
	slate
	evalPscore
	pscoreItem
	evalPscoreItem
	pscoreCascade
	evalPscoreCascade
	fieldCount
)

// kind is what the cells of a column hold.
type kind int

const (
	number kind = iota
	whole       // a whole number from 0 to mostWhole
	name
)

// rowsOf is what rows of a table are.
type rowsOf int

const (
	either rowsOf = iota
	decisions
	slots // of slates
)

// fields describes each field: the names that its column has unless renamed, the likeliest first, which rows it is of, and
// the set of columns of ope that it is in, which is given when all of its fields are.
var fields = [fieldCount]struct {
	name   string
	also   []string
	kind   kind
	of     rowsOf
	set    ope.Columns
	slates ope.SlateColumns // likewise, of slates
}{
	action:      {name: "action", kind: name, set: ope.HasAction},
	reward:      {name: "reward"},
	pscore:      {name: "pscore", set: ope.HasPropensity, slates: ope.HasSlateProbabilities},
	piE:         {name: "pi_e", of: decisions, set: ope.HasTarget},
	qLogged:     {name: "q_logged", set: ope.HasModel, slates: ope.HasSlateModel},
	qPiE:        {name: "q_pi_e", set: ope.HasModel, slates: ope.HasSlateModel},
	unsupported: {name: "unsupported", of: decisions, set: ope.HasUnsupported},
	position:    {name: "position", kind: whole, set: ope.HasPosition},
	pscoreAvg:   {name: "pscore_avg", of: decisions, set: ope.HasMeanPropensity},
	stratum:     {name: "stratum", kind: whole, of: decisions, set: ope.HasStratum},
	pEPiB:       {name: "p_e_pi_b", of: decisions, set: ope.HasMarginals},
	pEPiE:       {name: "p_e_pi_e", of: decisions, set: ope.HasMarginals},
	kept:        {name: "kept", of: decisions, set: ope.HasKept},
	unit:        {name: "unit", also: []string{"slate", "slate_id"}, kind: name, of: decisions, set: ope.HasUnit},

	slate:             {name: "slate_id", also: []string{"slate"}, kind: name, of: slots},
	evalPscore:        {name: "eval_pscore", of: slots, slates: ope.HasSlateProbabilities},
	pscoreItem:        {name: "pscore_item_position", of: slots, slates: ope.HasItemProbabilities},
	evalPscoreItem:    {name: "eval_pscore_item_position", of: slots, slates: ope.HasItemProbabilities},
	pscoreCascade:     {name: "pscore_cascade", of: slots, slates: ope.HasCascadeProbabilities},
	evalPscoreCascade: {name: "eval_pscore_cascade", of: slots, slates: ope.HasCascadeProbabilities},
}

// isOf reports whether a field is read from rows of a kind.
func (f field) isOf(rows rowsOf) bool { return fields[f].of == either || fields[f].of == rows }

// layout says which column of a file gives which field.
type layout struct {
	theirs [fieldCount]string // empty where no column does
	given  ope.Columns
	slates ope.SlateColumns // likewise, of slates
	wants  []want           // by column, then by field
}

// want is a column to be read into a field.
type want struct {
	column int
	field  field
}

// newLayout looks for the fields in the header of a file. Renames are from our names to theirs.
func newLayout(header []string, options Options) (*layout, error) {
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	rows := options.rows()
	if err := checkRenames(header, options.Columns, rows); err != nil {
		return nil, err
	}
	l := &layout{}
	for f := range fieldCount {
		if column := findColumn(header, f, options.Columns); column >= 0 && f.isOf(rows) {
			l.theirs[f] = header[column]
			l.wants = append(l.wants, want{column, f})
		}
	}
	if err := l.checkNeeded(header, rows); err != nil {
		return nil, err
	}
	l.findSets()
	slices.SortStableFunc(l.wants, func(a, b want) int { return a.column - b.column })
	return l, nil
}

// checkNeeded refuses a file without the columns that its rows make no sense without.
func (l *layout) checkNeeded(header []string, rows rowsOf) error {
	needed := []field{reward}
	if rows == slots {
		needed = []field{reward, slate, position}
	}
	for _, f := range needed {
		if l.theirs[f] == "" {
			return fmt.Errorf("there is no column %s; %s", fields[f].name, describe(header))
		}
	}
	if rows == slots {
		return l.checkUnheeded(header)
	}
	return nil
}

// findSets finds the sets of which every field has a column.
func (l *layout) findSets() {
	for f := range fieldCount {
		l.given |= fields[f].set
		l.slates |= fields[f].slates
	}
	for f := range fieldCount {
		if l.theirs[f] == "" {
			l.given &^= fields[f].set
			l.slates &^= fields[f].slates
		}
	}
}

// findColumn returns the number of the column of a field, or -1.
func findColumn(header []string, f field, renames map[string]string) int {
	if theirs, ok := renames[fields[f].name]; ok {
		return slices.Index(header, theirs)
	}
	for _, candidate := range append([]string{fields[f].name}, fields[f].also...) {
		if column := slices.Index(header, candidate); column >= 0 {
			return column
		}
	}
	return -1
}

func checkRenames(header []string, renames map[string]string, rows rowsOf) error {
	for _, ours := range slices.Sorted(maps.Keys(renames)) {
		if names := fieldNames(rows); !slices.Contains(names, ours) {
			return fmt.Errorf("%q cannot be renamed: it is none of the columns that are read, %s", ours, strings.Join(names, ", "))
		}
		if !slices.Contains(header, renames[ours]) {
			return fmt.Errorf("there is no column %q to be read as %s; %s", renames[ours], ours, describe(header))
		}
	}
	return nil
}

func fieldNames(rows rowsOf) (names []string) {
	for f := range fieldCount {
		if f.isOf(rows) {
			names = append(names, fields[f].name)
		}
	}
	return names
}

// checkHeader refuses names that no one can have meant: rows rather than a header, or bytes rather than text.
func checkHeader(header []string) error {
	seen := make(map[string]bool, len(header))
	for i, title := range header {
		if err := checkName([]byte(title)); err != nil {
			return fmt.Errorf("the name of column %d: %w", i+1, err)
		}
		if seen[title] {
			return fmt.Errorf("there are two columns %q", title)
		}
		seen[title] = true
	}
	return nil
}

// describe lists the columns that there are, or the first of very many.
func describe(header []string) string {
	const most = 30
	if len(header) > most {
		return fmt.Sprintf("there are %d, the first are %s", len(header), strings.Join(header[:most], ", "))
	}
	return "there are " + strings.Join(header, ", ")
}

// longestName is how many bytes a name may have.
const longestName = 256

func checkName(text []byte) error {
	switch {
	case len(text) == 0:
		return errMissing
	case len(text) > longestName:
		return badCell(text, fmt.Sprintf("a name of at most %d bytes", longestName))
	case !utf8.Valid(text):
		return badCell(text, "UTF-8")
	case strings.ContainsFunc(string(text), unicode.IsControl):
		return badCell(text, "a name: it has control characters")
	}
	return nil
}
