package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// operation is what commands have in common that ask the running service and may change something, on the record.
type operation struct {
	server, actor, reason string
	asJSON                bool
}

// flags adds those of a command; those of a change as well.
func (o *operation) flags(cmd *cobra.Command, change bool) {
	f := cmd.Flags()
	f.StringVar(&o.server, "server", serverAddress(), "where the service answers REST (NEXTBEST_SERVER; else on this machine at the port of HTTP_ADDR)")
	f.BoolVar(&o.asJSON, "json", false, "print the answer as one JSON document")
	if change {
		f.StringVar(&o.actor, "actor", envOr("USER", ""), "who asks, for the record (USER)")
		f.StringVar(&o.reason, "reason", "", "why, for the record")
	}
}

// ask calls the service and prints its answer.
func (o *operation) ask(cmd *cobra.Command, method string, query url.Values, request, answer proto.Message, text func(io.Writer) error, parts ...string) error {
	if err := callService(cmd, o.server, method, query, request, answer, parts...); err != nil {
		return err
	}
	return printAnswer(cmd.OutOrStdout(), o.asJSON, answer, text)
}

// changed asks for a change, which needs an actor.
func (o *operation) changed(cmd *cobra.Command, method string, request, answer proto.Message, text string, parts ...string) error {
	if o.actor == "" {
		return usageError{fmt.Errorf("say who asks, with --actor")}
	}
	return o.ask(cmd, method, nil, request, answer, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	}, parts...)
}

func killCommand() *cobra.Command {
	var o operation
	var loop, action string
	var all, lift, list bool
	cmd := &cobra.Command{
		Use:   "kill",
		Short: "Switch an action, a loop or everything off at once, on all replicas; or on again",
		Long: `What is switched off is not served from the next decision on, whatever loops and models say: callers get the other
actions, or none with the reason. It is recorded who asked, and why. When the service cannot be reached, write the file
kill.yaml into the directory of loop files: "all: true", or "kills:" with a list of {loop: L} and {loop: L, action: A}.`,
		Example: `  nextbest kill --loop homepage --action spring-sale --reason "wrong price"
  nextbest kill --loop homepage
  nextbest kill --all --reason "complaints"
  nextbest kill --list
  nextbest kill --loop homepage --lift --reason "mended"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				answer := &nextbestv1.ListKillsResponse{}
				return o.ask(cmd, "GET", nil, nil, answer, func(w io.Writer) error { return listKills(w, answer) }, "kills")
			}
			if (loop == "") == !all || action != "" && loop == "" {
				return usageError{fmt.Errorf("say what: --loop L, --loop L --action A, or --all")}
			}
			what := or(loop, "everything")
			if action != "" {
				what += "/" + action
			}
			if lift {
				return o.changed(cmd, "POST", &nextbestv1.LiftRequest{Loop: loop, ActionId: action, All: all, Actor: o.actor, Reason: o.reason},
					&nextbestv1.LiftResponse{}, what+" is switched on again", "kills", "lift")
			}
			return o.changed(cmd, "POST", &nextbestv1.KillRequest{Loop: loop, ActionId: action, All: all, Actor: o.actor, Reason: o.reason},
				&nextbestv1.KillResponse{}, what+" is switched off", "kills")
		},
	}
	o.flags(cmd, true)
	f := cmd.Flags()
	f.StringVar(&loop, "loop", "", "the loop")
	f.StringVar(&action, "action", "", "the action; without it, the whole loop")
	f.BoolVar(&all, "all", false, "everything")
	f.BoolVar(&lift, "lift", false, "switch on again")
	f.BoolVar(&list, "list", false, "show what is switched off")
	return cmd
}

func listKills(out io.Writer, a *nextbestv1.ListKillsResponse) error {
	if a.GetFileError() != "" {
		fmt.Fprintln(out, "kill.yaml is not in force as it stands:", a.GetFileError())
	}
	if len(a.GetKills()) == 0 {
		_, err := fmt.Fprintln(out, "nothing is switched off")
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "OFF\tSINCE\tBY\tREASON")
	for _, k := range a.GetKills() {
		what := or(k.GetLoop(), "everything")
		if k.GetActionId() != "" {
			what += "/" + k.GetActionId()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", what, k.GetSince().AsTime().Format("2006-01-02 15:04:05Z"), k.GetActor(), k.GetReason())
	}
	return t.Flush()
}

func suppressCommand() *cobra.Command {
	var o operation
	var channels []string
	var none, list bool
	cmd := &cobra.Command{
		Use:   "suppress USER",
		Short: "Say over which channels a user must not be reached",
		Long: `From the next decision on, no action is served to the user over these channels, whatever else says it may be. '*' is
every channel. The channels given take the place of those before.`,
		Example: `  nextbest suppress u-1 --channel email --reason "unsubscribed"
  nextbest suppress u-1 --channel '*' --reason "asked to be left alone"
  nextbest suppress u-1 --list
  nextbest suppress u-1 --none --reason "signed up again"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				answer := &nextbestv1.GetSuppressionsResponse{}
				return o.ask(cmd, "GET", nil, nil, answer, func(w io.Writer) error {
					return listChannels(w, args[0], answer.GetChannels())
				}, "users", args[0], "suppressions")
			}
			if none == (len(channels) > 0) {
				return usageError{fmt.Errorf("say which channels (--channel), or --none")}
			}
			text := fmt.Sprintf("%s is not reached over %v any more", args[0], channels)
			if none {
				text = args[0] + " may be reached again"
			}
			return o.changed(cmd, "PUT", &nextbestv1.SetSuppressionsRequest{Channels: channels, Actor: o.actor, Reason: o.reason},
				&nextbestv1.SetSuppressionsResponse{}, text, "users", args[0], "suppressions")
		},
	}
	o.flags(cmd, true)
	f := cmd.Flags()
	f.StringSliceVar(&channels, "channel", nil, "a channel that must not be used, '*' for all; may be given several times")
	f.BoolVar(&none, "none", false, "the user may be reached over every channel")
	f.BoolVar(&list, "list", false, "show the channels that must not be used")
	return cmd
}

