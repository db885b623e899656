package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/preflight"
)

// checkAgainst holds the decisions of a data directory's log against loop files, and prints what the files' guardrails would
// have done to them. That they would have done something is no failure.
func checkAgainst(ctx context.Context, data string, definitions []*learn.Definition, out, progress io.Writer, asJSON bool) error {
	reports, err := holdAgainst(ctx, data, definitions, progress)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(reports)
	}
	for i := range reports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printAgainst(out, &reports[i]); err != nil {
			return err
		}
	}
	return nil
}

// held is one loop of the log: the file in force, and what its decisions are held against.
type held struct {
	was     *decision.Loop // nil where the log does not have it, or this version can not compile it
	against []*preflight.Against
}

func holdAgainst(ctx context.Context, data string, definitions []*learn.Definition, progress io.Writer) ([]preflight.Report, error) {
	dir, err := logDir(data)
	if err != nil {
		return nil, err
	}
	log, _, err := eventlog.OpenReadOnly(dir)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	defer log.Close() //nolint:errcheck // It was only read.
	loops := make(map[string]*held, len(definitions))
	all := make([]*preflight.Against, len(definitions)) // a loop and its challengers have one name
	for i, d := range definitions {
		if all[i], err = preflight.NewAgainst(d.Loop); err != nil {
			return nil, err
		}
		if loops[d.Loop.Name] == nil {
			loops[d.Loop.Name] = &held{}
		}
		h := loops[d.Loop.Name]
		h.against = append(h.against, all[i])
	}
	others := make(map[string]struct{})
	if err := eachOf(ctx, log, progress, loops, others); err != nil {
		return nil, err
	}
	var reports []preflight.Report
	var none []string
	for i, d := range definitions {
		if r := all[i].Report(); r.Decisions > 0 {
			r.File = d.Path
			reports = append(reports, r)
		} else {
			none = append(none, d.Loop.Name)
		}
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("the log has no decisions of %s; it has loops %s", strings.Join(none, ", "),
			strings.Join(slices.Sorted(maps.Keys(others)), ", "))
	}
	if len(none) > 0 {
		fmt.Fprintln(progress, "the log has no decisions of", strings.Join(none, ", "))
	}
	return reports, nil
}

// eachOf hands the decisions of a log to their loops, each with the file that it was made under.
func eachOf(ctx context.Context, log *eventlog.Log, progress io.Writer, loops map[string]*held, seen map[string]struct{}) error {
	bar := newProgress(progress, "checking positions", int(log.End()))
	defer bar.done()
	r := log.NewReader(0)
	defer r.Close() //nolint:errcheck // It was only read.
	at := eventlog.Position(0)
	for ctx.Err() == nil {
		pos, payload, err := r.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the event log: %w", err)
		}
		bar.add(int(pos - at))
		at = pos
		record, err := eventlog.Unmarshal(payload)
		if err != nil {
			continue // replay and log verify tell of it
		}
		if c := record.GetLoopChange(); c != nil {
			seen[c.GetLoop()] = struct{}{}
			if h := loops[c.GetLoop()]; h != nil && !c.GetRemoved() {
				h.was = nil
				if d, err := loop.Compile(c.GetPath(), c.GetFile()); err == nil {
					h.was = d.Loop
				}
			}
		}
		d := record.GetDecision()
		if d == nil {
			continue
		}
		if h := loops[d.GetLoop()]; h != nil {
			if decided, err := eventlog.ToDecision(record); err == nil {
				for _, against := range h.against {
					if err := against.Add(decided, h.was); err != nil {
						return fmt.Errorf("position %d: %w", pos, err)
					}
				}
			}
		}
	}
	return ctx.Err()
}

func printAgainst(out io.Writer, r *preflight.Report) error {
	fmt.Fprintf(out, "%s, held against %d decisions from %s to %s", r.File, r.Decisions, r.First.Format("2006-01-02 15:04"), r.Last.Format("2006-01-02 15:04"))
	if r.Slots != r.Decisions {
		fmt.Fprintf(out, ", with %d slots, which are counted below", r.Slots)
	}
	fmt.Fprintf(out, "\n\n%s would have lost the action that was served\n%s would have had no action left\n%s would have had fewer actions to choose from\n%s would have had more\n",
		ofAll(r.LostServed, r.Slots), ofAll(r.NoneLeft, r.Slots), ofAll(r.Narrowed, r.Slots), ofAll(r.Widened, r.Slots))
	if len(r.Rules) > 0 {
		t := plainTableWriter("rule", "lost the served", "lost any", "probability", "actions")
		for _, rule := range r.Rules {
			t.AppendRow(table.Row{rule.Rule, rule.LostServed, rule.Slots, fmt.Sprintf("%.2f%%", 100*rule.Probability), few(rule.Actions)})
		}
		fmt.Fprintf(out, "\n%s\n", rendered(t))
	}
	for _, a := range r.Newly {
		fmt.Fprintf(out, "\n%s would be permitted in %s where it was excluded, or not there", a.Action, ofAll(a.Slots, r.Slots))
	}
	if len(r.Newly) > 0 {
		fmt.Fprintln(out)
	}
	return printSupport(out, r)
}

func printSupport(out io.Writer, r *preflight.Report) error {
	s := &r.Support
	fmt.Fprintf(out, "\nwhat the log can still say, by %d choices of the policy:\n", s.Samples)
	if s.Samples > 0 {
		fmt.Fprintf(out, "  %.2f%% of the logged probability is on what is excluded now: harmless, the others weigh more\n"+
			"  %.2f%% of the new probability is on what could not be logged\n  effective sample %.0f\n", 100*s.Excluded, 100*s.Unsupported, s.Effective)
	}
	if s.Answers {
		_, err := fmt.Fprintf(out, "  the log can answer what the loop would have earned: nextbest evaluate\n")
		return err
	}
	_, err := fmt.Fprintf(out, "  the log can NOT answer what the loop would have earned\n  %s\n", strings.Join(s.Refusals, "\n  "))
	return err
}

func ofAll(n, all uint64) string {
	return fmt.Sprintf("%d (%.2f%%)", n, 100*float64(n)/float64(max(all, 1)))
}

// few names the first of many.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
