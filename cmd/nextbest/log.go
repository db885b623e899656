package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// The folders of a data directory.
const (
	logFolder      = "log"      // the event log
	featuresFolder = "features" // the embedded store of users' features
	learnerFolder  = "learner"  // checkpoints of the learner
)

func logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Look into the event log, and export it",
		Example: `  nextbest log verify --data data
  nextbest log cat --data data --kind reward | head
  nextbest log export --data data --out tables`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(logVerifyCommand(), logCatCommand(), logExportCommand())
	return cmd
}

func logVerifyCommand() *cobra.Command {
	var data, anchor string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Check every byte of the event log, and its chain of changes; exit 1 when anything is damaged, missing or tampered with",
		Example: "  nextbest log verify --data data\n  nextbest log verify --data data --anchor 12:9f86d081884c7d65...",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := logDir(data)
			if err != nil {
				return err
			}
			var head eventlog.Head
			if anchor != "" {
				if head, err = eventlog.ParseHead(anchor); err != nil {
					return usageError{fmt.Errorf("--anchor: %w", err)}
				}
			}
			report, err := eventlog.Verify(dir)
			if err != nil {
				return err
			}
			chain, err := chainOf(dir, head)
			if err != nil {
				return err
			}
			if err := printVerified(cmd.OutOrStdout(), &report, &chain, asJSON); err != nil {
				return err
			}
			switch {
			case !report.Sound():
				return reportedError{errors.New("the event log is damaged")}
			case !chain.Sound():
				return reportedError{errors.New("the chain of changes is broken")}
			}
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&anchor, "anchor", "", "NUMBER:LINK that nextbest audit head printed once: finds a chain that was cut off or made anew since")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// chainOf verifies the chain of administrative records.
func chainOf(dir string, anchor eventlog.Head) (eventlog.ChainReport, error) {
	l, _, err := eventlog.OpenReadOnly(dir)
	if err != nil {
		return eventlog.ChainReport{}, err
	}
	defer l.Close() //nolint:errcheck // It was only read.
	return eventlog.VerifyChain(l, anchor)
}

func printVerified(out io.Writer, r *eventlog.Report, chain *eventlog.ChainReport, asJSON bool) error {
	if asJSON {
		listed(&r.Segments)
		listed(&r.Gaps)
		for i := range r.Segments {
			listed(&r.Segments[i].Damage)
		}
		listed(&chain.Broken)
		return json.NewEncoder(out).Encode(struct {
			Sound bool `json:"sound"`
			*eventlog.Report
			Chain *eventlog.ChainReport `json:"chain"`
		}{r.Sound() && chain.Sound(), r, chain})
	}
	for _, s := range r.Segments {
		fmt.Fprintf(out, "%s: positions %d to %d, %d records in %d blocks, %d bytes\n",
			s.Name, s.First, s.End-1, s.Records, s.Blocks, s.Bytes)
		for _, d := range s.Damage {
			fmt.Fprintln(out, "  damaged:", d)
		}
	}
	for _, g := range r.Gaps {
		if !g.Declared {
			fmt.Fprintf(out, "lost: positions %d to %d\n", g.From, g.To-1)
		}
	}
	if r.Torn != nil {
		fmt.Fprintf(out, "torn end, as a crash or a writer at work leaves it; none of it was acknowledged: %s\n", r.Torn)
	}
	for _, b := range chain.Broken {
		fmt.Fprintf(out, "tampered with: position %d: %s\n", b.Position, b.Problem)
	}
	word := "sound"
	if !r.Sound() {
		word = "DAMAGED; what is left is readable, and the service goes on with it"
	}
	chained := "holds"
	if !chain.Sound() {
		chained = "IS BROKEN"
	}
	_, err := fmt.Fprintf(out, "%d records, %d bytes: %s\nchain of %d changes: %s; its head is %d:%s\n",
		r.Records, r.Bytes, word, chain.Entries, chained, chain.Number, chain.Head)
	return err
}

