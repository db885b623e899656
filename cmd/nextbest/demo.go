package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a real e-mail campaign's customers against a running service",
		Long: `Plays 32,000 real customers of a randomised e-mail campaign against a running service, over its public API.

Each customer was sent, at random, the men's e-mail, the women's e-mail or none. The service is asked what to send;
where it chooses what that customer really was sent, the customer counts, and the reward is whether they visited
the shop (rejection sampling: an unbiased replay of the policy, Li et al. 2011). Beside it stand what sending at random and
what each single e-mail to everyone would have earned, on the same customers.`,
		Example: `  make run                       # in one terminal
  nextbest demo                  # in another
  nextbest demo --customers 5000 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "grpc", envOr("GRPC_ADDR", "127.0.0.1:9090"), "gRPC address of the service (GRPC_ADDR)")
	f.StringVar(&o.loop, "loop", "email-campaign", "loop to play")
	f.IntVar(&o.customers, "customers", 0, "how many customers to play; 0 plays all")
	f.IntVar(&o.callers, "callers", 4, "how many customers are played at a time")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON document")
	return cmd
}

type demoOptions struct {
	target, loop       string
	customers, callers int
	json               bool
}

func runDemo(ctx context.Context, o demoOptions, out, progress io.Writer) error {
	customers, err := readCampaign()
	if err != nil {
		return err
	}
	if o.callers < 1 || o.customers < 0 {
		return usageError{fmt.Errorf("--callers must be at least 1 and --customers at least 0")}
	}
	if o.customers > 0 && o.customers < len(customers) {
		customers = customers[:o.customers]
	}
	conn, err := grpc.NewClient(o.target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", o.target, err)
	}
	defer conn.Close() //nolint:errcheck // Nothing is lost with the connection.
	p := player{
		options:   o,
		decisions: nextbestv1.NewDecisionServiceClient(conn),
		features:  nextbestv1.NewFeatureServiceClient(conn),
		loops:     nextbestv1.NewLoopServiceClient(conn),
		run:       fmt.Sprintf("demo-%x", time.Now().UnixMilli()),
		tally:     newCampaignTally(len(customers)),
		progress:  progress,
	}
	if err := p.play(ctx, customers); err != nil {
		return err
	}
	return p.print(ctx, out)
}

// player plays customers against the service.
type player struct {
	options   demoOptions
	decisions nextbestv1.DecisionServiceClient
	features  nextbestv1.FeatureServiceClient
	loops     nextbestv1.LoopServiceClient
	run       string // in event ids, so that each demo is played anew
	tally     *campaignTally
	progress  io.Writer
}

func (p *player) play(ctx context.Context, customers []customer) error {
	if _, err := p.loops.GetLoop(ctx, &nextbestv1.GetLoopRequest{Loop: p.options.loop}); err != nil {
		return fmt.Errorf("no answer about loop %q from %s; is `make run` up in another terminal? %w", p.options.loop, p.options.target, err)
	}
	bar := newProgress(p.progress, "loading customers' features", len(customers))
	if err := p.each(ctx, customers, bar, p.load); err != nil {
		return fmt.Errorf("load features: %w", err)
	}
	bar = newProgress(p.progress, "playing customers", len(customers))
	bar.describe = p.tally.line
	if err := p.each(ctx, customers, bar, p.offer); err != nil {
		return fmt.Errorf("play customers: %w", err)
	}
	return nil
}

// each runs do over the customers in order, as many at a time as there are callers.
func (p *player) each(ctx context.Context, customers []customer, bar *progressLine, do func(context.Context, *customer) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.options.callers)
	for i := range customers {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			defer bar.add(1)
			return do(ctx, &customers[i])
		})
	}
	err := g.Wait()
	bar.done()
	return err
}

func (p *player) load(ctx context.Context, c *customer) error {
	_, err := p.features.PutUserFeatures(ctx, &nextbestv1.PutUserFeaturesRequest{UserId: c.id, Features: c.features})
	return err
}

// offer asks what to send to c. Only where the answer is what c was really sent is it known what came of it: only
// then is the deferred event activated and rewarded.
func (p *player) offer(ctx context.Context, c *customer) error {
	event := p.run + "-" + c.id
	answer, err := p.decisions.Rank(ctx, &nextbestv1.RankRequest{
		Loop: p.options.loop, EventId: event, UserId: c.id, DeferActivation: true,
	})
	if err != nil {
		return err
	}
	p.tally.add(answer.GetRewardActionId(), c)
	if answer.GetRewardActionId() != c.sent {
		return nil
	}
	if _, err := p.decisions.Activate(ctx, &nextbestv1.ActivateRequest{Loop: p.options.loop, EventId: event}); err != nil {
		return err
	}
	_, err = p.decisions.Reward(ctx, &nextbestv1.RewardRequest{
		Loop: p.options.loop, EventId: event, RewardId: "visit", Value: &c.visit,
	})
	return err
}

func (p *player) print(ctx context.Context, out io.Writer) error {
	result := p.tally.result()
	if p.options.json {
		return json.NewEncoder(out).Encode(result)
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"who gets what", "visit rate", "95% interval", "customers", "nextbest's gain over it", "95% interval"})
	for i, r := range result.Policies {
		row := table.Row{r.Name, percent(r.VisitRate), fmt.Sprintf("%s to %s", percent(r.Lower), percent(r.Upper)), r.Customers}
		if i > 0 {
			row = append(row, points(r.Gain), points(r.GainLower)+" to "+points(r.GainUpper))
		}
		t.AppendRow(row)
	}
	t.Render()
	fmt.Fprintln(out, result.Verdict)
	fmt.Fprintln(out, "Intervals hold at every look, not only at this one (confidence sequences).")
	fmt.Fprintln(out, "A gain weighs all customers by the chance of what they were sent, so it is not quite the difference of two rates.")
	loop, err := p.loops.GetLoop(ctx, &nextbestv1.GetLoopRequest{Loop: p.options.loop})
	if err == nil {
		fmt.Fprintf(out, "The service is at snapshot %s, learned from %d events. Play again to see where it got to.\n",
			loop.GetSnapshot().GetId(), loop.GetSnapshot().GetEvents())
	}
	return nil
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
