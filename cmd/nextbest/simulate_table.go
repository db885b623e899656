package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/nextbest/nextbest/simulate/chart"
)

// line is a row of the report: its name and a text for each policy. A line without a name parts groups.
type line struct {
	name  string
	texts []string
}

// simulateLines lays a report out, a column for each policy.
func simulateLines(reports []simulateReport) []line {
	l := &lines{reports: reports}
	first := reports[0]
	l.add("policy", func(r *simulateReport) string { return r.Policy })
	l.part()
	for i, p := range first.First {
		l.add(fmt.Sprintf("first %d rounds", p.Rounds), func(r *simulateReport) string { return rewardAt(r.First, i) })
	}
	l.add("all rounds", func(r *simulateReport) string { return reward(r.AverageReward) + withError(r.StandardError) })
	if len(first.Halves) == 2 {
		l.add("first half", func(r *simulateReport) string { return reward(r.Halves[0]) })
		l.add("second half", func(r *simulateReport) string { return reward(r.Halves[1]) })
	}
	if first.LastTenth != nil {
		l.add("last tenth", func(r *simulateReport) string { return reward(*r.LastTenth) })
		l.add("tenths", func(r *simulateReport) string { return tenths(r.Tenths) })
	}
	l.loggedLines()
	l.userLines()
	l.part()
	l.referenceLines()
	l.part()
	l.runLines()
	return l.all
}

type lines struct {
	reports []simulateReport
	all     []line
}

func (l *lines) part() { l.all = append(l.all, line{}) }

func (l *lines) add(name string, text func(*simulateReport) string) {
	row := line{name: name}
	for i := range l.reports {
		row.texts = append(row.texts, text(&l.reports[i]))
	}
	l.all = append(l.all, row)
}

func (l *lines) loggedLines() {
	first := l.reports[0].Logged
	if first == nil {
		return
	}
	l.add("95% interval", func(r *simulateReport) string { return reward(r.Logged.Low) + " to " + reward(r.Logged.High) })
	if first.Accepted != nil {
		l.add("accepted rows", func(r *simulateReport) string { return fmt.Sprintf("%.0f of %d", *r.Logged.Accepted, r.Logged.Rows) })
		return
	}
	l.add("without self-normalisation", func(r *simulateReport) string { return reward(*r.Logged.IPS) })
	l.add("rows that the weights are worth", func(r *simulateReport) string {
		return fmt.Sprintf("%.0f of %d", *r.Logged.EffectiveRows, r.Logged.Rows)
	})
	l.add("largest weight", func(r *simulateReport) string { return fmt.Sprintf("%.3g", *r.Logged.MaxWeight) })
}

func (l *lines) userLines() {
	first := l.reports[0].Users
	if first == nil {
		return
	}
	l.part()
	for i, p := range first.ColdStart {
		name := fmt.Sprintf("first %d decisions of each user", p.Decisions)
		if p.Decisions == 1 {
			name = "first decision of each user"
		}
		l.add(name, func(r *simulateReport) string { return reward(r.Users.ColdStart[i].AverageReward) })
	}
}

func (l *lines) referenceLines() {
	first, said := l.reports[0], "expected"
	if first.Logged != nil {
		said = "by the log,"
	}
	if first.Expected != nil {
		l.add("expected of the actions chosen", func(r *simulateReport) string { return reward(r.Expected.Reward) })
	}
	l.add(said+" of a uniform choice", func(r *simulateReport) string { return reward(r.UniformReward) })
	l.add("best single action, in hindsight", func(r *simulateReport) string { return reward(r.BestConstant) })
	if first.Users != nil {
		l.add("best single action of each user, in hindsight", func(r *simulateReport) string { return reward(r.Users.BestConstant) })
	}
	if first.Expected != nil {
		l.add("best action of each round", func(r *simulateReport) string { return reward(r.Expected.Oracle) })
		l.add("share of the possible gain", func(r *simulateReport) string { return fmt.Sprintf("%.3f", r.Expected.Share) })
	}
	if first.Tests != nil {
		l.add("share in the first half of the tests", func(r *simulateReport) string { return fmt.Sprintf("%.3f", r.Tests.FirstHalf) })
		l.add("share in the second half", func(r *simulateReport) string { return fmt.Sprintf("%.3f", r.Tests.SecondHalf) })
		l.add("tests left out of the file (srm_risk)", func(r *simulateReport) string { return fmt.Sprint(r.Tests.LeftOut) })
	}
}

