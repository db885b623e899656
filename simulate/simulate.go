// Package simulate plays policies against worlds whose rewards are known or logged, to see what they would have earned.
//
// A World hands out rounds, one after another: what is known of a visitor, the actions to choose from, and the reward
// of the one that is chosen. No round is seen before its turn: the policy ranks all actions with a model of the rounds
// before, one action is drawn, its reward alone is shown and learned, then comes the next. What is reported is the
// average of all rewards, from the first round on.
//
//	Multiclass ─┐                        ┌─ rewards arrive later (Delayed), mean something else (Flipped),
//	Synthetic  ─┼─► World ─► scenarios ──┤  actions come later (NewActions)
//	ABN        ─┘                        └─► Run: rank ► draw ► reward ► queue ► learn
//	SendTimes ─────────────────────────────► SendTimes.Run: the same with model.SendTimes, one decision per user and day
//	Logged ────────────────────────────────► Replay: the same player, over somebody else's decisions
//
// The same world, policy and seed give the same result on every run, on one goroutine and on several.
package simulate

import (
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// World is what a policy is played against. It is for a single goroutine, and draws whatever is random in a round when
// the round begins: what the policy does changes nothing for later rounds, and all policies meet the same world.
type World interface {
	// Next begins a round, counted from 0, and returns what is known of the visitor and the actions to choose from.
	// Both are valid until the next call.
	Next(round int) (context features.Set, actions []model.Candidate)
	// Expected appends the expected reward of each of the round's actions to dst, which no policy gets to see.
	Expected(dst []float64) []float64
	// Reward returns what the round's action number i pays, and how many rounds later than at once that is known.
	Reward(i int) (reward float64, delay int)
}

// Live is an estimator whose predictor follows it: every round sees the newest model, and none needs to be made.
type Live interface {
	// Live returns the predictor, for the estimator's own goroutine; nil when there is none after all.
	Live() model.Predictor
}

// Policy is what is simulated.
type Policy struct {
	Name         string
	Exploration  model.Exploration
	NewEstimator func() model.Estimator // one that has seen nothing; a run uses it up
}

// Options are the choices of a run.
type Options struct {
	Rounds   int    // to play, at least 1
	Seed     uint64 // of the draws
	Batch    int    // rewards are learned, and the model renewed, every so many rounds; 0 and 1: every round
	Progress func() // called after every round, on the run's goroutine; may be nil
}

// Result is what a run earned.
type Result struct {
	Rounds        int
	Actions       int // that were ever there to choose from
	AverageReward float64
	First         []Point   // the averages of the first rounds, for the numbers of rounds that the run reached
	Halves        []float64 // the average of each half; nil below 2 rounds
	Tenths        []float64 // the average of each tenth; nil below 10 rounds
	Curve         []Bin     // the run in at most 200 equal parts

	Expected     *Expectations // nil when nobody knows what was expected, as in a log
	Uniform      float64       // what a uniform choice earns: expected, or estimated from a log
	BestConstant float64       // what the best single action earns, known in hindsight: expected, or estimated from a log
	Logged       *LoggedResult // of Replay
	Tests        *TestsResult  // of ABN.Run
	Users        *UsersResult  // of SendTimes.Run
	Outstanding  int           // rewards that were to arrive after the end

	Time Time
	Fits int // models made; 0 when the estimator is Live
}

// Expectations compare a run by expected rewards, which have no noise but that of the decisions.
type Expectations struct {
	Got    float64 // average expected reward of the actions chosen
	Oracle float64 // of the best action of each round
}

// Share returns how much of the possible gain was made: 0 is the uniform choice, 1 the oracle.
func (r *Result) Share() float64 {
	if r.Expected == nil || r.Expected.Oracle == r.Uniform {
		return 0
	}
	return (r.Expected.Got - r.Uniform) / (r.Expected.Oracle - r.Uniform)
}

// Point is the average reward of the first rounds.
type Point struct {
	Rounds        int
	AverageReward float64
}

// Bin is a part of a run: its rounds end before End.
type Bin struct {
	End     int
	Reward  float64 // average within
	Average float64 // from the first round to End
}
