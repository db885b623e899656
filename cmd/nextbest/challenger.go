package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// challengerOptions are the flags of `nextbest challenger`.
type challengerOptions struct {
	server, loop  string
	actor, reason string
	force, asJSON bool
}

func challengerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "challenger",
		Short: "See how challengers do on live traffic; promote one, or take it back",
		Long: `A challenger is a loop file in LOOPS_DIR/challengers/LOOP/NAME.yaml. The running service evaluates it on the decisions
that the loop's own policy makes. It is promoted when its gain is proven, and taken back when the displaced policy is
proven to be better in what is watched.`,
		Example: `  nextbest challenger list --loop homepage
  nextbest challenger promote --loop homepage bolder --reason "wins since Monday"
  nextbest challenger take-back --loop homepage bolder`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(challengerListCommand(), challengerPromoteCommand(), challengerTakeBackCommand())
	return cmd
}

func challengerFlags(cmd *cobra.Command, o *challengerOptions) {
	f := cmd.Flags()
	f.StringVar(&o.server, "server", serverAddress(), "where the service answers REST (NEXTBEST_SERVER; else on this machine at the port of HTTP_ADDR)")
	f.StringVar(&o.loop, "loop", "", "the loop (needed)")
	f.BoolVar(&o.asJSON, "json", false, "print the answer as one JSON document")
}

// changeFlags are those of commands that are recorded.
func changeFlags(cmd *cobra.Command, o *challengerOptions) {
	challengerFlags(cmd, o)
	cmd.Flags().StringVar(&o.actor, "actor", envOr("USER", ""), "who asks, for the record (USER)")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the record")
}

func challengerListCommand() *cobra.Command {
	var o challengerOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the challengers of a loop, with their gains",
		Long: `Prints each challenger's state and its gain over the policy that serves, with an interval that may be looked at as
often as you like; what is wrong with a file; and, after a promotion, how the displaced policy does.`,
		Example: `  nextbest challenger list --loop homepage
  nextbest challenger list --loop homepage --server http://nextbest:8080 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer := &nextbestv1.ListChallengersResponse{}
			if err := o.call(cmd, "GET", nil, answer, "challengers"); err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), answer, func(w io.Writer) error { return listChallengers(w, answer) })
		},
	}
	challengerFlags(cmd, &o)
	return cmd
}

func challengerPromoteCommand() *cobra.Command {
	var o challengerOptions
	cmd := &cobra.Command{
		Use:   "promote NAME",
		Short: "Put a challenger in the place of the policy that serves; refused unless it is proven to be better",
		Long: `Puts the challenger's file in force, records who asked and on which evidence, and keeps what was learned. The loop's own
file stays as it is: it comes back when it changes, by take-back, or by itself when it is proven to be better.`,
		Example: `  nextbest challenger promote --loop homepage bolder --reason "wins since Monday"
  nextbest challenger promote --loop homepage bolder --force --reason "the old one is broken"`,
		Args: oneChallenger,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.force && strings.TrimSpace(o.reason) == "" {
				return usageError{errors.New("--force needs a --reason, for the record")}
			}
			answer := &nextbestv1.PromoteChallengerResponse{}
			request := &nextbestv1.PromoteChallengerRequest{Actor: o.actor, Reason: o.reason, Force: o.force}
			if err := o.call(cmd, "POST", request, answer, "challengers", args[0], "promote"); err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), answer, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is promoted (log position %d)%s\n", args[0], answer.GetPromotion().GetPosition(), soon(answer.GetServing()))
				return err
			})
		},
	}
	changeFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.force, "force", false, "promote it though it is not proven; recorded as such")
	return cmd
}

func challengerTakeBackCommand() *cobra.Command {
	var o challengerOptions
	cmd := &cobra.Command{
		Use:   "take-back NAME",
		Short: "Put the policy back that the challenger displaced",
		Long: `Puts the file back in force that the challenger displaced, and records who asked. The challenger goes on being evaluated,
and is promoted by command alone until its file changes.`,
		Example: `  nextbest challenger take-back --loop homepage bolder --reason "complaints by telephone"`,
		Args:    oneChallenger,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer := &nextbestv1.TakeBackChallengerResponse{}
			request := &nextbestv1.TakeBackChallengerRequest{Actor: o.actor, Reason: o.reason}
			if err := o.call(cmd, "POST", request, answer, "challengers", args[0], "takeback"); err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), answer, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is taken back%s\n", args[0], soon(answer.GetServing()))
				return err
			})
		},
	}
	changeFlags(cmd, &o)
	return cmd
}

func soon(serving bool) string {
	if serving {
		return ""
	}
	return "; its snapshot is being made, the one before serves until then"
}

func oneChallenger(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("name one challenger, by its file's name without .yaml; got %d", len(args))
	}
	return nil
}

// print prints the answer as JSON, or as text says.
func (o *challengerOptions) print(out io.Writer, answer proto.Message, text func(io.Writer) error) error {
	return printAnswer(out, o.asJSON, answer, text)
}

func printAnswer(out io.Writer, asJSON bool, answer proto.Message, text func(io.Writer) error) error {
	if !asJSON {
		return text(out)
	}
	b, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}

func listChallengers(out io.Writer, a *nextbestv1.ListChallengersResponse) error {
	if a.GetError() != "" {
		fmt.Fprintln(out, "trouble:", a.GetError())
	}
	if p := a.GetPromotion(); p != nil {
		fmt.Fprintf(out, "%s serves since %s, promoted by %s: %s\n", p.GetChallenger(), p.GetTime().AsTime().Format("2006-01-02 15:04:05Z"),
			or(p.GetActor(), "somebody"), or(p.GetReason(), "no reason given"))
	}
	if w := a.GetWatch(); w != nil {
		fmt.Fprintf(out, "the displaced policy in %s (%s is better, comes back above %g): %s\n",
			or(w.GetMetric(), "the reward"), w.GetBetter(), w.GetTolerance(), evidenceText(w.GetEvidence()))
	}
	if lag := a.GetLagRecords(); lag > 0 {
		fmt.Fprintf(out, "%d log records are not read yet\n", lag)
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CHALLENGER\tSTATE\tGAIN OVER WHAT SERVES")
	for _, c := range a.GetChallengers() {
		said := evidenceText(c.GetEvidence())
		if c.GetError() != "" {
			said = c.GetError()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", c.GetName(), c.GetState(), said)
	}
	return table.Flush()
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func evidenceText(e *nextbestv1.Evidence) string {
	if e.GetEvents() == 0 || e.Gain == nil {
		return "nothing is known yet"
	}
	text := fmt.Sprintf("%.4g per event", e.GetGain())
	if e.Lower != nil && e.Upper != nil {
		text += fmt.Sprintf(" (%.4g to %.4g)", e.GetLower(), e.GetUpper())
	}
	text += fmt.Sprintf(", %d events", e.GetEvents())
	if !e.GetAnswers() && len(e.GetRefusals()) > 0 {
		text += "; cannot answer: " + e.GetRefusals()[0]
	}
	return text
}
