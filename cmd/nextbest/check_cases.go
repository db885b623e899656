package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/preflight"
)

// caseFlags say how test cases are run and told.
type caseFlags struct {
	files    []string
	coverage float64 // in percent
	explain  bool
}

// checkCases runs files of test cases, and prints what they came to.
func checkCases(f *caseFlags, out io.Writer, asJSON bool) error {
	var cases []loop.Case
	for _, path := range f.files {
		more, err := loop.CompileTests(path, loop.CompileFile)
		if err != nil {
			if !asJSON {
				fmt.Fprintln(out, err)
				return reportedError{errors.New("there are problems in the test files")}
			}
			return err
		}
		cases = append(cases, more...)
	}
	outcome := preflight.Run(cases, f.explain)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(outcome); err != nil {
			return err
		}
	} else if err := printOutcome(out, &outcome); err != nil {
		return err
	}
	switch {
	case !outcome.OK:
		return reportedError{errors.New("not every case is as expected")}
	case 100*outcome.Covered < f.coverage:
		if !asJSON {
			fmt.Fprintf(out, "\n%.0f%% of the rules' verdicts were seen, and %g%% are asked for\n", 100*outcome.Covered, f.coverage)
		}
		return reportedError{errors.New("the cases cover too little")}
	}
	return nil
}

func printOutcome(out io.Writer, o *preflight.Outcome) error {
	t := plainTableWriter("", "case", "action", "", "by")
	failed := 0
	for i := range o.Cases {
		c := &o.Cases[i]
		mark := "ok"
		if !c.OK {
			mark = "FAIL"
			failed++
		}
		for j, a := range c.Actions {
			verdict, by := "permitted", strings.Join(a.WarnedBy, ", ")
			if by != "" {
				by = "warned by " + by
			}
			if !a.Permitted {
				verdict, by = "denied", ruleAndReason(&a)
			}
			if j > 0 {
				t.AppendRow(table.Row{"", "", a.Action, verdict, by})
				continue
			}
			t.AppendRow(table.Row{mark, c.Name, a.Action, verdict, by})
		}
	}
	fmt.Fprintln(out, rendered(t))
	printFindings(out, o)
	printWrong(out, o)
	printCoverage(out, o)
	_, err := fmt.Fprintf(out, "\n%d cases, %d not as expected; %.0f%% of the rules' verdicts were seen\n", len(o.Cases), failed, 100*o.Covered)
	return err
}

func ruleAndReason(a *preflight.ActionResult) string {
	if a.Rule == "" || a.Rule == a.Reason {
		return a.Reason
	}
	return fmt.Sprintf("%s (reason %s)", a.Rule, a.Reason)
}

func printWrong(out io.Writer, o *preflight.Outcome) {
	for i := range o.Cases {
		c := &o.Cases[i]
		if c.OK {
			continue
		}
		fmt.Fprintf(out, "\n%s:%d: %s\n", c.File, c.Line, c.Name)
		for _, a := range c.Actions {
			if a.Wrong != "" {
				fmt.Fprintf(out, "  %s: %s\n", a.Action, a.Wrong)
			}
		}
	}
}

// printFindings prints every rule's verdict, where they were asked for.
func printFindings(out io.Writer, o *preflight.Outcome) {
	for i := range o.Cases {
		c := &o.Cases[i]
		for _, a := range c.Actions {
			if len(a.Findings) == 0 {
				continue
			}
			fmt.Fprintf(out, "\n%s, %s:\n", c.Name, a.Action)
			t := plainTableWriter("rule", "verdict", "read")
			for _, f := range a.Findings {
				verdict := f.Verdict
				if f.Missing {
					verdict += " (missing)"
				}
				var read []string
				for _, v := range f.Values {
					read = append(read, v.Name+" = "+v.Value)
				}
				t.AppendRow(table.Row{f.Rule, verdict, strings.Join(read, ", ")})
			}
			fmt.Fprintln(out, rendered(t))
		}
	}
}

// printCoverage prints what was not seen of which rules.
func printCoverage(out io.Writer, o *preflight.Outcome) {
	if o.Covered < 1 {
		fmt.Fprintln(out)
	}
	for _, c := range o.Coverage {
		var never []string
		if !c.Permits {
			never = append(never, "permits")
		}
		if !c.Objects {
			never = append(never, "objects")
		}
		if len(never) > 0 {
			fmt.Fprintf(out, "%s:%d: in no case rule %s of loop %s %s\n", c.File, c.Line, c.Rule, c.Loop, strings.Join(never, " or "))
		}
	}
}

// rendered returns a table without blanks at the ends of lines.
func rendered(t table.Writer) string {
	lines := strings.Split(t.Render(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// plainTableWriter returns a table without borders.
func plainTableWriter(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleDefault)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = 0
	t.Style().Box.PaddingLeft = ""
	t.Style().Box.PaddingRight = "  "
	t.AppendHeader(header)
	return t
}