func (l *lines) runLines() {
	l.add("seed", func(r *simulateReport) string {
		if len(r.Seeds) == 1 {
			return fmt.Sprint(r.Seed)
		}
		return fmt.Sprintf("%d to %d", r.Seed, r.Seeds[len(r.Seeds)-1].Seed)
	})
	l.add("processor time", func(r *simulateReport) string {
		return fmt.Sprintf("%.2f s, %.1f µs a round", r.CPUSeconds, r.CPUSeconds/float64(r.Rounds*len(r.Seeds))*1e6)
	})
	l.add("of it learning", func(r *simulateReport) string { return speed(r.Speed.LearnMicroseconds, r.Speed.LearnPerSecond) })
	l.add("of it predicting", func(r *simulateReport) string { return speed(r.Speed.PredictMicroseconds, r.Speed.PredictPerSecond) })
}

func speed(microseconds, perSecond float64) string {
	return fmt.Sprintf("%.2f µs a round, %.0f a second", microseconds, perSecond)
}

func reward(x float64) string { return fmt.Sprintf("%.4f", x) }

func rewardAt(first []firstRounds, i int) string {
	if i >= len(first) {
		return ""
	}
	return reward(first[i].AverageReward)
}

func withError(standardError *float64) string {
	if standardError == nil {
		return ""
	}
	return fmt.Sprintf(" ± %.4f", *standardError)
}

func tenths(xs []float64) string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = fmt.Sprintf("%.3f", x)
	}
	return strings.Join(out[:len(out)/2], " ") + "\n" + strings.Join(out[len(out)/2:], " ")
}

func allReports(g *game, played []simulated) []simulateReport {
	out := make([]simulateReport, len(played))
	for i := range played {
		out[i] = newSimulateReport(g, &played[i])
	}
	return out
}

func printSimulated(w io.Writer, g *game, played []simulated) error {
	reports := allReports(g, played)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetTitle("%s, %d rounds, %d actions", g.title, reports[0].Rounds, reports[0].Actions)
	header := table.Row{"average reward"}
	for range reports {
		header = append(header, "")
	}
	t.AppendHeader(header)
	for _, l := range simulateLines(reports) {
		if l.name == "" {
			t.AppendSeparator()
			continue
		}
		row := table.Row{l.name}
		for _, text := range l.texts {
			row = append(row, text)
		}
		t.AppendRow(row)
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// writePicture draws the curves into a file, with the table when it is a page.
func writePicture(path string, g *game, played []simulated) error {
	picture := chart.Picture{Title: g.title, X: g.axis}
	for i := range played {
		picture.Policies = append(picture.Policies, chart.Policy{Name: played[i].policy, Seeds: played[i].results})
	}
	var b bytes.Buffer
	err := picture.SVG(&b)
	if strings.HasSuffix(path, ".html") {
		b.Reset()
		err = picture.HTML(&b, pageTable(allReports(g, played)))
	}
	if err != nil {
		return fmt.Errorf("report %s: %w", path, err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func pageTable(reports []simulateReport) chart.Table {
	var t chart.Table
	for _, l := range simulateLines(reports) {
		if l.name == "" {
			continue
		}
		row := append([]string{l.name}, l.texts...)
		if t.Header == nil { // the policies' names
			t.Header = row
			continue
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
