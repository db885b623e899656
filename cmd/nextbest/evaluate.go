package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/ope"
)

// evaluateFlags are the flags of nextbest evaluate.
type evaluateFlags struct {
	table      string
	columns    map[string]string
	data, loop string
	policies   []string
	since      string
	until      string
	open       bool

	estimators []string
	lambda     float64
	alpha      float64
	interval   string
	rounds     int
	seed       uint64
	rewardMin  float64
	rewardMax  float64
	slots      bool

	gate     bool
	gateGain float64
	json     bool
	report   string
}

func evaluateCommand() *cobra.Command {
	var f evaluateFlags
	c := &cobra.Command{
		Use:   "evaluate --table FILE | --data DIR --loop LOOP --policy POLICY...",
		Short: "Say from a log what another policy would have earned, and whether the log can tell",
		Long:  evaluateHelp(),
		Example: `  nextbest evaluate --data data --loop homepage --policy candidate.yaml --policy uniform
  nextbest evaluate --table decisions.csv.gz --columns reward=clicked,pscore=p --report report.html
  nextbest evaluate --table decisions.parquet --estimators snips,dr,switch_dr(20),dr+slope --interval bootstrap --json
  nextbest evaluate --table week.dsjson --policy uniform
  nextbest evaluate --table slates.csv --estimators rips,snrips,cascade_dr
  nextbest evaluate --data data --loop homepage --policy candidate.yaml --gate`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.validate(c.Flags()); err != nil {
				return usageError{err}
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.define(c.Flags())
	return c
}

func evaluateHelp() string {
	return `Off-policy evaluation: the value of a policy that did not write the log, with an interval, and a verdict in words
on whether this log can answer at all. docs/evaluation.md says more.

On a table, made elsewhere or by 'nextbest log export': .csv, .ndjson or VW's .dsjson (also .gz, .zst), or .parquet,
with the columns action, reward, pscore (the logged propensity of the action), pi_e (the evaluated policy's
probability of it), and where there are any q_logged, q_pi_e, position, kept, unit and others. An estimator that lacks
a column is not computable, which is no error.

On a table of slates, several actions that were chosen together, a row is a slot: slate_id, position, action, reward, and
the probabilities of the whole slate (pscore, eval_pscore), of the slot's action alone (_item_position after these) and
of the actions up to the slot (_cascade). It is read so for the estimators of slates, ` + strings.Join(ope.SlateEstimatorNames(), ", ") + `;
values are per slate. docs/evaluation-slates.md says more.

On the service's own log: the policies are loop files, or online (the logging policy itself), uniform, baseline,
action:ID, or action:* for each action. A loop file is judged with a model of its own that learns from the log as it
goes, and never from what it is judged on.

Estimators: ` + strings.Join(ope.EstimatorNames(), ", ") + `.
A parameter goes into brackets, as in switch_dr(20), or is given to all by --lambda.

The exit status is 0 also where the verdict is that the log cannot answer. With --gate it is 1 unless the log can
answer and the first policy's gain over the logged one is above --min-gain with its whole interval.`
}

func (f *evaluateFlags) define(to *pflag.FlagSet) {
	to.StringVar(&f.table, "table", "", "the table of logged decisions")
	to.StringToStringVar(&f.columns, "columns", nil, "names of the table's columns, as in reward=clicked,pscore=p")
	to.StringVar(&f.data, "data", "", "the service's data directory")
	to.StringVar(&f.loop, "loop", "", "the loop whose decisions are evaluated")
	to.StringArrayVar(&f.policies, "policy", nil, "a policy to evaluate; may be repeated. Of a table: uniform or action:ID, absent: its column pi_e")
	to.StringVar(&f.since, "since", "", "evaluate decisions from this time on, as in 2026-10-01 or 2026-10-01T08:00:00Z")
	to.StringVar(&f.until, "until", "", "evaluate decisions before this time")
	to.BoolVar(&f.open, "open", false, "count events whose reward window is still open with what they are worth so far")

	to.StringArrayVar(&f.estimators, "estimators", nil, "estimators, separated by commas; absent: "+strings.Join(report.DefaultEstimators(), ","))
	to.Float64Var(&f.lambda, "lambda", math.NaN(), "the parameter of estimators that take one and are named without")
	to.Float64Var(&f.alpha, "alpha", 0.05, "the probability with which an interval may miss")
	to.StringVar(&f.interval, "interval", "", "method of the intervals: "+strings.Trim(fmt.Sprint(ope.Methods()), "[]")+"; absent: the best for each")
	to.IntVar(&f.rounds, "rounds", 1000, "rounds of --interval bootstrap")
	to.Uint64Var(&f.seed, "seed", 12345, "seed of --interval bootstrap")
	to.Float64Var(&f.rewardMin, "reward-min", math.NaN(), "the least that a reward can be; absent: what the loop says, or the least seen")
	to.Float64Var(&f.rewardMax, "reward-max", math.NaN(), "the most that a reward can be")
	to.BoolVar(&f.slots, "per-slot", false, "evaluate each slot by itself as well")

	to.BoolVar(&f.gate, "gate", false, "exit 1 unless the first policy's gain over the logged one is above --min-gain for sure")
	to.Float64Var(&f.gateGain, "min-gain", 0, "what --gate asks for, in reward units")
	to.BoolVar(&f.json, "json", false, "print one JSON document")
	to.StringVar(&f.report, "report", "", "write a page with pictures into this file, .html")
}

func (f *evaluateFlags) validate(flags *pflag.FlagSet) error {
	switch {
	case (f.table == "") == (f.data == ""):
		return errors.New("either --table FILE or --data DIR is needed")
	case f.table != "":
		return f.validateTable(flags)
	case f.loop == "":
		return errors.New("--loop says which loop of the log is evaluated")
	case len(f.policies) == 0:
		return errors.New("--policy says what is evaluated: a loop file, online, uniform, baseline, action:ID or action:*")
	case flags.Changed("columns"):
		return errors.New("--columns is for --table")
	}
	for i, policy := range f.policies {
		if slices.Contains(f.policies[:i], policy) {
			return fmt.Errorf("--policy %s is there twice", policy)
		}
	}
	return f.validateChoices()
}

func (f *evaluateFlags) validateTable(flags *pflag.FlagSet) error {
	for _, name := range []string{"loop", "since", "until", "open"} {
		if flags.Changed(name) {
			return fmt.Errorf("--%s is for --data", name)
		}
	}
	if len(f.policies) > 1 {
		return errors.New("a table is evaluated for one --policy")
	}
	return f.validateChoices()
}

func (f *evaluateFlags) validateChoices() error {
	choices, err := f.choices()
	if err != nil {
		return err
	}
	if err := f.validateSlates(choices.Specs); err != nil {
		return err
	}
	if math.IsNaN(f.gateGain) || math.IsInf(f.gateGain, 0) {
		return fmt.Errorf("--min-gain is %v, want a number", f.gateGain)
	}
	if f.report != "" && filepath.Ext(f.report) != ".html" {
		return fmt.Errorf("--report %q: the name must end in .html", f.report)
	}
	return f.validateTimes()
}

func (f *evaluateFlags) validateTimes() error {
	since, err := parseTime(f.since)
	if err != nil {
		return err
	}
	until, err := parseTime(f.until)
	if err != nil {
		return err
	}
	if f.since != "" && f.until != "" && !since.Before(until) {
		return fmt.Errorf("--until %s is not after --since %s", f.until, f.since)
	}
	return nil
}

// choices returns what the flags say to evaluate.
func (f *evaluateFlags) choices() (report.Choices, error) {
	specs, err := ope.ParseEstimators(f.estimatorNames(), f.lambda)
	if err != nil {
		return report.Choices{}, fmt.Errorf("--estimators: %w", err)
	}
	options := ope.Options{
		Alpha: f.alpha, Method: ope.Method(f.interval),
		Bootstrap: ope.Bootstrap{Rounds: f.rounds, Seed: f.seed, Workers: runtime.GOMAXPROCS(0)},
	}
	if !math.IsNaN(f.rewardMin) || !math.IsNaN(f.rewardMax) {
		if !(f.rewardMin < f.rewardMax) {
			return report.Choices{}, errors.New("--reward-min and --reward-max go together, the first below the second")
		}
		options.Rewards = ope.Range{Least: f.rewardMin, Most: f.rewardMax}
	}
	given := options.Rewards != ope.Range{}
	return report.Choices{Specs: specs, Options: options, RewardsGiven: given, Slots: f.slots}, options.Check()
}

// estimatorNames splits at commas: the flag's own splitting would take brackets apart in another way.
func (f *evaluateFlags) estimatorNames() (names []string) {
	if len(f.estimators) == 0 {
		return report.DefaultEstimators()
	}
	for _, list := range f.estimators {
		for name := range strings.SplitSeq(list, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

func (f *evaluateFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	choices, err := f.choices()
	if err != nil {
		return err
	}
	progress := newEvaluateProgress(stderr)
	choices.Progress = progress.at
	document, err := f.document(ctx, choices)
	progress.done(err == nil)
	if err != nil {
		return err
	}
	if f.gate {
		document.Gate = report.NewGate(&document.Policy, f.gateGain)
	}
	if err := f.print(document, stdout); err != nil {
		return err
	}
	if document.Gate != nil && !document.Gate.Passed {
		return reportedError{errors.New(document.Gate.Reason)}
	}
	return nil
}

func (f *evaluateFlags) document(ctx context.Context, choices report.Choices) (*report.Document, error) {
	if slates, err := ope.OfSlates(choices.Specs); err != nil {
		return nil, err
	} else if slates {
		return f.slatesDocument(ctx, choices)
	}
	rows, closeRows, err := f.rows(ctx)
	if err != nil {
		return nil, err
	}
	defer closeRows()
	if own, ok := rows.(*report.LogRows); ok && choices.Options.Rewards == (ope.Range{}) {
		choices.Options.Rewards = own.Range()
	}
	return report.Make(ctx, rows, choices)
}

func (f *evaluateFlags) print(d *report.Document, stdout io.Writer) error {
	if f.report != "" {
		if err := writeFile(f.report, d.HTML); err != nil {
			return err
		}
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(d)
	}
	return d.Text(stdout)
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// parseTime reads a day, which begins at midnight UTC, or an instant. Empty is no time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want one like 2026-10-01 or 2026-10-01T08:00:00Z", text)
}
