package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/loop"
)

// rows opens what the flags say to evaluate on.
func (f *evaluateFlags) rows(ctx context.Context) (rows report.Rows, closeRows func(), err error) {
	if f.table != "" {
		return f.tableRows()
	}
	return f.logRows(ctx)
}

func (f *evaluateFlags) tableRows() (report.Rows, func(), error) {
	options, policy := table.Options{Columns: f.columns}, ""
	if len(f.policies) == 1 {
		policy = f.policies[0]
		target, err := tablePolicy(policy)
		if err != nil {
			return nil, nil, usageError{err}
		}
		options.Target = target
	}
	t, err := table.Open(f.table, options)
	if err != nil {
		return nil, nil, err
	}
	closeTable := func() { _ = t.Close() } // Nothing was written.
	return &report.TableRows{Table: t, Path: f.table, Policy: policy}, closeTable, nil
}

func tablePolicy(name string) (table.Policy, error) {
	if name == "uniform" {
		return table.Uniform, nil
	}
	if id, ok := strings.CutPrefix(name, "action:"); ok && id != "" {
		return table.Always(id), nil
	}
	return nil, fmt.Errorf("--policy %q: of a table it is uniform or action:ID", name)
}

func (f *evaluateFlags) logRows(ctx context.Context) (report.Rows, func(), error) {
	candidates, err := f.candidates()
	if err != nil {
		return nil, nil, err
	}
	since, err := parseTime(f.since)
	if err != nil {
		return nil, nil, err
	}
	until, err := parseTime(f.until)
	if err != nil {
		return nil, nil, err
	}
	l, err := evaluate.Open(ctx, evaluate.Options{
		Data: f.data, Loop: f.loop, Candidates: candidates, Since: since, Until: until, Provisional: f.open,
	})
	if err != nil {
		return nil, nil, err
	}
	closeLog := func() { _ = l.Close() } // Nothing was written.
	return &report.LogRows{Log: l, Data: f.data, Loop: f.loop}, closeLog, nil
}

// candidates reads loop files, and takes other words for policies that need none.
func (f *evaluateFlags) candidates() ([]evaluate.Candidate, error) {
	var out []evaluate.Candidate
	for _, policy := range f.policies {
		c, err := evaluate.ParseCandidate(f.loop, policy)
		var problems loop.Problems
		switch {
		case errors.As(err, &problems):
			return nil, err
		case err != nil:
			return nil, usageError{fmt.Errorf("--policy: %w", err)}
		}
		out = append(out, c)
	}
	return out, nil
}

// evaluateProgress shows how far the rows have been read.
type evaluateProgress struct {
	out  io.Writer
	line *progressLine
	seen int64
}

func newEvaluateProgress(out io.Writer) *evaluateProgress { return &evaluateProgress{out: out} }

// steps is how finely progress is shown.
const steps = 1000

func (p *evaluateProgress) at(done, total int64) {
	if total <= 0 {
		return
	}
	if p.line == nil {
		p.line = newProgress(p.out, "evaluate", steps)
	}
	now := min(done*steps/total, steps)
	if now > p.seen {
		p.line.add(int(now - p.seen))
		p.seen = now
	}
}

// done ends the line: where every row was read, at its end.
func (p *evaluateProgress) done(all bool) {
	if p.line != nil {
		if all && p.seen > 0 {
			p.at(steps, steps)
		}
		p.line.done()
	}
}
