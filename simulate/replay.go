package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// ReplayOptions are the choices of a replay.
type ReplayOptions struct {
	Rows       int    // of the log to go through
	Seed       uint64 // of the draws
	Importance bool   // weigh the logged decisions instead of rejecting those that the policy did not make
	Progress   func() // called after every row; may be nil
}

// LoggedResult is what a replay estimates. Low and High are a 95% interval for the average reward, by the central limit
// theorem over the rows: it does not hold for a handful of rows or of rewards.
type LoggedResult struct {
	Rows      int // gone through
	Accepted  int // by rejection: the rounds that the policy played
	Low, High float64

	// By importance: the estimate without self-normalisation, how many rows of weight one the weights are worth
	// (Kish 1965), and the largest weight.
	IPS, EffectiveRows, MaxWeight float64
}

// errNothing says that a replay has nothing to average.
var errNothing = errors.New("the policy's decisions and the log's never met: there is nothing to average")

// Replay plays a policy over logged decisions, in one of two ways.
//
// Rejection (Li, Chu, Langford and Wang, WSDM 2011): the policy draws an action; if it is the logged one, the row counts
// as a round of the policy's and it learns from it, otherwise the row is as if it had never been. A logged action of
// probability p is kept with probability p_min/p besides, p_min being the least in the log, so that rows are kept
// independently of what was logged whatever the logging policy was. The average of the accepted rows is without bias
// what the policy would have earned over as many rounds: it has learned from nothing else. It needs many rows: about
// one in 1/p_min is accepted.
//
// Importance: every row counts with weight π/p, π being the probability the policy gives the logged action with what it
// has learned from the rows before, and the policy learns from every row with weight 1. The average reward is the
// self-normalised one, Σ w·r/Σ w. It answers another question: what a policy earns that learns from a log of this kind
// beside it. It sees more than it would, as it also learns from actions that it would not have chosen, so that the
// estimate is above what the policy earns by itself. (Dudík, Erhan, Langford and Li, UAI 2012, have a doubly robust
// evaluator between the two.)
func Replay(ctx context.Context, l *Logged, p Policy, o ReplayOptions) (*Result, error) {
	if o.Rows < 1 || o.Rows > l.Rows() {
		return nil, fmt.Errorf("simulate: %d rows of %d", o.Rows, l.Rows())
	}
	r := &replay{log: l, player: newPlayer(p, false), options: o, least: slices.Min(l.chances[:o.Rows])}
	r.watch = startWatch(&r.player.time)
	err := r.play(ctx)
	r.watch.stop()
	if err != nil {
		return nil, err
	}
	result, err := r.result()
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	result.Actions, result.Time, result.Fits = len(l.actions), r.player.time, r.player.fits
	result.BestConstant, result.Uniform = l.constants(o.Rows)
	return result, nil
}

// replay is the state of one replay.
type replay struct {
	log     *Logged
	player  *player
	options ReplayOptions
	least   float64 // logged probability
	context features.Set
	rewards []float64 // of the rows that count
	weights []float64 // theirs, by importance
	watch   *stopwatch
}

func (r *replay) play(ctx context.Context) error {
	for i := range r.options.Rows {
		err := ctx.Err()
		if err == nil {
			err = r.row(i)
		}
		if err != nil {
			return fmt.Errorf("simulate row %d: %w", i+1, err)
		}
		r.watch.round()
		if r.options.Progress != nil {
			r.options.Progress()
		}
	}
	return nil
}

func (r *replay) row(i int) error {
	if err := r.player.renew(); err != nil {
		return err
	}
	l, row := r.log, "row-"+strconv.Itoa(i)
	r.context = l.table.appendRow(r.context[:0], i)
	drawn, probabilities := r.player.choose(r.context, l.actions, model.Uniform(r.options.Seed, row, 0))
	served := l.served[i]
	switch {
	case r.options.Importance:
		r.weights = append(r.weights, probabilities[served]/l.chances[i])
	case drawn != served || float64(model.Uniform(r.options.Seed, row, 1)*l.chances[i]) >= r.least:
		return nil
	}
	r.rewards = append(r.rewards, l.rewards[i])
	x := r.player.encode(r.context, l.actions, served)
	r.player.learn(&x, l.rewards[i])
	return nil
}

func (r *replay) result() (*Result, error) {
	if len(r.rewards) == 0 {
		return nil, errNothing
	}
	if r.options.Importance {
		return r.weighted()
	}
	result := earned(r.rewards)
	_, se := MeanAndError(r.rewards)
	result.Logged = &LoggedResult{Rows: r.options.Rows, Accepted: len(r.rewards)}
	result.Logged.around(result.AverageReward, se)
	return result, nil
}

// around sets the interval of a mean.
func (l *LoggedResult) around(mean, standardError float64) {
	const normal95 = 1.959964
	l.Low, l.High = mean-float64(normal95*standardError), mean+float64(normal95*standardError)
}

// weighted returns the averages by importance, those of parts of the run included.
func (r *replay) weighted() (*Result, error) {
	var w, w2, wr, most float64
	for i, x := range r.weights {
		w += x
		w2 += float64(x * x)
		wr += float64(x * r.rewards[i])
		most = max(most, x)
	}
	if w == 0 {
		return nil, errNothing
	}
	mean, spread := wr/w, 0.0
	for i, x := range r.weights {
		off := float64(x * (r.rewards[i] - mean))
		spread += float64(off * off)
	}
	n := float64(len(r.weights))
	logged := &LoggedResult{Rows: len(r.rewards), IPS: wr / n, EffectiveRows: w * w / w2, MaxWeight: most}
	logged.around(mean, math.Sqrt(spread)/w)
	result := &Result{Rounds: len(r.rewards), AverageReward: mean, Logged: logged}
	result.Curve = r.weightedBins(min(len(r.rewards), curveBins))
	if len(r.rewards) >= 2 {
		result.Halves = within(r.weightedBins(2))
	}
	if len(r.rewards) >= 10 {
		result.Tenths = within(r.weightedBins(10))
	}
	return result, nil
}

// weightedBins is bins for weighted rewards. A part whose weights are all 0 has the average so far.
func (r *replay) weightedBins(n int) []Bin {
	out, at := make([]Bin, n), 0
	var w, wr, average float64
	for b := range out {
		end, part, partR := len(r.rewards)*(b+1)/n, 0.0, 0.0
		for i := at; i < end; i++ {
			part += r.weights[i]
			partR += float64(r.weights[i] * r.rewards[i])
		}
		if w, wr = w+part, wr+partR; w > 0 {
			average = wr / w
		}
		out[b] = Bin{End: end, Reward: average, Average: average}
		if part > 0 {
			out[b].Reward = partR / part
		}
		at = end
	}
	return out
}
