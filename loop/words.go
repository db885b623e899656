package loop

import (
	"fmt"
	"strings"
	"time"
)

// wanted says what a shape allows, in words that finish "expected ...".
func (s *shape) wanted() string {
	switch s.kind {
	case objectKind:
		return "a block of keys (" + strings.Join(s.names(), ", ") + ")"
	case mapKind:
		return "a block of " + s.typed
	case wordKind:
		return or(s.words)
	case flagKind:
		return "true or false"
	case durationKind:
		return "a duration such as 30m or 14d"
	case textKind:
		if s.patternWords != "" {
			return "text: " + s.patternWords
		}
		return "a text"
	case listKind:
		return "a " + strings.ReplaceAll(s.typed, "`", "")
	case valueKind:
		return "a " + s.typed
	}
	if s.limited && s.min == s.max {
		return s.typed
	}
	return "a " + s.typed
}

// instead says what may stand in place of an empty list.
func (s *shape) instead() string {
	if len(s.words) > 0 {
		return "write " + or(s.words)
	}
	return "remove the key"
}

// or joins words as a sentence does.
func or(words []string) string { return joined(words, "or") }

func and(words []string) string { return joined(words, "and") }

func joined(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// brief writes a duration in the largest unit that is whole.
func brief(d time.Duration) string {
	switch {
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// meant suggests the word that was probably meant, as in ": did you mean gamma?", or nothing.
func meant(got string, known []string) string {
	best, distance := "", 3 // two slips of the finger, and not half of the word
	for _, w := range known {
		if d := edits(strings.ToLower(got), w); d < distance && 2*d < len(w) {
			best, distance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// edits counts the letters to change, add, remove or swap with their neighbour to make b of a (optimal string
// alignment). Words longer than any key are far from all of them.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	var before, above []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
