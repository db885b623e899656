package model

// SendTimesPredictor is an immutable state of a SendTimes, safe for concurrent use.
type SendTimesPredictor struct {
	defaultReward float64
	habit         habit
	number        int // of the habit
	belief        *population
	sent          *[sendCells]float64
	totals        totals
}

// DefaultSendTimeExploration returns what send times are explored with: SquareCB over upper bounds. It takes more optimism,
// and sharper gaps, than actions that share nothing: what a send teaches holds for the hours beside it and for the
// user's later sends, so that a try where little is known pays back (Srinivas, Krause, Kakade and Seeger, Gaussian process
// optimization in the bandit setting, ICML 2010), while chance alone, every day anew, costs each user again.
func DefaultSendTimeExploration() Exploration {
	return &squareCB{SquareCBOptions{Gamma: 4 * DefaultGamma, Optimism: 1.25, Shortlist: DefaultShortlist, Floor: DefaultFloor}}
}

// Predictor returns the immutable model of everything learned so far.
func (s *SendTimes) Predictor() *SendTimesPredictor {
	belief, sent := s.belief, s.sent
	p := s.forecast(&belief, &sent)
	return &p
}

func (s *SendTimes) forecast(belief *population, sent *[sendCells]float64) SendTimesPredictor {
	n := s.chosen()
	return SendTimesPredictor{s.opts.DefaultReward, s.habits[n], n, belief, sent, s.totals}
}

// Estimate appends one Estimate for each time of the user's week to dst: Mean and Variance of what a send is worth, and as
// Events how many sends of all users the model has learned from at that time. Times can be as close together as wanted,
// and each is finite.
func (p *SendTimesPredictor) Estimate(dst []Estimate, e *UserEvidence, at []HourOfWeek) []Estimate {
	var f userForecast
	f.set(p, e)
	for _, hour := range at {
		dst = append(dst, f.at(hour))
	}
	return dst
}

// userForecast estimates the times of one user's week.
type userForecast struct {
	predictor *SendTimesPredictor
	noise     float64 // variance of rewards
	user      kriging
	compared  contrast
}

func (f *userForecast) set(p *SendTimesPredictor, e *UserEvidence) {
	deviation := p.RewardDeviation()
	f.predictor, f.noise = p, float64(deviation*deviation)
	f.user.set(&p.habit, e, p.defaultReward)
}

func (f *userForecast) at(hour HourOfWeek) Estimate {
	t := hour.cells()
	f.user.at(t, &f.compared)
	mean, variance := f.predictor.belief.predict(&f.compared.z)
	return Estimate{
		Mean:     f.predictor.defaultReward + mean + f.user.evidence(&f.compared),
		Variance: float64(f.noise * (f.compared.variance + variance)),
		Events:   uint64(t.of(f.predictor.sent)),
	}
}

// Events returns how many sends the model has learned from.
func (p *SendTimesPredictor) Events() uint64 { return uint64(max(0, p.totals.examples)) }

// RewardDeviation returns the standard deviation of the rewards seen, 0 before there are two.
func (p *SendTimesPredictor) RewardDeviation() float64 { return p.totals.deviation() }
