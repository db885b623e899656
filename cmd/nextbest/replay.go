package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// maxDifferences is how many differences a replay prints; all are counted.
const maxDifferences = 20

func replayCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Make every logged decision and the model again from the log; exit 1 on any difference",
		Long: `Folds the event log from its beginning, makes each published model and each decision again, and compares them bit
for bit with what was logged. It changes nothing, and may run beside the service.`,
		Example: "  nextbest replay --data data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := replay(cmd.Context(), data, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := printReplay(cmd.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if report.Different > 0 {
				return reportedError{errors.New("the replay differs from the log")}
			}
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func replay(ctx context.Context, data string, progress io.Writer) (*learn.ReplayReport, error) {
	dir, err := logDir(data)
	if err != nil {
		return nil, err
	}
	log, _, err := eventlog.OpenReadOnly(dir)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	defer log.Close() //nolint:errcheck // It was only read.
	bar := newProgress(progress, "replaying positions", int(log.End()))
	defer bar.done()
	at := eventlog.Position(0)
	return learn.Replay(ctx, learn.NewSource(log), loop.Compile, learn.ReplayOptions{
		Progress: func(pos eventlog.Position, _ uint64) {
			bar.add(int(pos - at))
			at = pos
		},
	})
}

func printReplay(out io.Writer, r *learn.ReplayReport, asJSON bool) error {
	if asJSON {
		listed(&r.Differences)
		return json.NewEncoder(out).Encode(r)
	}
	for i, d := range r.Differences {
		if i == maxDifferences {
			fmt.Fprintf(out, "and %d more\n", r.Different-maxDifferences)
			break
		}
		fmt.Fprintf(out, "position %d, loop %s, event %q: %s\n", d.Position, d.Loop, d.EventID, d.What)
	}
	word := "no difference"
	if r.Different > 0 {
		word = fmt.Sprintf("%d DIFFERENCES", r.Different)
	}
	_, err := fmt.Fprintf(out, "%d records: %d decisions and %d models made again, %s\n", r.Records, r.Decisions, r.Models, word)
	return err
}
