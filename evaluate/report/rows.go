package report

import (
	"context"
	"fmt"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/ope"
)

// TableRows are the rows of a table, of one policy. What they refuse has file, row and column.
type TableRows struct {
	*table.Table
	Path string
	// Policy is the name of the policy, empty where the table has its probabilities.
	Policy string
	sample [1]ope.Sample
}

// Policies implements Rows.
func (r *TableRows) Policies() []string { return []string{r.Policy} }

// Next implements Rows.
func (r *TableRows) Next(context.Context) ([]ope.Sample, error) {
	if err := r.Table.Next(&r.sample[0]); err != nil {
		return nil, err
	}
	return r.sample[:], nil
}

// Refused implements Rows.
func (r *TableRows) Refused(err *ope.FieldError) error { return r.Table.Refused(err) }

// Describe implements Rows.
func (r *TableRows) Describe() (Source, []ope.Known) {
	return Source{Table: r.Path, Rows: r.Rows(), Skipped: r.Skipped()}, []ope.Known{{}}
}

// LogRows are the slots of the decisions of our own log, one sample for each candidate.
type LogRows struct {
	*evaluate.Log
	Data, Loop string
	rows       int64
}

// Policies implements Rows.
func (r *LogRows) Policies() []string { return r.Candidates() }

// Next implements Rows.
func (r *LogRows) Next(ctx context.Context) ([]ope.Sample, error) {
	row, err := r.Log.Next(ctx)
	if err != nil {
		return nil, err
	}
	r.rows++
	return row.Samples, nil
}

// Refused implements Rows.
func (r *LogRows) Refused(err *ope.FieldError) error {
	return fmt.Errorf("loop %s, row %d: %w", r.Loop, r.rows, err)
}

// Progress implements Rows.
func (r *LogRows) Progress() (done, total int64) {
	d, t := r.Log.Progress()
	return int64(d), int64(t)
}

// Describe implements Rows.
func (r *LogRows) Describe() (Source, []ope.Known) {
	counts := r.Counts()
	s := Source{Data: r.Data, Loop: r.Loop, Rows: r.rows, LeftOut: leftOut(&counts)}
	least, most := r.RewardRange()
	s.RewardLeast, s.RewardMost = finite(least), finite(most)
	notServed := float64(counts.NotActivated + counts.NoSnapshot)
	for _, n := range counts.Fallbacks {
		notServed += float64(n)
	}
	calibration := r.Calibration()
	s.Calibration = &calibration
	known := make([]ope.Known, len(r.Candidates()))
	for i := range known {
		known[i] = ope.Known{
			Censored: float64(counts.Open), NotServed: notServed, CalibrationZ: calibration.Z,
			StoodIn: float64(counts.Candidates[i].StoodIn), Damaged: float64(counts.Damaged), Unmet: counts.Candidates[i].Unmet,
		}
	}
	return s, known
}

// Range returns the range of rewards that the loop states, the zero value where it states none.
func (r *LogRows) Range() ope.Range { return evaluate.RangeOf(&r.Definition().Reward) }

func leftOut(c *evaluate.Counts) map[string]int64 {
	out := map[string]int64{}
	add := func(reason string, n uint64) {
		if n > 0 {
			out[reason] += int64(n)
		}
	}
	add("open", c.Open)
	add("not_activated", c.NotActivated)
	add("outside_time_span", c.Outside)
	add("no_snapshot", c.NoSnapshot)
	add("damaged", c.Damaged)
	for reason, n := range c.Fallbacks {
		add("fallback:"+reason, n)
	}
	for reason, n := range c.Skipped {
		add("skipped:"+reason, n)
	}
	return out
}
