package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// Summary says what was exported.
type Summary struct {
	Format     Format      `json:"format"`
	Out        string      `json:"out"`
	Records    uint64      `json:"records"`    // in the log
	Decisions  uint64      `json:"decisions"`  // exported
	Rows       uint64      `json:"rows"`       // exported: a row for each slot
	Loops      []LoopCount `json:"loops"`      // by name
	Partitions []Partition `json:"partitions"` // written, by loop and day
	Kept       []string    `json:"kept"`       // partitions left as they were: the log has only the end of their day
	Repeated   []Repeated  `json:"repeated"`   // decisions whose event id was known: the first counts, as in learning
	Damage     []Damage    `json:"damage"`     // what could not be exported
}

// LoopCount counts the exported decisions of a loop by their state.
type LoopCount struct {
	Loop         string `json:"loop"`
	Closed       uint64 `json:"closed"`
	Open         uint64 `json:"open"`
	NotActivated uint64 `json:"not_activated"`
	NotLearned   uint64 `json:"not_learned"`
}

// Partition is one directory of files.
type Partition struct {
	Path  string   `json:"path"` // below Out
	Files []string `json:"files"`
	Rows  int64    `json:"rows"`
	Bytes int64    `json:"bytes"` // of the files

	key partitionKey
}

// Repeated is a decision that repeats an event.
type Repeated struct {
	Position eventlog.Position `json:"position"`
	Loop     string            `json:"loop"`
	EventID  string            `json:"event"`
}

// Damage is a place of the log that cannot be read.
type Damage struct {
	Place   string `json:"place"` // segment and offset, or positions
	Problem string `json:"problem"`
}

func damagedRecord(pos eventlog.Position, err error) Damage {
	return Damage{fmt.Sprintf("position %d", pos), err.Error()}
}

func newSummary(o *Options, damage []Damage) *Summary {
	return &Summary{
		Format: o.Format, Out: o.Out, Loops: []LoopCount{}, Partitions: []Partition{}, Kept: []string{},
		Repeated: []Repeated{}, Damage: append([]Damage{}, damage...),
	}
}

func (s *Summary) count(loop string, state learn.State, rows int) {
	s.Decisions++
	s.Rows += uint64(rows)
	i, ok := slices.BinarySearchFunc(s.Loops, loop, func(l LoopCount, name string) int { return strings.Compare(l.Loop, name) })
	if !ok {
		s.Loops = slices.Insert(s.Loops, i, LoopCount{Loop: loop})
	}
	l := &s.Loops[i]
	switch state {
	case learn.Closed:
		l.Closed++
	case learn.Open:
		l.Open++
	case learn.StateNotActivated:
		l.NotActivated++
	case learn.StateNotLearned:
		l.NotLearned++
	}
}

// verify checks every byte of the log and lists what is damaged or missing.
func verify(dir string) ([]Damage, error) {
	report, err := eventlog.Verify(dir)
	if err != nil {
		return nil, fmt.Errorf("verify the event log: %w", err)
	}
	var out []Damage
	for i := range report.Segments {
		for _, d := range report.Segments[i].Damage {
			out = append(out, Damage{fmt.Sprintf("%s at offset %d", d.Segment, d.Offset), fmt.Sprintf("%d bytes: %s", d.Bytes, d.Problem)})
		}
	}
	for _, g := range report.Gaps {
		if !g.Declared {
			out = append(out, Damage{fmt.Sprintf("positions %d to %d", g.From, g.To-1), "lost"})
		}
	}
	return out, nil
}

// maxTold bounds the places that an error names.
const maxTold = 10

func damageError(damage []Damage) error {
	var told []string
	for i, d := range damage {
		if i == maxTold {
			told = append(told, fmt.Sprintf("and %d more", len(damage)-maxTold))
			break
		}
		told = append(told, d.Place+": "+d.Problem)
	}
	return fmt.Errorf("%w: %s", ErrDamaged, strings.Join(told, "; "))
}
