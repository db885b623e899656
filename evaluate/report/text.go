package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the document for a terminal.
func (d *Document) Text(w io.Writer) error {
	var b strings.Builder
	for _, p := range d.All() {
		p.text(&b)
		fmt.Fprintln(&b)
	}
	if d.Gate != nil {
		word := "failed"
		if d.Gate.Passed {
			word = "passed"
		}
		fmt.Fprintf(&b, "Gate %s: %s.\n", word, d.Gate.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Policy) text(b *strings.Builder) {
	if p.Name != "" {
		fmt.Fprintf(b, "Policy %s\n", p.Name)
	}
	fmt.Fprintf(b, "%s\n\n", p.Verdict.Text)
	estimatesText(b, p.rows())
	d := &p.Diagnostics
	fmt.Fprintf(b, "\n%.0f decisions, effective sample %s%s; weights: mean %s (z %s), largest %s, top 1%% hold %s%%\n",
		d.N, number(d.EffectiveSample), expectedText(d.ExpectedSample), number(d.MeanWeight), number(d.MeanWeightZ), number(d.MostWeight),
		number(times100(d.TopWeight)))
	if d.Unsupported != nil {
		fmt.Fprintf(b, "without support: %s%% of the policy%s\n", number(times100(d.Unsupported)), unmetText(d.Unmet))
	}
	if d.Censored > 0 {
		fmt.Fprintf(b, "not known yet: the rewards of %.0f decisions (%s%%)\n", d.Censored, number(times100(d.CensoredShare)))
	}
	for _, s := range p.Slots {
		fmt.Fprintf(b, "\nSlot %d\n", s.Position)
		estimatesText(b, s.Estimates)
		fmt.Fprintln(b, s.Verdict.Text)
	}
}

// rows are the estimates, with those that compare to the logging policy.
func (p *Policy) rows() []Estimate {
	rows := append([]Estimate{}, p.Estimates...)
	logger := p.Diagnostics.Logger
	logger.Name = "logged (online)"
	rows = append(rows, logger)
	if p.Gain != nil {
		g := *p.Gain
		g.Name = "gain over logged (" + g.Name + ")"
		rows = append(rows, g)
	}
	return rows
}

func expectedText(x *float64) string {
	if x == nil {
		return ""
	}
	return " (" + number(x) + " expected)"
}

func unmetText(actions []string) string {
	if len(actions) == 0 {
		return ""
	}
	return " and all of " + strings.Join(actions, ", ")
}

func estimatesText(b *strings.Builder, rows []Estimate) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "estimator\tvalue\tlower\tupper\tinterval")
	for _, e := range rows {
		if e.NotComputable != "" {
			fmt.Fprintf(t, "%s\tnot computable: %s\n", e.Name, e.NotComputable)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", e.Name, number(e.Value), number(e.Lower), number(e.Upper), e.Interval)
	}
	_ = t.Flush() // It writes to a strings.Builder, which does not fail.
}

func times100(x *float64) *float64 {
	if x == nil {
		return nil
	}
	y := 100 * *x
	return &y
}

func number(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.6g", *x)
}
