package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// catalogCommands have the loop in common.
type catalogCommands struct {
	operation
	loop string
}

func (o *catalogCommands) flags(cmd *cobra.Command, change bool) {
	o.operation.flags(cmd, change)
	cmd.Flags().StringVar(&o.loop, "loop", "", "the loop, with actions: catalogue (needed)")
}

// path returns the parts of a path below the loop.
func (o *catalogCommands) path(parts ...string) ([]string, error) {
	if o.loop == "" {
		return nil, usageError{errors.New("which loop? give its name with --loop")}
	}
	return append([]string{"loops", o.loop}, parts...), nil
}

func catalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Bring actions into a running loop, and see, pause, retire and approve them",
		Long: `Loops with "actions: catalogue" take their actions from the catalogue, which changes while the service runs. Each version
of an action is judged by the loop's rules that read actions and the brand alone: admitted, or rejected with every reason. A
share of the admitted can be drawn for people to approve. The newest admitted version is live.`,
		Example: `  nextbest catalog import offers.ndjson --loop homepage
  nextbest catalog list --loop homepage --state rejected
  nextbest catalog pause --loop homepage spring-sale --reason "sold out"
  nextbest catalog reviews --loop homepage
  nextbest catalog approve --loop homepage summer-sale`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(catalogUpsertCommand(), catalogImportCommand(), catalogListCommand(), catalogGetCommand(), catalogReviewsCommand(),
		catalogHoldCommand("pause", "paused", "Take an action out of service for a while"),
		catalogHoldCommand("retire", "retired", "Take an action out of service for good; what was learned stays"),
		catalogHoldCommand("restore", "live", "Bring a paused or retired action back"),
		catalogJudgeCommand("approve", true, "Admit what waits for a person, or a draft; the rules have the last word"),
		catalogJudgeCommand("reject", false, "Reject what waits for a person, or a draft"))
	return cmd
}

