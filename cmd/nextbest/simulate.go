package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
	"github.com/nextbest/nextbest/simulate"
)

// simulateFlags are the flags of nextbest simulate.
type simulateFlags struct {
	data, format, loop, policy string
	rounds                     int
	seed                       uint64
	json                       bool
}

// simulateReport is what --json prints. Fields are added, never renamed.
type simulateReport struct {
	Rounds         int           `json:"rounds"`
	Actions        int           `json:"actions"`
	AverageReward  float64       `json:"average_reward"`
	CPUSeconds     float64       `json:"cpu_seconds"` // of the replay, user and system, without reading the file
	Policy         string        `json:"policy"`
	Seed           uint64        `json:"seed"`
	First          []firstRounds `json:"first"`
	UniformReward  float64       `json:"uniform_reward"`       // expected of the uniform policy
	BestConstant   float64       `json:"best_constant_reward"` // of the best single action, known in hindsight
	LearnSeconds   float64       `json:"learn_seconds"`        // of wall-clock time, on one goroutine
	PredictSeconds float64       `json:"predict_seconds"`
}

type firstRounds struct {
	Rounds        int     `json:"rounds"`
	AverageReward float64 `json:"average_reward"`
}

// simulateCommand returns nextbest simulate.
func simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate --data FILE",
		Short: "Replay a data file against a policy and say what it would have earned",
		Long: `Replay a file of labelled rows in its order as decisions among K actions.

The format multiclass is CSV, plain or gzip, with a header row. The column 'label' holds the action that pays, an
integer 0..K-1; every other column is a context feature: a number, or a category where any value is not a number.
Each round ranks all K actions, draws one, pays 1 if it is the label and else 0, and learns from that reward alone.
Without --policy and --loop it runs what a new loop gets.`,
		Example: `  nextbest simulate --data letters.csv.gz --format multiclass
  nextbest simulate --data letters.csv.gz --policy epsilon_greedy --rounds 5000 --seed 7 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return usageError{err}
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.data, "data", "", "the file to replay, .csv or .csv.gz")
	c.Flags().StringVar(&f.format, "format", "multiclass", "what the file holds: multiclass")
	c.Flags().StringVar(&f.loop, "loop", "", "take the policy of this loop file")
	c.Flags().StringVar(&f.policy, "policy", "", "uniform, epsilon_greedy or squarecb; absent: the default of a new loop")
	c.Flags().IntVar(&f.rounds, "rounds", 0, "stop after this many rounds; 0: all rows")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the draws")
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON document")
	return c
}

func (f *simulateFlags) validate() error {
	switch {
	case f.data == "":
		return errors.New("--data FILE is needed")
	case f.loop != "" && f.policy != "":
		return errors.New("--loop and --policy exclude each other")
	case f.format != "multiclass":
		return fmt.Errorf("--format %q is not known; it can be multiclass", f.format)
	case f.rounds < 0:
		return fmt.Errorf("--rounds %d is negative", f.rounds)
	}
	if f.loop == "" {
		_, err := namedPolicy(f.policy)
		return err
	}
	return nil
}

// namedPolicy returns a policy with its default parameters over a new estimator.
func namedPolicy(name string) (simulate.Policy, error) {
	exploration, err := model.DefaultExploration(), error(nil)
	switch name {
	case "", "squarecb":
	case "uniform":
		exploration, err = model.NewUniform(model.DefaultFloor)
	case "epsilon_greedy":
		exploration, err = model.NewEpsilonGreedy(model.DefaultEpsilon, model.DefaultFloor)
	default:
		err = fmt.Errorf("--policy %q is not known; it can be uniform, epsilon_greedy or squarecb", name)
	}
	if err != nil {
		return simulate.Policy{}, err
	}
	return simulate.Policy{Name: exploration.String(), Exploration: exploration, Estimator: model.DefaultEstimator()}, nil
}

func (f *simulateFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	policy, err := f.readPolicy()
	if err != nil {
		return err
	}
	data, err := readMulticlass(f.data)
	if err != nil {
		return err
	}
	before, err := cpuTime()
	if err != nil {
		return err
	}
	rounds := len(data.Labels)
	if f.rounds > 0 {
		rounds = min(rounds, f.rounds)
	}
	progress := newProgress(stderr, "rounds", rounds)
	result, err := simulate.Run(ctx, data, policy, simulate.Options{Rounds: rounds, Seed: f.seed, Progress: func() { progress.add(1) }})
	progress.done()
	if err != nil {
		return fmt.Errorf("simulate %s: %w", f.data, err)
	}
	after, err := cpuTime()
	if err != nil {
		return err
	}
	report := newSimulateReport(result, policy.Name, f.seed, after-before)
	if f.json {
		return json.NewEncoder(stdout).Encode(report)
	}
	return report.print(stdout, f.data)
}

func (f *simulateFlags) readPolicy() (simulate.Policy, error) {
	if f.loop == "" {
		return namedPolicy(f.policy)
	}
	p, err := loopPolicy(f.loop)
	if err != nil {
		return p, fmt.Errorf("read policy of loop: %w", err)
	}
	return p, nil
}

func readMulticlass(path string) (*simulate.Multiclass, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read data: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	rows, err := simulate.Decompress(file, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, err := simulate.ReadMulticlass(rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// cpuTime returns the processor time that the process has used.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

func newSimulateReport(r *simulate.Result, policy string, seed uint64, cpu time.Duration) simulateReport {
	report := simulateReport{
		Rounds: r.Rounds, Actions: r.Actions, AverageReward: r.AverageReward, CPUSeconds: cpu.Seconds(),
		Policy: policy, Seed: seed, First: []firstRounds{}, UniformReward: 1 / float64(r.Actions), BestConstant: r.BestConstant,
		LearnSeconds: r.Learn.Seconds(), PredictSeconds: r.Predict.Seconds(),
	}
	for _, p := range r.First {
		report.First = append(report.First, firstRounds(p))
	}
	return report
}

func (r simulateReport) print(w io.Writer, data string) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetTitle("%s, %d rounds, %d actions", data, r.Rounds, r.Actions)
	t.AppendHeader(table.Row{"average reward", ""})
	for _, p := range r.First {
		t.AppendRow(table.Row{fmt.Sprintf("first %d rounds", p.Rounds), fmt.Sprintf("%.4f", p.AverageReward)})
	}
	t.AppendRow(table.Row{"all rounds", fmt.Sprintf("%.4f", r.AverageReward)})
	t.AppendSeparator()
	t.AppendRow(table.Row{"expected of a uniform choice", fmt.Sprintf("%.4f", r.UniformReward)})
	t.AppendRow(table.Row{"best single action, in hindsight", fmt.Sprintf("%.4f", r.BestConstant)})
	t.AppendSeparator()
	t.AppendRow(table.Row{"policy", r.Policy})
	t.AppendRow(table.Row{"seed", r.Seed})
	t.AppendRow(table.Row{"processor time", fmt.Sprintf("%.2f s, %.0f µs a round", r.CPUSeconds, r.CPUSeconds/float64(r.Rounds)*1e6)})
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// loopPolicy reads the policy that a loop file describes, with an estimator that has seen nothing.
func loopPolicy(path string) (simulate.Policy, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return simulate.Policy{}, err
	}
	d, err := loop.Compile(path, file)
	if err != nil {
		return simulate.Policy{}, err
	}
	return simulate.Policy{Name: d.Loop.Policy.String(), Exploration: d.Loop.Policy, Estimator: d.NewEstimator()}, nil
}
