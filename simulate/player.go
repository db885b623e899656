package simulate

import (
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// refitEvery is the share by which the events must have grown since the last fit before the next one, so that the
// number of fits grows with the logarithm of the rounds. Up to refitAlways events every event is fitted.
const (
	refitEvery  = 0.005
	refitAlways = 200
)

// player is a policy at play: it ranks with its newest model, and learns what it is given.
type player struct {
	exploration model.Exploration
	estimator   model.Estimator
	predictor   model.Predictor
	live        bool // the predictor follows the estimator
	eager       bool // make a model whenever something was learned, as between batches
	learned     int
	fitted      int // learned at the last fit, -1 before the first
	fits        int
	estimates   []model.Estimate
	probability []float64
	time        Time
}

func newPlayer(p Policy, eager bool) *player {
	b := &player{exploration: p.Exploration, estimator: p.NewEstimator(), eager: eager, fitted: -1}
	if l, ok := b.estimator.(Live); ok {
		b.predictor = l.Live()
		b.live = b.predictor != nil
	}
	return b
}

// renew makes a new model when one is due.
func (p *player) renew() error {
	if p.live || !p.due() {
		return nil
	}
	start := time.Now()
	predictor, err := p.estimator.Predictor()
	if err != nil {
		return err
	}
	p.predictor, p.fitted = predictor, p.learned
	p.fits++
	p.time.Learn += time.Since(start)
	return nil
}

func (p *player) due() bool {
	switch {
	case p.fitted < 0:
		return true
	case p.learned == p.fitted:
		return false
	case p.eager || p.fitted < refitAlways:
		return true
	}
	return float64(p.learned-p.fitted) >= refitEvery*float64(p.fitted)
}

// choose returns the number of the action that u falls on, and the probabilities, valid until the next call.
func (p *player) choose(context features.Set, actions []model.Candidate, u float64) (int, []float64) {
	start := time.Now()
	p.estimates = p.predictor.Estimate(p.estimates[:0], context, actions)
	if len(p.probability) != len(actions) {
		p.probability = make([]float64, len(actions))
	}
	p.exploration.Probabilities(p.probability, p.estimates, p.predictor.RewardDeviation(), model.EventsOf(p.estimates))
	drawn := model.Draw(p.probability, u)
	p.time.Predict += time.Since(start)
	return drawn, p.probability
}

// encode takes in what a decision brought, and encodes the action that was served for learn.
func (p *player) encode(context features.Set, actions []model.Candidate, served int) model.Example {
	start := time.Now()
	p.estimator.Observe(context, actions)
	x := p.estimator.Encode(context, actions[served])
	p.time.Learn += time.Since(start)
	return x
}

func (p *player) learn(x *model.Example, reward float64) {
	start := time.Now()
	p.estimator.Settle(x, reward, 1)
	p.learned++
	p.time.Learn += time.Since(start)
}