func listChannels(out io.Writer, user string, channels []string) error {
	if len(channels) == 0 {
		_, err := fmt.Fprintln(out, user, "may be reached over every channel")
		return err
	}
	for _, c := range channels {
		if _, err := fmt.Fprintln(out, c); err != nil {
			return err
		}
	}
	return nil
}

func reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Look at served decisions that were drawn for people, and say what you found",
		Long: `A running service that was started with --review-share draws that share of what it serves for people to look at, and
records what they find.`,
		Example: `  nextbest review list
  nextbest review verdict --loop homepage EVENT_ID ok
  nextbest review verdict --loop homepage EVENT_ID bad --reason "promises what we do not keep"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(reviewListCommand(), reviewVerdictCommand())
	return cmd
}

func reviewListCommand() *cobra.Command {
	var o operation
	var loop string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show what waits for a verdict, the oldest first",
		Example: "  nextbest review list --loop homepage --limit 50",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer := &nextbestv1.ListReviewsResponse{}
			query := url.Values{"loop": {loop}, "limit": {strconv.Itoa(limit)}}
			return o.ask(cmd, "GET", query, nil, answer, func(w io.Writer) error { return listReviews(w, answer) }, "reviews")
		},
	}
	o.flags(cmd, false)
	cmd.Flags().StringVar(&loop, "loop", "", "only of this loop")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most so many")
	return cmd
}

func listReviews(out io.Writer, a *nextbestv1.ListReviewsResponse) error {
	if len(a.GetItems()) == 0 {
		_, err := fmt.Fprintln(out, "nothing waits for a verdict")
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "LOOP\tEVENT\tSERVED\tDECIDED")
	for _, i := range a.GetItems() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", i.GetLoop(), i.GetEventId(), i.GetActionId(), i.GetDecided().AsTime().Format("2006-01-02 15:04:05Z"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d wait in all; nextbest explain says why each was served\n", a.GetWaiting())
	return err
}

func reviewVerdictCommand() *cobra.Command {
	var o operation
	var loop string
	cmd := &cobra.Command{
		Use:     "verdict EVENT_ID ok|bad",
		Short:   "Record what you found",
		Example: `  nextbest review verdict --loop homepage 01J8Z3 bad --reason "wrong tone"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if loop == "" {
				return usageError{fmt.Errorf("which loop? give its name with --loop")}
			}
			if args[1] != "ok" && args[1] != "bad" {
				return usageError{fmt.Errorf("the verdict is ok or bad, not %q", args[1])}
			}
			request := &nextbestv1.GiveVerdictRequest{Verdict: args[1], Comment: o.reason, Actor: o.actor}
			return o.changed(cmd, "POST", request, &nextbestv1.GiveVerdictResponse{}, "recorded", "loops", loop, "events", args[0], "verdict")
		},
	}
	o.flags(cmd, true)
	cmd.Flags().StringVar(&loop, "loop", "", "the loop (needed)")
	return cmd
}
