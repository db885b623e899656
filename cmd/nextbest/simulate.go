package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nextbest/nextbest/simulate"
)

// simulateFlags are the flags of nextbest simulate.
type simulateFlags struct {
	data, format, loop, policy string
	compare                    []string
	rounds, seeds              int
	seed                       uint64
	json                       bool
	report                     string

	flip, newActions bool
	delay            float64
	batch            int

	columns        map[string]string
	drop           []string
	replay         string
	world          string
	actions        int
	features       int
	tests          int
	visitors       int
	text           string
	batchIsDefault bool
}

// formats are what --format can be.
func formats() []string { return []string{"multiclass", "logged", "synthetic", "abn", "sendtime"} }

// simulateCommand returns nextbest simulate.
func simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate --data FILE | --format synthetic",
		Short: "Play a policy against data or a made-up world and say what it would have earned",
		Long:  simulateHelp(),
		Example: `  nextbest simulate --data letters.csv.gz --format multiclass
  nextbest simulate --data letters.csv.gz --compare epsilon_greedy,uniform --seeds 3 --report letters.html
  nextbest simulate --data letters.csv.gz --flip --delay 100
  nextbest simulate --data campaign.csv --format logged --columns action=arm,reward=visit --drop conversion,spend
  nextbest simulate --format synthetic --world drift --actions 20 --rounds 20000 --seed 7 --json
  nextbest simulate --data headlines.csv.gz --format abn --tests 50 --text headline
  nextbest simulate --data opens.csv.gz --format sendtime --compare uniform --report hours.html`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.batchIsDefault = !c.Flags().Changed("batch")
			if err := f.validate(c.Flags()); err != nil {
				return usageError{err}
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.define(c.Flags())
	return c
}

func simulateHelp() string {
	var b strings.Builder
	b.WriteString(`Play a policy round by round: rank the actions, draw one, learn from its reward alone, go on. Nothing is held
back and nothing is seen twice. Without --policy and --loop it plays what a new loop gets. docs/simulate.md says more.

Formats (CSV with a header row, plain or gzip):
  multiclass  the column 'label' holds the action that pays, an integer 0..K-1; every other column is a context
              feature: a number, or a category where any value is not a number. The reward is 1 or 0.
  logged      decisions that somebody randomised: columns action, reward, propensity (--columns renames them), the
              others are context features (--drop leaves some out).
  synthetic   no file: a world made from the seed.
  abn         tests of several variants: columns test, variant, impressions, clicks, and headline and srm_risk if
              there are any.
  sendtime    when users are active: columns user, day_index, dow (0 is Monday), hour. A decision for each user and
              active day, day by day, among the 24 hours; it pays 1 if the user is active in that hour or the next.

Worlds of --format synthetic:
`)
	for _, kind := range simulate.SyntheticKinds() {
		fmt.Fprintf(&b, "  %-16s %s\n", kind[0], kind[1])
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (f *simulateFlags) define(to *pflag.FlagSet) {
	to.StringVar(&f.data, "data", "", "the file to play, .csv or .csv.gz")
	to.StringVar(&f.format, "format", "multiclass", "what is played: "+strings.Join(formats(), ", "))
	to.StringVar(&f.loop, "loop", "", "take the policy of this loop file")
	to.StringVar(&f.policy, "policy", "", strings.Join(policyNames(), ", ")+"; absent: the default of a new loop")
	to.StringSliceVar(&f.compare, "compare", nil, "play these policies as well, names as for --policy")
	to.IntVar(&f.rounds, "rounds", 0, "stop after this many rounds; 0: all rows, or 10000 of a synthetic world")
	to.Uint64Var(&f.seed, "seed", 1, "seed of the draws, and of what else is random")
	to.IntVar(&f.seeds, "seeds", 1, "play this many seeds from --seed on, and give the mean and its standard error")
	to.BoolVar(&f.json, "json", false, "print one JSON document")
	to.StringVar(&f.report, "report", "", "draw the learning curves into this file, .svg or .html")

	to.BoolVar(&f.flip, "flip", false, "half-way, each action begins to pay what another one paid")
	to.BoolVar(&f.newActions, "new-actions", false, "the second half of the actions are there from half-way on")
	to.Float64Var(&f.delay, "delay", 0, "rewards arrive later by a geometric number of rounds with this mean")
	to.IntVar(&f.batch, "batch", 0, "rewards are learned and the model renewed every so many rounds; of abn 200")

	to.StringToStringVar(&f.columns, "columns", nil, "logged: names of the columns, as in action=arm,reward=visit,propensity=p")
	to.StringSliceVar(&f.drop, "drop", nil, "logged: columns that are no features, such as other outcomes")
	to.StringVar(&f.replay, "replay", "rejection", "logged: rejection or importance")
	to.StringVar(&f.world, "world", "linear", "synthetic: the kind of world")
	to.IntVar(&f.actions, "actions", 10, "synthetic: actions in each round")
	to.IntVar(&f.features, "features", 10, "synthetic: features of the context")
	to.IntVar(&f.tests, "tests", 100, "abn: play the first so many tests")
	to.IntVar(&f.visitors, "visitors", 10_000, "abn: visitors of each test")
	to.StringVar(&f.text, "text", "", "abn: headline gives actions its words, and one model goes from test to test")
}

// ownFlags returns which formats a flag is for, when not for all.
func ownFlags() [][2]string {
	const worlds = "multiclass synthetic"
	return [][2]string{{"data", "multiclass logged abn sendtime"}, {"rounds", "multiclass logged synthetic sendtime"},
		{"loop", "multiclass logged synthetic abn"},
		{"flip", worlds}, {"new-actions", worlds}, {"delay", worlds}, {"batch", worlds + " abn"},
		{"columns", "logged"}, {"drop", "logged"}, {"replay", "logged"},
		{"world", "synthetic"}, {"actions", "synthetic"}, {"features", "synthetic"},
		{"tests", "abn"}, {"visitors", "abn"}, {"text", "abn"}}
}

func (f *simulateFlags) validate(flags *pflag.FlagSet) error {
	if !slices.Contains(formats(), f.format) {
		return fmt.Errorf("--format %q is not known; it can be %s", f.format, strings.Join(formats(), ", "))
	}
	for _, own := range ownFlags() {
		if flags.Changed(own[0]) && !slices.Contains(strings.Fields(own[1]), f.format) {
			return fmt.Errorf("--%s is not for --format %s", own[0], f.format)
		}
	}
	if err := f.validateNumbers(); err != nil {
		return err
	}
	switch {
	case f.data == "" && f.format != "synthetic":
		return errors.New("--data FILE is needed")
	case f.loop != "" && f.policy != "":
		return errors.New("--loop and --policy exclude each other")
	case f.replay != "rejection" && f.replay != "importance":
		return fmt.Errorf("--replay %q is neither rejection nor importance", f.replay)
	case f.text != "" && f.text != "headline":
		return fmt.Errorf("--text %q is not known; it can be headline", f.text)
	case f.report != "" && !strings.HasSuffix(f.report, ".svg") && !strings.HasSuffix(f.report, ".html"):
		return fmt.Errorf("--report %q ends in neither .svg nor .html", f.report)
	}
	for _, name := range append([]string{f.policy}, f.compare...) {
		if _, err := namedPolicy(name); err != nil {
			return err
		}
	}
	_, err := f.loggedColumns()
	return err
}

// What a simulation is bounded to, far from the end of memory.
const (
	mostSimulated         = 100_000_000 // rounds, or visitors of a test
	mostSimulatedFeatures = 100_000
)

func (f *simulateFlags) validateNumbers() error {
	switch {
	case f.rounds < 0:
		return fmt.Errorf("--rounds %d is negative", f.rounds)
	case f.seeds < 1 || f.seeds > 1000:
		return fmt.Errorf("--seeds %d is not between 1 and 1000", f.seeds)
	case !(f.delay >= 0 && f.delay <= 1e9):
		return fmt.Errorf("--delay %g is not between 0 and a thousand million", f.delay)
	case f.batch < 0:
		return fmt.Errorf("--batch %d is negative", f.batch)
	case f.rounds > mostSimulated:
		return fmt.Errorf("--rounds %d is more than a hundred million, whose rewards are kept", f.rounds)
	case f.tests < 1 || f.visitors < 1:
		return errors.New("--tests and --visitors are at least 1")
	case f.visitors > mostSimulated:
		return fmt.Errorf("--visitors %d is more than a hundred million, whose rewards are kept", f.visitors)
	case f.features > mostSimulatedFeatures:
		return fmt.Errorf("--features %d is more than %d", f.features, mostSimulatedFeatures)
	case f.format == "synthetic":
		_, err := simulate.Synthetic(f.synthetic(f.seed, 1))
		return err
	}
	return nil
}

// canReport refuses a picture that could not be written, before anything is played.
func (f *simulateFlags) canReport() error {
	if f.report == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(f.report)); err != nil {
		return fmt.Errorf("--report %s: %w", f.report, err)
	}
	return nil
}

// run plays every policy, one after another, each with all seeds at once.
func (f *simulateFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	policies, err := f.policies()
	if err != nil {
		return err
	}
	if err := f.canReport(); err != nil {
		return err
	}
	game, err := f.game()
	if err != nil {
		return err
	}
	progress := newProgress(stderr, game.unit, game.steps*f.seeds*len(policies))
	var played []simulated
	for _, p := range policies {
		s, err := f.play(ctx, game, p, func() { progress.add(1) })
		if err != nil {
			progress.done()
			return fmt.Errorf("simulate %s: %w", game.title, err)
		}
		played = append(played, s)
	}
	progress.done()
	if f.report != "" {
		if err := writePicture(f.report, game, played); err != nil {
			return err
		}
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(newSimulateReports(game, played))
	}
	return printSimulated(stdout, game, played)
}

// play plays one policy with all seeds.
func (f *simulateFlags) play(ctx context.Context, g *game, p simulate.Policy, progress func()) (simulated, error) {
	before, err := cpuTime()
	if err != nil {
		return simulated{}, err
	}
	results, err := simulate.Seeds(ctx, f.seed, f.seeds, func(ctx context.Context, seed uint64) (*simulate.Result, error) {
		return g.play(ctx, p, seed, progress)
	})
	if err != nil {
		return simulated{}, err
	}
	after, err := cpuTime()
	return simulated{policy: p.Name, first: f.seed, results: results, cpu: after - before}, err
}
