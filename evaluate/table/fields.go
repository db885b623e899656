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

// field is a field of ope.Sample, as tables give it.
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
	fieldCount
)

// kind is what the cells of a column hold.
type kind int

const (
	number kind = iota
	whole       // a whole number from 0 to mostWhole
	name
)

// fields describes each field: the names that its column has unless renamed, the likeliest first, and the set of
// columns of ope that it is in, which is given when all of its fields are.
var fields = [fieldCount]struct {
	name string
	also []string
	kind kind
	set  ope.Columns
}{
	action:      {name: "action", kind: name, set: ope.HasAction},
	reward:      {name: "reward"},
	pscore:      {name: "pscore", set: ope.HasPropensity},
	piE:         {name: "pi_e", set: ope.HasTarget},
	qLogged:     {name: "q_logged", set: ope.HasModel},
	qPiE:        {name: "q_pi_e", set: ope.HasModel},
	unsupported: {name: "unsupported", set: ope.HasUnsupported},
	position:    {name: "position", kind: whole, set: ope.HasPosition},
	pscoreAvg:   {name: "pscore_avg", set: ope.HasMeanPropensity},
	stratum:     {name: "stratum", kind: whole, set: ope.HasStratum},
	pEPiB:       {name: "p_e_pi_b", set: ope.HasMarginals},
	pEPiE:       {name: "p_e_pi_e", set: ope.HasMarginals},
	kept:        {name: "kept", set: ope.HasKept},
	unit:        {name: "unit", also: []string{"slate", "slate_id"}, kind: name, set: ope.HasUnit},
}

// layout says which column of a file gives which field.
type layout struct {
	theirs [fieldCount]string // empty where no column does
	given  ope.Columns
	wants  []want // by column, then by field
}

// want is a column to be read into a field.
type want struct {
	column int
	field  field
}

// newLayout looks for the fields in the header of a file. Renames are from our names to theirs.
func newLayout(header []string, renames map[string]string) (*layout, error) {
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	if err := checkRenames(header, renames); err != nil {
		return nil, err
	}
	l := &layout{}
	for f := range fieldCount {
		if column := findColumn(header, f, renames); column >= 0 {
			l.theirs[f] = header[column]
			l.wants = append(l.wants, want{column, f})
		}
	}
	if l.theirs[reward] == "" {
		return nil, fmt.Errorf("there is no column reward; %s", describe(header))
	}
	l.given = l.columns()
	slices.SortStableFunc(l.wants, func(a, b want) int { return a.column - b.column })
	return l, nil
}

// columns returns the sets of which every field has a column.
func (l *layout) columns() (given ope.Columns) {
	for f := range fieldCount {
		given |= fields[f].set
	}
	for f := range fieldCount {
		if l.theirs[f] == "" {
			given &^= fields[f].set
		}
	}
	return given
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

func checkRenames(header []string, renames map[string]string) error {
	for _, ours := range slices.Sorted(maps.Keys(renames)) {
		if !isField(ours) {
			return fmt.Errorf("%q cannot be renamed: it is none of the columns that are read, %s", ours, fieldNames())
		}
		if !slices.Contains(header, renames[ours]) {
			return fmt.Errorf("there is no column %q to be read as %s; %s", renames[ours], ours, describe(header))
		}
	}
	return nil
}

func isField(ours string) bool {
	for f := range fieldCount {
		if fields[f].name == ours {
			return true
		}
	}
	return false
}

func fieldNames() string {
	names := make([]string, fieldCount)
	for f := range fieldCount {
		names[f] = fields[f].name
	}
	return strings.Join(names, ", ")
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