func catalogUpsertCommand() *cobra.Command {
	var o catalogCommands
	var draft bool
	cmd := &cobra.Command{
		Use:   "upsert JSON...",
		Short: "Bring in actions that are written on the command line",
		Long:  `Takes each JSON object as a new action, or a new version of one, as a line of a file that import reads.`,
		Example: `  nextbest catalog upsert --loop homepage '{"id": "spring-sale", "text": "Spring sale", "features": {"tone": "warm"}}'
  nextbest catalog upsert --loop homepage --draft '{"id": "summer-sale"}'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.actor == "" {
				return usageError{errors.New("say who asks, with --actor")}
			}
			path, err := o.path("actions")
			if err != nil {
				return err
			}
			rows := make([]row, len(args))
			for i := range args {
				rows[i] = rowOf(i+1, []byte(args[i]))
			}
			in := &importing{o: &o, cmd: cmd, path: path, file: "argument", progress: newProgress(io.Discard, "upsert", len(rows)), draft: draft}
			return in.run(rows)
		},
	}
	o.flags(cmd, true)
	cmd.Flags().BoolVar(&draft, "draft", false, "keep them aside as drafts")
	return cmd
}

func catalogListCommand() *cobra.Command {
	var o catalogCommands
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the actions of a loop, with where they stand",
		Example: "  nextbest catalog list --loop homepage\n  nextbest catalog list --loop homepage --state live --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := &nextbestv1.ListActionsResponse{}
			for token := ""; ; {
				path, err := o.path("actions")
				if err != nil {
					return err
				}
				page := &nextbestv1.ListActionsResponse{}
				query := url.Values{"state": {state}, "pageSize": {"1000"}, "pageToken": {token}}
				if err := callService(cmd, o.server, "GET", query, nil, page, path...); err != nil {
					return err
				}
				all.Actions = append(all.Actions, page.GetActions()...)
				if token = page.GetNextPageToken(); token == "" {
					break
				}
			}
			return printAnswer(cmd.OutOrStdout(), o.asJSON, all, func(w io.Writer) error { return listActions(w, all.GetActions()) })
		},
	}
	o.flags(cmd, false)
	cmd.Flags().StringVar(&state, "state", "", "only in this state: draft, rejected, review, admitted, live, paused or retired")
	return cmd
}

func listActions(out io.Writer, actions []*nextbestv1.CatalogEntry) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ACTION\tSTATE\tLIVE VERSION\tNEWEST\tREASONS")
	for _, a := range actions {
		live := "none"
		if a.GetLiveVersion() > 0 {
			live = strconv.Itoa(int(a.GetLiveVersion()))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d, %s\t%s\n", a.GetId(), a.GetState(), live, a.GetNewest().GetNumber(), a.GetNewest().GetState(), strings.Join(a.GetNewest().GetReasons(), ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d actions\n", len(actions))
	return err
}

func catalogGetCommand() *cobra.Command {
	var o catalogCommands
	cmd := &cobra.Command{
		Use:     "get ACTION",
		Short:   "Show an action with its versions",
		Example: "  nextbest catalog get --loop homepage spring-sale",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := o.path("actions", args[0])
			if err != nil {
				return err
			}
			answer := &nextbestv1.GetActionResponse{}
			return o.ask(cmd, "GET", nil, nil, answer, func(w io.Writer) error { return showAction(w, answer) }, path...)
		},
	}
	o.flags(cmd, false)
	return cmd
}

func showAction(out io.Writer, a *nextbestv1.GetActionResponse) error {
	if err := listActions(out, []*nextbestv1.CatalogEntry{a.GetAction()}); err != nil {
		return err
	}
	for _, v := range a.GetVersions() {
		fmt.Fprintf(out, "version %d, %s, by %s at %s\n", v.GetNumber(), v.GetState(), v.GetActor(), v.GetTime().AsTime().Format("2006-01-02 15:04:05Z"))
		if err := printAnswer(out, true, v.GetAction(), nil); err != nil {
			return err
		}
	}
	return nil
}

func catalogReviewsCommand() *cobra.Command {
	var o catalogCommands
	var limit int
	cmd := &cobra.Command{
		Use:     "reviews",
		Short:   "Show what waits for a person, the oldest first",
		Example: "  nextbest catalog reviews --loop homepage",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := o.path("admissions")
			if err != nil {
				return err
			}
			answer := &nextbestv1.ListAdmissionsResponse{}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			return o.ask(cmd, "GET", query, nil, answer, func(w io.Writer) error { return listActions(w, answer.GetActions()) }, path...)
		},
	}
	o.flags(cmd, false)
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return cmd
}

func catalogHoldCommand(name, state, short string) *cobra.Command {
	var o catalogCommands
	cmd := &cobra.Command{
		Use:     name + " ACTION",
		Short:   short,
		Example: fmt.Sprintf("  nextbest catalog %s --loop homepage spring-sale --reason \"sold out\"", name),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := o.path("actions", args[0], "hold")
			if err != nil {
				return err
			}
			request := &nextbestv1.HoldActionRequest{State: state, Actor: o.actor, Reason: o.reason}
			return o.changed(cmd, "POST", request, &nextbestv1.HoldActionResponse{}, args[0]+" is "+state, path...)
		},
	}
	o.flags(cmd, true)
	return cmd
}

func catalogJudgeCommand(name string, approve bool, short string) *cobra.Command {
	var o catalogCommands
	cmd := &cobra.Command{
		Use:     name + " ACTION",
		Short:   short,
		Example: fmt.Sprintf("  nextbest catalog %s --loop homepage spring-sale --reason \"looked at it\"", name),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := o.path("actions", args[0], "judge")
			if err != nil {
				return err
			}
			if o.actor == "" {
				return usageError{errors.New("say who asks, with --actor")}
			}
			answer := &nextbestv1.JudgeAdmissionResponse{}
			request := &nextbestv1.JudgeAdmissionRequest{Approve: approve, Actor: o.actor, Reason: o.reason}
			return o.ask(cmd, "POST", nil, request, answer, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, args[0], "is", answer.GetState(), strings.Join(answer.GetReasons(), ", "))
				return err
			}, path...)
		},
	}
	o.flags(cmd, true)
	return cmd
}
