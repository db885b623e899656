package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nextbest/nextbest/batch"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// batchOptions are what the command line says of a batch.
type batchOptions struct {
	in, out, loop, campaign, grpc string
	earliest, latest, timeZone    string
	granularity                   time.Duration
	perMinute                     uint32
	deferred                      bool
	restart, strict, asJSON       bool
	maxErrors                     int64
}

func batchCommand() *cobra.Command {
	o := batchOptions{grpc: envOr("GRPC_ADDR", "127.0.0.1:9090")}
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Decide for every user of a file: an offer each, or a send time each",
		Long: `Reads users from a CSV file (.csv or .csv.gz) and writes a plan: for each row what was decided, with its exact probability, or why
nothing was. Loops with 'actions: send_times' give moments to send at, others give actions.

The file's first row names its columns: user_id, and if wanted event_id, time_zone, earliest, latest (RFC 3339), and context.NAME for
features of the request (context.NAME:text, :number or :boolean where they look like something else).

The id of a row's event is CAMPAIGN:USER_ID, unless the file has event_id: whoever runs the command again gets the same
decisions, and nobody is decided twice. What was stopped, or killed, goes on after the last whole part in OUT.parts. A row that
is refused has its reason in the plan and stops nothing.`,
		Example: `  nextbest batch --loop newsletter --campaign spring --in users.csv --out plan.parquet
  nextbest batch --loop newsletter --campaign spring --in users.csv --out plan.parquet --latest 2026-12-01T20:00:00Z --max-per-minute 2000
  nextbest batch --loop homepage --campaign week-48 --in users.csv.gz --out plan.csv --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.in, "in", "", "the users' file: .csv or .csv.gz (required)")
	f.StringVar(&o.out, "out", "", "the plan: .parquet, .csv or .ndjson (required)")
	f.StringVar(&o.loop, "loop", "", "the loop that decides (required)")
	f.StringVar(&o.campaign, "campaign", "", "begins the events' ids, and names the campaign of a limit per minute (required)")
	f.StringVar(&o.grpc, "grpc", o.grpc, "address of the service")
	f.StringVar(&o.earliest, "earliest", "", "send times: not before (RFC 3339); a row's own comes first")
	f.StringVar(&o.latest, "latest", "", "send times: not after (RFC 3339); a row's own comes first")
	f.StringVar(&o.timeZone, "time-zone", "", "send times: of rows without one; else that of the user's features, else the loop's")
	f.DurationVar(&o.granularity, "granularity", 0, "send times: between moments, as in 15m; else the loop's")
	f.Uint32Var(&o.perMinute, "max-per-minute", 0, "send times: at most so many sends of the campaign in a minute; else the loop's")
	f.BoolVar(&o.deferred, "defer-activation", false, "events count only once they are activated")
	f.BoolVar(&o.restart, "restart", false, "remove the parts that an earlier run has left, and begin again")
	f.BoolVar(&o.strict, "strict", false, "exit 1 when any row was refused")
	f.Int64Var(&o.maxErrors, "max-errors", 0, "stop when more rows than so many were refused; 0: never")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (o *batchOptions) validate() error {
	for _, f := range []struct{ name, value string }{{"in", o.in}, {"out", o.out}, {"loop", o.loop}, {"campaign", o.campaign}} {
		if f.value == "" {
			return fmt.Errorf("--%s is missing (nextbest batch --help has examples)", f.name)
		}
	}
	for _, f := range []struct{ name, value string }{{"earliest", o.earliest}, {"latest", o.latest}} {
		if _, err := time.Parse(time.RFC3339, f.value); f.value != "" && err != nil {
			return fmt.Errorf("--%s: %q is no time as in 2026-12-01T20:00:00Z", f.name, f.value)
		}
	}
	return nil
}

// request says what is asked for beside the users, so that a plan goes on from the same only.
func (o *batchOptions) request() string {
	b, _ := json.Marshal([]any{o.loop, o.campaign, o.earliest, o.latest, o.timeZone, o.granularity.String(), o.perMinute, o.deferred})
	return string(b)
}

// batchSummary is what the command says at its end.
type batchSummary struct {
	Rows          int64            `json:"rows"`
	FromBefore    int64            `json:"rows_from_before"` // that an earlier run had written
	Decided       int64            `json:"decided"`
	None          int64            `json:"nothing_permitted"`
	Errors        int64            `json:"errors"`
	Reasons       map[string]int64 `json:"errors_by_reason"`
	Fallbacks     map[string]int64 `json:"fallbacks"`
	Seconds       float64          `json:"seconds"`
	RowsPerSecond float64          `json:"rows_per_second"`
	CPUSeconds    float64          `json:"cpu_seconds"` // of this command
	Plan          string           `json:"plan"`
}

func (o *batchOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	began := time.Now()
	input, lines, err := inputOf(o.in, o.request())
	if err != nil {
		return err
	}
	plan, err := batch.OpenPlan(o.out, input, o.restart)
	if errors.Is(err, batch.ErrOther) {
		return fmt.Errorf("%w; --restart removes them and begins again", err)
	}
	if err != nil {
		return err
	}
	users, err := batch.OpenRows(o.in)
	if err != nil {
		return err
	}
	defer users.Close()
	from := plan.Rows()
	if err := users.Skip(from); err != nil {
		return err
	}
	// A service that hangs is found out.
	alive := keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}
	conn, err := grpc.NewClient(o.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithKeepaliveParams(alive))
	if err != nil {
		return fmt.Errorf("--grpc: %w", err)
	}
	defer conn.Close()
	p := &planning{o: o, users: users, plan: plan, progress: newProgress(stderr, "rows", lines)}
	p.progress.add(int(from))
	if p.decide, err = o.decider(ctx, conn); err != nil {
		return err
	}
	err = p.run(ctx)
	p.progress.done()
	if err != nil {
		return fmt.Errorf("%w\n%d rows are in %s.parts: the same command goes on from there", err, plan.Rows(), o.out)
	}
	if err := plan.Finish(); err != nil {
		return err
	}
	return o.report(plan, from, time.Since(began), stdout)
}

func (o *batchOptions) report(plan *batch.Plan, from int64, took time.Duration, stdout io.Writer) error {
	c := plan.Counts()
	cpu, err := cpuTime()
	if err != nil {
		return err
	}
	s := batchSummary{
		Rows: plan.Rows(), FromBefore: from, Decided: c.Decided, None: c.None, Errors: c.Errors, Reasons: c.Reasons, Fallbacks: c.Fallback,
		Seconds: took.Seconds(), RowsPerSecond: float64(plan.Rows()-from) / took.Seconds(), CPUSeconds: cpu.Seconds(), Plan: o.out,
	}
	if o.asJSON {
		err = json.NewEncoder(stdout).Encode(s)
	} else {
		_, err = fmt.Fprintf(stdout, "%s: %d rows, %d decided (for %d of them nothing is permitted), %d refused; %.1f s, %.0f rows a second\n",
			s.Plan, s.Rows, s.Decided, s.None, s.Errors, s.Seconds, s.RowsPerSecond)
		for _, reason := range slices.Sorted(maps.Keys(c.Reasons)) {
			fmt.Fprintf(stdout, "  refused: %s %d\n", reason, c.Reasons[reason])
		}
		for _, reason := range slices.Sorted(maps.Keys(c.Fallback)) {
			fmt.Fprintf(stdout, "  fallback: %s %d\n", reason, c.Fallback[reason])
		}
	}
	if err == nil && o.strict && c.Errors > 0 {
		err = fmt.Errorf("%d rows were refused: the plan says why", c.Errors)
	}
	return err
}

// inputOf identifies the users' file by its content, and says about how many rows it has.
func inputOf(path, request string) (batch.Input, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return batch.Input{}, 0, err
	}
	defer f.Close()
	h := sha256.New()
	var text io.Reader = io.TeeReader(f, h)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(text)
		if err != nil {
			return batch.Input{}, 0, fmt.Errorf("%s: %w", path, err)
		}
		text = z
	}
	lines, err := countLines(text)
	if err == nil {
		_, err = io.Copy(h, f) // what a decompressor leaves
	}
	if err != nil {
		return batch.Input{}, 0, fmt.Errorf("%s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return batch.Input{}, 0, err
	}
	return batch.Input{Size: info.Size(), SHA256: hex.EncodeToString(h.Sum(nil)), Request: request}, lines - 1, nil
}

func countLines(r io.Reader) (n int, err error) {
	b := make([]byte, 1<<20)
	for err == nil {
		var k int
		k, err = r.Read(b)
		n += bytes.Count(b[:k], []byte{'\n'})
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// decider returns what decides, by what the loop chooses.
func (o *batchOptions) decider(ctx context.Context, conn *grpc.ClientConn) (decideRows, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := nextbestv1.NewLoopServiceClient(conn).GetLoop(ctx, &nextbestv1.GetLoopRequest{Loop: o.loop}, grpc.WaitForReady(true))
	if err != nil {
		return nil, fmt.Errorf("ask %s about loop %s (is the service running? --grpc says where): %w", o.grpc, o.loop, err)
	}
	client := nextbestv1.NewBatchServiceClient(conn)
	if l.GetSendTimes() {
		return &sendTimes{o: o, client: client}, nil
	}
	if o.earliest+o.latest+o.timeZone != "" || o.granularity != 0 || o.perMinute != 0 {
		return nil, usageError{fmt.Errorf("loop %s does not choose send times: leave out --earliest, --latest, --time-zone, --granularity and --max-per-minute", o.loop)}
	}
	return &ranks{o: o, client: client}, nil
}

// eventID returns the id of a user's event.
func (o *batchOptions) eventID(u *batch.User) string {
	if u.EventID != "" {
		return u.EventID
	}
	return o.campaign + ":" + u.UserID
}

// sendTimeRequest returns what is asked for a user.
func (o *batchOptions) sendTimeRequest(u *batch.User) *nextbestv1.SendTimeRequest {
	m := &nextbestv1.SendTimeRequest{
		Loop: o.loop, EventId: o.eventID(u), UserId: u.UserID, Context: u.Context, TimeZone: u.TimeZone, Campaign: o.campaign,
		MaxPerMinute: o.perMinute, DeferActivation: o.deferred, Earliest: momentOr(u.Earliest, o.earliest), Latest: momentOr(u.Latest, o.latest),
	}
	if m.TimeZone == "" {
		m.TimeZone = o.timeZone
	}
	if o.granularity != 0 {
		m.Granularity = durationpb.New(o.granularity)
	}
	return m
}

// momentOr returns a row's moment, else that of all rows, nil for none.
func momentOr(own time.Time, all string) *timestamppb.Timestamp {
	if own.IsZero() {
		own, _ = time.Parse(time.RFC3339, all) // It was checked.
	}
	if own.IsZero() {
		return nil
	}
	return timestamppb.New(own)
}
