package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
)

func toldContext(r *decision.Record) []toldFeature {
	var out []toldFeature
	for _, f := range r.Context {
		out = append(out, toldFeature{Name: f.Name, Value: features.FormatValue(f.Value)})
	}
	return out
}

// toldUser lists the user's features in the schema's order: as stored, or the default and why.
func toldUser(r *decision.Record, l *decision.Loop) []toldFeature {
	reasons := map[string]string{}
	for _, d := range r.Defaulted {
		reasons[d.Name] = d.Reason
	}
	var out []toldFeature
	for _, field := range l.Schema.User {
		value, reason := r.Input.User.Get(field.Name), reasons[field.Name]
		if value.Kind() == features.Missing {
			value, reason = field.Default, cmp.Or(reason, r.Degraded, "no user")
		}
		out = append(out, toldFeature{Name: field.Name, Value: features.FormatValue(value), Reason: reason})
	}
	return out
}

// toldSlotOf lists a slot's eligible actions in the order in which the draw runs over them.
func toldSlotOf(r *decision.Record, i int) toldSlot {
	c := &r.Choices[i]
	slot := toldSlot{ID: r.Slots[i].ID, Served: r.ActionID(c.Served()), Draw: c.Draw}
	slot.Warnings = append([]string{}, c.Warnings...)
	if c.WouldHaveChosen >= 0 {
		slot.WouldHaveChosen = r.Actions[c.WouldHaveChosen].ID
	}
	inOrder := slices.Clone(c.Ranking)
	slices.SortFunc(inOrder, func(a, b decision.Ranked) int { return cmp.Compare(a.Action, b.Action) })
	from := 0.0
	for _, ranked := range inOrder {
		to := from + ranked.Probability
		slot.Actions = append(slot.Actions, toldAction{r.Actions[ranked.Action].ID, ranked.Probability, ranked.Score, from, to})
		from = to
	}
	for _, x := range c.Excluded {
		slot.Excluded = append(slot.Excluded, toldReason{r.Actions[x.Action].ID, x.Reason})
	}
	return slot
}

func toldRewards(history []eventlog.Entry, joined *learn.JoinedEvent) []toldReward {
	outcomes := map[eventlog.Position]string{}
	for _, o := range joined.Rewards {
		outcomes[o.Position] = o.Outcome.String()
	}
	var out []toldReward
	for _, e := range history {
		if w := e.Record.GetReward(); w != nil {
			out = append(out, toldReward{
				ID: w.GetRewardId(), Value: w.GetValue(), Metric: w.GetMetric(), Slot: w.GetSlotId(),
				Received: time.Unix(0, e.Record.GetTimeUnixNanos()).UTC(), Outcome: outcomes[e.Position], Position: e.Position,
			})
		}
	}
	return out
}

func (e *explanation) print(out io.Writer) error {
	p := &pages{out: out}
	p.line("Event %s of loop %s, decided %s, log position %d", e.Event, e.Loop, e.Decided.Format(time.RFC3339Nano), e.Position)
	p.line("Snapshot %s, policy %s, learning mode %s, arm %s", e.Snapshot, e.Policy, e.LearningMode, e.Arm)
	if e.Cold {
		p.line("Cold: the model had not learned from any event yet.")
	}
	if e.Fallback != "" {
		p.line("Fallback: %s", e.Fallback)
	}
	p.features("Context", e.Context)
	p.features("User "+e.User, e.UserFeatures)
	for i := range e.Slots {
		p.slot(i, &e.Slots[i], len(e.Slots) > 1)
	}
	p.rewards(e)
	return p.err
}

// pages prints until an error, which it keeps.
type pages struct {
	out io.Writer
	err error
}

func (p *pages) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *pages) table(header table.Row, rows []table.Row) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(header)
	t.AppendRows(rows)
	p.line("%s", t.Render())
}

func (p *pages) features(title string, fs []toldFeature) {
	if len(fs) == 0 {
		return
	}
	p.line("\n%s", strings.TrimSpace(title))
	for _, f := range fs {
		if f.Reason != "" {
			p.line("  %s = %s (default: %s)", f.Name, f.Value, f.Reason)
		} else {
			p.line("  %s = %s", f.Name, f.Value)
		}
	}
}

func (p *pages) slot(i int, s *toldSlot, several bool) {
	if several {
		p.line("\nSlot %d %s", i+1, s.ID)
	}
	if s.Served == "" {
		p.line("\nServed nothing: no action was permitted")
	} else {
		p.line("\nServed %s: the draw was %.6f", s.Served, s.Draw)
	}
	for _, w := range s.Warnings {
		p.line("Guardrail %s warns of it", w)
	}
	if s.WouldHaveChosen != "" {
		p.line("The policy would have chosen %s", s.WouldHaveChosen)
	}
	var rows []table.Row
	for _, a := range s.Actions {
		mark := ""
		if a.ID == s.Served {
			mark = "served"
		}
		rows = append(rows, table.Row{a.ID, fmt.Sprintf("%.6f", a.Probability), fmt.Sprintf("%.6f", a.Score), fmt.Sprintf("%.6f to %.6f", a.From, a.To), mark})
	}
	for _, x := range s.Excluded {
		rows = append(rows, table.Row{x.ID, "", "", "", x.Reason})
	}
	p.table(table.Row{"action", "probability", "score", "chosen by a draw in", ""}, rows)
}

func (p *pages) rewards(e *explanation) {
	p.line("")
	for _, r := range e.Rewards {
		p.line("Reward %s: %g %s received %s: %s", r.ID, r.Value, strings.TrimSpace(r.Metric+" "+r.Slot), r.Received.Format(time.RFC3339Nano), r.Outcome)
	}
	switch {
	case e.Activated != nil:
		p.line("Activated %s", e.Activated.Format(time.RFC3339Nano))
	case e.Deferred:
		p.line("Deferred, and not activated yet: it does not count")
	}
	for i := range e.Slots {
		word := "by its rewards"
		if !e.Slots[i].Rewarded {
			word = "the default"
		}
		if !e.Slots[i].Examined {
			word += ", not learned from: an earlier slot ended the scan"
		}
		p.line("Worth %g (%s); state %s, window ends %s", e.Slots[i].Reward, word, e.State, e.Closes.Format(time.RFC3339))
	}
}