// listed makes an absent list an empty one, which JSON has as [] and not as null.
func listed[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

func logCatCommand() *cobra.Command {
	var o catOptions
	var from uint64
	cmd := &cobra.Command{
		Use:   "cat",
		Short: "Print the event log's records, one JSON document a line",
		Example: `  nextbest log cat --data data --kind decision --loop homepage
  nextbest log cat --data data --from 1000 --limit 10`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.from = eventlog.Position(from)
			if o.kind != "" && !slices.Contains(recordKinds, o.kind) {
				return usageError{fmt.Errorf("no record kind %q; there are %s", o.kind, strings.Join(recordKinds, ", "))}
			}
			return catLog(o, cmd.OutOrStdout())
		},
	}
	dataFlag(cmd, &o.data)
	f := cmd.Flags()
	f.Uint64Var(&from, "from", 0, "first position")
	f.Uint64Var(&o.limit, "limit", 0, "print at most this many records; 0 prints all")
	f.StringVar(&o.loop, "loop", "", "only this loop's records")
	f.StringVar(&o.kind, "kind", "", "only records of this kind: "+strings.Join(recordKinds, ", "))
	f.Bool("json", true, "one JSON document a line (always)")
	return cmd
}

type catOptions struct {
	data, loop, kind string
	from             eventlog.Position
	limit            uint64
}

func catLog(o catOptions, out io.Writer) error {
	printed := uint64(0)
	return eachRecord(o.data, o.from, func(pos eventlog.Position, r *logv1.Record) error {
		kind, loop := kindAndLoop(r)
		if (o.kind != "" && kind != o.kind) || (o.loop != "" && loop != o.loop) {
			return nil
		}
		if o.limit > 0 && printed == o.limit {
			return errEnough
		}
		printed++
		body, err := readableJSON(r)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		line, err := json.Marshal(logLine{pos, kind, time.Unix(0, r.GetTimeUnixNanos()).UTC(), body})
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	})
}

// readableJSON is a record in JSON with a loop file as text and a hash in hexadecimal, as people and the API have them,
// where protobuf's JSON has both in base64.
func readableJSON(r *logv1.Record) ([]byte, error) {
	body, err := protojson.Marshal(r)
	change, publish, challenge := r.GetLoopChange(), r.GetPublish(), r.GetChallenge()
	if err != nil || change == nil && publish == nil && challenge == nil {
		return body, err
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	switch {
	case change != nil:
		members["loopChange"].(map[string]any)["file"] = string(change.GetFile())
	case challenge != nil:
		members["challenge"].(map[string]any)["file"] = string(challenge.GetFile())
	default:
		members["publish"].(map[string]any)["modelSha256"] = hex.EncodeToString(publish.GetModelSha256())
	}
	return json.Marshal(members)
}

// logLine is one line of `nextbest log cat`.
type logLine struct {
	Position eventlog.Position `json:"position"`
	Kind     string            `json:"kind"`
	Time     time.Time         `json:"time"`
	Record   json.RawMessage   `json:"record"`
}

var errEnough = errors.New("enough")

// eachRecord calls f with every record of the log in data from a position on. errEnough ends it early.
func eachRecord(data string, from eventlog.Position, f func(eventlog.Position, *logv1.Record) error) error {
	dir, err := logDir(data)
	if err != nil {
		return err
	}
	log, _, err := eventlog.OpenReadOnly(dir)
	if err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	defer log.Close() //nolint:errcheck // It was only read.
	reader := log.NewReader(from)
	defer reader.Close() //nolint:errcheck // It was only read.
	for {
		pos, payload, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the event log: %w", err)
		}
		r, err := eventlog.Unmarshal(payload)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		if err := f(pos, r); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
}

var recordKinds = []string{"decision", "activation", "reward", "loop_change", "cut", "publish", "challenge", "track"}

func kindAndLoop(r *logv1.Record) (kind, loop string) {
	switch b := r.GetBody().(type) {
	case *logv1.Record_Decision:
		return "decision", b.Decision.GetLoop()
	case *logv1.Record_Activation:
		return "activation", b.Activation.GetLoop()
	case *logv1.Record_Reward:
		return "reward", b.Reward.GetLoop()
	case *logv1.Record_LoopChange:
		return "loop_change", b.LoopChange.GetLoop()
	case *logv1.Record_Cut:
		return "cut", b.Cut.GetLoop()
	case *logv1.Record_Publish:
		return "publish", b.Publish.GetLoop()
	case *logv1.Record_Challenge:
		return "challenge", b.Challenge.GetLoop()
	case *logv1.Record_Track:
		return "track", b.Track.GetLoop()
	default:
		return "unknown", ""
	}
}

func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", envOr("DATA_DIR", "data"), "data directory (DATA_DIR)")
}

// logDir returns the folder of the event log in a data directory, or says that there is none.
func logDir(data string) (string, error) {
	dir := filepath.Join(data, logFolder)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("there is no event log in %q: give the service's data directory with --data", data)
	}
	return dir, nil
}
