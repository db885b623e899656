// Package simulate plays a policy against data whose best actions are known, to see what it would have earned.
//
// A Multiclass file is read in its order, and no row is seen before its round: the policy ranks all actions with a
// model of the rows before, one action is drawn, its reward alone is shown and learned, then comes the next row. What
// is reported is the average of all rewards, from the first round on. The same data, policy and seed give the same
// result on every run.
package simulate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// Policy is what is simulated.
type Policy struct {
	Name        string
	Exploration model.Exploration
	Estimator   model.Estimator // it has seen nothing; the run uses it up
}

// Options are the choices of a run.
type Options struct {
	Rounds   int    // at most; 0 means all rows
	Seed     uint64 // of the draws
	Progress func() // called after every round; may be nil
}

// Result is what a run earned.
type Result struct {
	Rounds        int
	Actions       int
	AverageReward float64
	First         []Point       // the averages of the first rounds, for the numbers of rounds that the run reached
	BestConstant  float64       // the average reward of the best single action, known in hindsight
	Learn         time.Duration // spent in learning, fits included
	Predict       time.Duration // spent in scores, probabilities and draws
	Fits          int
}

// Point is the average reward of the first rounds.
type Point struct {
	Rounds        int
	AverageReward float64
}

// milestones are the rounds after which the average is kept: how fast a policy learns shows early.
var milestones = [...]int{500, 1000, 2000}

// refitEvery is the share by which the events must have grown since the last fit before the next one, so that the
// number of fits grows with the logarithm of the rounds. Up to 200 events every event is fitted.
const refitEvery = 0.005

// run is the state of one replay.
type run struct {
	data        *Multiclass
	policy      Policy
	seed        uint64
	actions     []model.Candidate
	context     features.Set
	estimates   []model.Estimate
	probability []float64
	predictor   model.Predictor
	fitted      int // rounds learned from at the last fit
	result      Result
}

// Run replays data. It ends early with ctx's error.
func Run(ctx context.Context, data *Multiclass, policy Policy, o Options) (*Result, error) {
	total := len(data.Labels)
	if o.Rounds > 0 {
		total = min(total, o.Rounds)
	}
	r := newRun(data, policy, o.Seed)
	reward, counts := 0, make([]int, data.Actions)
	for i := range total {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		won, err := r.round(i)
		if err != nil {
			return nil, fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		reward += won
		counts[data.Labels[i]]++
		for _, m := range milestones {
			if i+1 == m {
				r.result.First = append(r.result.First, Point{m, float64(reward) / float64(m)})
			}
		}
		if o.Progress != nil {
			o.Progress()
		}
	}
	best := 0
	for _, n := range counts {
		best = max(best, n)
	}
	r.result.Rounds, r.result.Actions = total, data.Actions
	r.result.AverageReward = float64(reward) / float64(total)
	r.result.BestConstant = float64(best) / float64(total)
	return &r.result, nil
}

func newRun(data *Multiclass, policy Policy, seed uint64) *run {
	r := &run{data: data, policy: policy, seed: seed, probability: make([]float64, data.Actions), fitted: -1}
	for a := range data.Actions {
		r.actions = append(r.actions, model.Candidate{ID: strconv.Itoa(a)})
	}
	return r
}

// round plays row i and returns its reward.
func (r *run) round(i int) (int, error) {
	start := time.Now()
	if err := r.fit(i); err != nil {
		return 0, err
	}
	r.context = r.data.appendRow(r.context[:0], i)
	fitted := time.Now()
	r.estimates = r.predictor.Estimate(r.estimates[:0], r.context, r.actions)
	p := r.predictor
	r.policy.Exploration.Probabilities(r.probability, r.estimates, p.RewardDeviation(), p.Events())
	drawn := model.Draw(r.probability, model.Uniform(r.seed, "row-"+strconv.Itoa(i), 0))
	predicted := time.Now()
	reward := 0
	if drawn == r.data.Labels[i] {
		reward = 1
	}
	r.policy.Estimator.Observe(r.context, r.actions)
	x := r.policy.Estimator.Encode(r.context, r.actions[drawn])
	r.policy.Estimator.Settle(&x, float64(reward), 1)
	r.result.Predict += predicted.Sub(fitted)
	r.result.Learn += fitted.Sub(start) + time.Since(predicted)
	return reward, nil
}

// fit makes a new predictor when one is due.
func (r *run) fit(learned int) error {
	if r.fitted >= 200 && float64(learned-r.fitted) < refitEvery*float64(r.fitted) {
		return nil
	}
	p, err := r.policy.Estimator.Predictor()
	if err != nil {
		return err
	}
	r.predictor, r.fitted = p, learned
	r.result.Fits++
	return nil
}
