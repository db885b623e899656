package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/export"
	"github.com/nextbest/nextbest/loop"
)

// exportFlags are what the command line says of an export, as it was typed.
type exportFlags struct {
	data, out, format, loop, since, until, loops, userKey string
	closed, skipDamaged, asJSON                           bool
}

func logExportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the decisions with their rewards as tables for DuckDB, pandas and Spark",
		Long: `Writes a row for each decision and slot, with the exact probability of what was served and the reward as the learner
joins it, into OUT/loop=NAME/day=YYYY-MM-DD. A partition that is there is replaced as a whole. It only reads the log,
and may run beside the service. docs/log-export.md describes the columns.`,
		Example: `  nextbest log export --data data --out tables
  nextbest log export --data data --out tables --loop homepage --since 2026-11-01 --until 2026-11-08
  nextbest log export --data data --out tables --format csv --closed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			summary, err := runExport(cmd.Context(), o, cmd.ErrOrStderr())
			if errors.Is(err, export.ErrDamaged) {
				return fmt.Errorf("%w; nothing was written: --skip-damaged exports what is readable", err)
			}
			if errors.Is(err, export.ErrNoLoopFile) {
				return fmt.Errorf("%w: give the directory of loop files with --loops", err)
			}
			if err != nil {
				return err
			}
			return printExported(cmd.OutOrStdout(), summary, f.asJSON)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *exportFlags) add(cmd *cobra.Command) {
	dataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "directory of the tables (required)")
	flags.StringVar(&f.format, "format", string(export.Parquet), "parquet, ndjson or csv")
	flags.StringVar(&f.loop, "loop", "", "only this loop's decisions")
	flags.StringVar(&f.since, "since", "", "only decisions from this day on (YYYY-MM-DD, UTC)")
	flags.StringVar(&f.until, "until", "", "only decisions before this day (YYYY-MM-DD, UTC)")
	flags.BoolVar(&f.closed, "closed", false, "only decisions whose reward is final and counts (reward_state closed)")
	flags.StringVar(&f.userKey, "hash-users", "", "replace user ids by their HMAC-SHA-256 under the key in this file")
	flags.StringVar(&f.loops, "loops", "", "directory of loop files, for loops whose file retention has dropped from the log")
	flags.BoolVar(&f.skipDamaged, "skip-damaged", false, "export what is readable of a damaged log, and say what is not")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
}

// options reads what was typed; what cannot be meant is a usage error.
func (f *exportFlags) options() (export.Options, error) {
	o := export.Options{
		Out: f.out, Format: export.Format(f.format), Loop: f.loop, ClosedOnly: f.closed, SkipDamaged: f.skipDamaged,
		Compile: loop.Compile,
	}
	if f.out == "" {
		return o, usageError{errors.New("--out: say which directory the tables go to")}
	}
	var err error
	if o.Since, err = dayFlag("--since", f.since); err != nil {
		return o, usageError{err}
	}
	if o.Until, err = dayFlag("--until", f.until); err != nil {
		return o, usageError{err}
	}
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	if o.Log, err = logDir(f.data); err != nil {
		return o, err
	}
	if f.userKey != "" {
		if o.UserKey, err = readKey(f.userKey); err != nil {
			return o, err
		}
	}
	if f.loops != "" {
		if o.Definitions, err = loop.Load(f.loops); err != nil {
			return o, err
		}
	}
	return o, nil
}

// dayFlag reads a day, or a time as RFC 3339 has it.
func dayFlag(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("%s: %q is no day, as in 2026-11-25", name, text)
	}
	return at, nil
}

// minKeyBytes keeps user ids from being found by trying keys.
const minKeyBytes = 16

func readKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--hash-users: %w", err)
	}
	b = bytes.TrimSpace(b)
	if len(b) < minKeyBytes {
		return nil, fmt.Errorf("--hash-users: the key in %s has %d bytes; it needs %d at least", path, len(b), minKeyBytes)
	}
	return b, nil
}

func runExport(ctx context.Context, o export.Options, progress io.Writer) (*export.Summary, error) {
	var bar *progressLine
	at := uint64(0)
	o.Progress = func(done, total uint64) {
		if bar == nil {
			bar = newProgress(progress, "exporting positions", int(total))
		}
		bar.add(int(done - at))
		at = done
	}
	defer func() {
		if bar != nil {
			bar.done()
		}
	}()
	return export.Run(ctx, o)
}

func printExported(out io.Writer, s *export.Summary, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	for _, p := range s.Partitions {
		fmt.Fprintf(out, "%s: %d rows, %d bytes in %d file(s)\n", p.Path, p.Rows, p.Bytes, len(p.Files))
	}
	for _, path := range s.Kept {
		fmt.Fprintf(out, "%s: left as it was, as the log has only the end of that day\n", path)
	}
	for _, l := range s.Loops {
		fmt.Fprintf(out, "loop %s: %d closed, %d open, %d not activated, %d not learned from\n",
			l.Loop, l.Closed, l.Open, l.NotActivated, l.NotLearned)
	}
	for _, d := range s.Damage {
		fmt.Fprintf(out, "NOT EXPORTED: %s: %s\n", d.Place, d.Problem)
	}
	if n := len(s.Repeated); n > 0 {
		fmt.Fprintf(out, "%d decisions repeat an event, the first at position %d: left out, as in learning\n", n, s.Repeated[0].Position)
	}
	_, err := fmt.Fprintf(out, "%d decisions in %d rows\n", s.Decisions, s.Rows)
	return err
}
