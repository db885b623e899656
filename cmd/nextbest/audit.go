package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/eventlog"
)

func auditCommand() *cobra.Command {
	var data, since, until string
	var filter audit.Filter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, when and why",
		Long: `Lists the administrative records of the event log: loop files and promotions, models that were published, the kill
switch, suppressions, the catalogue, verdicts. They are chained by hash: "nextbest log verify" finds what was changed,
dropped, added or moved, and "nextbest audit head" prints what to write down elsewhere, so that an end that was cut off is
found as well. It reads the files: the service may run or not.`,
		Example: `  nextbest audit --data data
  nextbest audit --data data --kind kill --since 2026-11-01
  nextbest audit --data data --loop homepage --actor ann --json
  nextbest audit head --data data`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if filter.Since, err = moment("--since", since); err != nil {
				return usageError{err}
			}
			if filter.Until, err = moment("--until", until); err != nil {
				return usageError{err}
			}
			return listAudit(cmd.Context(), cmd.OutOrStdout(), data, filter, asJSON)
		},
	}
	dataFlag(cmd, &data)
	f := cmd.Flags()
	f.StringVar(&filter.Loop, "loop", "", "only of this loop")
	f.StringVar(&filter.Kind, "kind", "", "only of this kind, as in kill.set, or kill for all whose name begins so")
	f.StringVar(&filter.Actor, "actor", "", "only by this actor")
	f.StringVar(&since, "since", "", "only from then on: 2026-11-01 or 2026-11-01T09:00:00Z")
	f.StringVar(&until, "until", "", "only before then")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.AddCommand(auditHeadCommand())
	return cmd
}

// moment reads a date or a time; "" is none.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s must be like 2026-11-01 or 2026-11-01T09:00:00Z, not %q", flag, text)
}

func listAudit(ctx context.Context, out io.Writer, data string, filter audit.Filter, asJSON bool) error {
	l, err := openLog(data)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // It was only read.
	entries := []audit.Entry{}
	err = audit.Each(ctx, l, func(e audit.Entry) bool {
		if filter.Wants(&e) {
			entries = append(entries, e)
		}
		return true
	})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(struct {
			Entries []audit.Entry `json:"entries"`
		}{entries})
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "POSITION\tTIME\tKIND\tACTOR\tLOOP\tSUBJECT\tCHANGE\tREASON")
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Position, e.Time.Format("2006-01-02 15:04:05Z"), e.Kind, e.Actor, e.Loop, e.Subject, changeOf(e), e.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d entries\n", len(entries))
	return err
}

// mostShown bounds what one line of text shows of a document.
const mostShown = 60

// changeOf shows what was before and after.
func changeOf(e *audit.Entry) string {
	if len(e.Before) == 0 {
		return shortened(string(e.After))
	}
	return shortened(string(e.Before)) + " -> " + shortened(or(string(e.After), "nothing"))
}

func shortened(text string) string {
	if r := []rune(text); len(r) > mostShown {
		return string(r[:mostShown-1]) + "…"
	}
	return text
}

func auditHeadCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "head",
		Short: "Print the newest link of the chain, to be kept elsewhere",
		Long: `Prints NUMBER:LINK. Whoever keeps it where the log's keepers cannot write can prove later, with
"nextbest log verify --anchor NUMBER:LINK", that nothing up to it was changed, cut off or made anew.`,
		Example: "  nextbest audit head --data data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := openLog(data)
			if err != nil {
				return err
			}
			defer l.Close() //nolint:errcheck // It was only read.
			r, err := eventlog.VerifyChain(l, eventlog.Head{})
			if err != nil {
				return err
			}
			if !r.Sound() {
				return fmt.Errorf("the chain is broken: see nextbest log verify")
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"number": r.Number, "link": r.Head})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d:%s\n", r.Number, r.Head)
			return err
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// openLog opens the event log of a data directory for reading.
func openLog(data string) (*eventlog.Log, error) {
	dir, err := logDir(data)
	if err != nil {
		return nil, err
	}
	l, _, err := eventlog.OpenReadOnly(dir)
	return l, err
}
