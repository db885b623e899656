// Command nextbest decides for one user at a time what to show, offer or send, and learns from what came of it.
//
// This package is wiring: each subcommand is a small file that reads its flags, connects the parts, and prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses that scripts rely on.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var told reportedError
	if !errors.As(err, &told) {
		fmt.Fprintln(stderr, "nextbest:", err)
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stderr, "See nextbest --help, or nextbest COMMAND --help.")
		return exitUsage
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "nextbest",
		Short: "Decide per person, log, measure, learn, again",
		Long: `nextbest decides, for one user at a time, what to show, offer or send, and gets better at it all the time.
It logs every decision with its exact probability, so that any other policy can be judged on the same log.`,
		Example: `  nextbest serve --loops loops --data data
  nextbest check loops/*.yaml
  nextbest explain --data data EVENT_ID`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("no command %q", args[0])}
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		serveCommand(), checkCommand(), simulateCommand(), evaluateCommand(), challengerCommand(), catalogCommand(), killCommand(), suppressCommand(), auditCommand(), reviewCommand(), batchCommand(), demoCommand(), replayCommand(), explainCommand(), logCommand(), versionCommand(),
	)
	wrapArgs(root)
	return root
}

// wrapArgs makes wrong arguments of any command a usage error.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// usageError is a command line that cannot be run: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// reportedError fails a command that has already printed why.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }
