package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nextbest/nextbest/simulate"
)

// game is what the flags want played.
type game struct {
	title  string
	format string
	unit   string // of progress
	axis   string // of a curve
	steps  int    // of progress, in each run
	skip   int    // tests left out
	play   func(ctx context.Context, p simulate.Policy, seed uint64, progress func()) (*simulate.Result, error)
}

// game reads the data and returns what is to be played with it.
func (f *simulateFlags) game() (*game, error) {
	var g *game
	var err error
	switch f.format {
	case "multiclass":
		g, err = f.multiclassGame()
	case "logged":
		g, err = f.loggedGame()
	case "synthetic":
		g, err = f.syntheticGame(), nil
	case "abn":
		g, err = f.abnGame()
	case "sendtime":
		g, err = f.sendTimeGame()
	}
	if err != nil {
		return nil, err
	}
	g.format = f.format
	return g, nil
}

// readData reads the data file; errors name it.
func readData[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	file, err := os.Open(path)
	if err != nil {
		return none, fmt.Errorf("read data: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	rows, err := simulate.Decompress(file, path)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	data, err := read(rows)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// atMost returns how many of what is there to play.
func atMost(wanted, there int) int {
	if wanted == 0 {
		return there
	}
	return min(wanted, there)
}

func (f *simulateFlags) multiclassGame() (*game, error) {
	data, err := readData(f.data, simulate.ReadMulticlass)
	if err != nil {
		return nil, err
	}
	rounds := atMost(f.rounds, len(data.Labels))
	return f.worldGame(f.data, rounds, func(uint64) (simulate.World, error) { return data.World(), nil }), nil
}

func (f *simulateFlags) synthetic(seed uint64, rounds int) simulate.SyntheticOptions {
	return simulate.SyntheticOptions{Kind: f.world, Actions: f.actions, Features: f.features, Rounds: rounds, Seed: seed}
}

func (f *simulateFlags) syntheticGame() *game {
	rounds := f.rounds
	if rounds == 0 {
		rounds = 10_000
	}
	return f.worldGame(f.world+" world", rounds, func(seed uint64) (simulate.World, error) {
		return simulate.Synthetic(f.synthetic(seed, rounds))
	})
}

// worldGame returns a game against a world of each seed, under the scenarios that are asked for.
func (f *simulateFlags) worldGame(title string, rounds int, world func(seed uint64) (simulate.World, error)) *game {
	play := func(ctx context.Context, p simulate.Policy, seed uint64, progress func()) (*simulate.Result, error) {
		w, err := world(seed)
		if err != nil {
			return nil, err
		}
		if f.flip {
			w = simulate.Flipped(w, rounds/2, seed)
		}
		if f.newActions {
			w = simulate.NewActions(w, rounds/2)
		}
		if f.delay > 0 {
			w = simulate.Delayed(w, f.delay, seed)
		}
		return simulate.Run(ctx, w, p, simulate.Options{Rounds: rounds, Seed: seed, Batch: f.batch, Progress: progress})
	}
	return &game{title: title + f.scenario(), unit: "rounds", axis: "rounds", steps: rounds, play: play}
}

// scenario says in a title what the scenario flags ask for.
func (f *simulateFlags) scenario() string {
	var s []string
	for _, is := range []struct {
		on   bool
		text string
	}{
		{f.flip, "flipped half-way"}, {f.newActions, "new actions half-way"}, {f.delay > 0, fmt.Sprintf("mean delay %g", f.delay)},
		{f.batch > 1, fmt.Sprintf("batches of %d", f.batch)},
	} {
		if is.on {
			s = append(s, is.text)
		}
	}
	if s == nil {
		return ""
	}
	return " (" + strings.Join(s, ", ") + ")"
}

// loggedColumns returns the names of --columns and --drop.
func (f *simulateFlags) loggedColumns() (simulate.LoggedColumns, error) {
	c := simulate.DefaultLoggedColumns()
	c.Drop = f.drop
	set := 0
	for _, role := range []struct {
		name string
		to   *string
	}{{"action", &c.Action}, {"reward", &c.Reward}, {"propensity", &c.Propensity}} {
		if name, ok := f.columns[role.name]; ok {
			*role.to = name
			set++
		}
	}
	if set < len(f.columns) {
		return c, fmt.Errorf("--columns names action, reward and propensity, as in action=arm,reward=visit")
	}
	return c, nil
}

func (f *simulateFlags) loggedGame() (*game, error) {
	columns, err := f.loggedColumns()
	if err != nil {
		return nil, err
	}
	data, err := readData(f.data, func(r io.Reader) (*simulate.Logged, error) { return simulate.ReadLogged(r, columns) })
	if err != nil {
		return nil, err
	}
	rows := atMost(f.rounds, data.Rows())
	play := func(ctx context.Context, p simulate.Policy, seed uint64, progress func()) (*simulate.Result, error) {
		return simulate.Replay(ctx, data, p, simulate.ReplayOptions{Rows: rows, Seed: seed, Importance: f.replay == "importance", Progress: progress})
	}
	axis := "accepted rounds"
	if f.replay == "importance" {
		axis = "logged rows"
	}
	return &game{title: fmt.Sprintf("%s (by %s)", f.data, f.replay), unit: "rows", axis: axis, steps: rows, play: play}, nil
}

func (f *simulateFlags) abnGame() (*game, error) {
	data, err := readData(f.data, simulate.ReadABN)
	if err != nil {
		return nil, err
	}
	o := simulate.ABNOptions{Tests: min(f.tests, len(data.Tests)), Visitors: f.visitors, Batch: f.batch, Words: f.text == "headline"}
	if f.batchIsDefault {
		o.Batch = 200
	}
	play := func(ctx context.Context, p simulate.Policy, seed uint64, progress func()) (*simulate.Result, error) {
		o := o
		o.Seed, o.Progress = seed, progress
		return data.Run(ctx, p, o)
	}
	title := fmt.Sprintf("%s, %d tests of %d visitors in batches of %d", filepath.Base(f.data), o.Tests, o.Visitors, o.Batch)
	if o.Words {
		title += ", with the headlines' words"
	}
	return &game{title: title, unit: "tests", axis: "visitors of a test", steps: o.Tests, skip: data.Skipped, play: play}, nil
}

func (f *simulateFlags) sendTimeGame() (*game, error) {
	data, err := readData(f.data, simulate.ReadSendTimes)
	if err != nil {
		return nil, err
	}
	rounds := atMost(f.rounds, len(data.Days))
	play := func(ctx context.Context, p simulate.Policy, seed uint64, progress func()) (*simulate.Result, error) {
		return data.Run(ctx, p, simulate.Options{Rounds: rounds, Seed: seed, Progress: progress})
	}
	title := fmt.Sprintf("%s, send times of %d users", filepath.Base(f.data), data.Users)
	return &game{title: title, unit: "rounds", axis: "rounds", steps: rounds, play: play}, nil
}
