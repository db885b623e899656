package loop

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a loop file, or with one that it includes, and what to do about it.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`
}

// String returns file:line:col: message, as compilers do, so that editors can jump there.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems is everything that is wrong with one loop file. It is never empty as an error.
type Problems []Problem

// maxProblems is how many are told at once: whoever mends so many looks again anyway.
const maxProblems = 100

// Error implements error: one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems of one file in its order, each once.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ps)
}

// cut returns the first problems, and how many more there are.
func (ps Problems) cut() Problems {
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems]
		last.Message = fmt.Sprintf("and %d more problems from here on", more)
		ps = append(ps[:maxProblems:maxProblems], last)
	}
	return ps
}
