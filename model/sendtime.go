package model

import "math"

// SendTimesOptions are the choices of a SendTimes.
type SendTimesOptions struct {
	// DefaultReward is what a send is taken to be worth before anything is known, in reward units.
	DefaultReward float64
}

// SendTimes estimates what a send is worth by the user's local time of the week. The expected reward of user i at time t
// is μ(t) + gᵢ(t): what the population does, and how the user differs from it, a Gaussian process over the hours of the
// day as a circle, with a correlation between weekdays and the weekend. A new user gets the population's hours; a user's
// own evidence takes over hour by hour and tells of the hours beside them (partial pooling). How much users differ, how
// fast hours become unlike, and how far weekends are alike is chosen by the likelihood of all rewards, each foretold
// before it was learned (empirical Bayes; Dawid, Present position and potential developments, 1984).
//
// The evidence of a user is handed in by the caller; what is held here is the population alone, of a fixed size. It
// learns from the reward of the time that was sent at, and of no other. It is for a single writer; Predictor gives an
// immutable copy for serving.
type SendTimes struct {
	opts    SendTimesOptions
	habits  [betweens * widths * weekends]habit
	inverse [triangleCells]float64 // of the population's prior covariance

	belief  population
	sent    [sendCells]float64                    // sends by cell
	losses  [betweens * widths * weekends]float64 // of habits: −log likelihood of the rewards, up to a constant
	totals  totals                                // of rewards
	tails   tails
	updates uint64 // since the belief was made from its sums
	skipped uint64
}

const (
	// populationRemake is after how many sends the belief is made from its sums again, and populationKeep the share that is
	// then kept of them: about the last million sends count.
	populationRemake = 1024
	populationKeep   = 0.999
)

// NewSendTimes returns a SendTimes that has seen nothing.
func NewSendTimes(opts SendTimesOptions) *SendTimes {
	s := &SendTimes{opts: opts, habits: newHabits(), inverse: populationPrior()}
	s.belief.covariance = s.inverse
	choleskyInverse(s.inverse[:], sendCells)
	return s
}

// Update learns the reward of one send at a time of the user's week, and adds it to the evidence, which must be the user's
// from before. weight is how many sends it counts for, above 0. Calls come in the order of the log. A reward, time or
// weight that is not finite or absurdly large is skipped.
func (s *SendTimes) Update(e *UserEvidence, at HourOfWeek, reward, weight float64) {
	if !(math.Abs(reward) <= maxReward && weight > 0 && weight <= maxWeight) || !isFinite(float64(at)) {
		s.skipped++
		return
	}
	reward = s.tails.settle(&Example{}, reward, s.opts.DefaultReward, weight)
	s.totals.add(reward, weight)
	t := at.cells()
	s.learn(e, t, reward-s.opts.DefaultReward, weight)
	for i, cell := range t.cell {
		s.sent[cell] += float64(t.share[i] * weight)
	}
	e.add(t, reward, weight)
	if s.updates++; s.updates >= populationRemake {
		s.forget()
	}
}

// learn compares a reward with what each habit foretold, and has the population follow it by the best habit.
func (s *SendTimes) learn(e *UserEvidence, t between, reward, weight float64) {
	var best foretold
	chosen, noise := s.chosen(), s.noise()
	for i := range s.habits {
		f := s.foretell(&s.habits[i], e, t, reward, weight)
		if noise > 0 {
			all := f.variance + f.with.variance
			s.losses[i] += (logarithm(all) + float64(f.err*f.err)/float64(all*noise)) / 2
		}
		if i == chosen {
			best = f
		}
	}
	s.belief.learn(&best.z, &best.with, best.y, best.err, best.variance)
}

// foretold is a send with what was foretold of it: y = z·μ + noise of the variance.
type foretold struct {
	z                [sendCells]float64
	with             outlook
	y, err, variance float64
}

func (s *SendTimes) foretell(h *habit, e *UserEvidence, t between, reward, weight float64) (f foretold) {
	var k kriging
	var c contrast
	k.set(h, e, s.opts.DefaultReward)
	k.at(t, &c)
	f.z, f.variance = c.z, c.variance+1/weight
	s.belief.score(&f.z, &f.with)
	f.y = reward - k.evidence(&c)
	f.err = f.y - f.with.mean
	return f
}

// chosen returns the number of the habit that foretold rewards best.
func (s *SendTimes) chosen() int {
	best := usualHabit
	for i, loss := range s.losses {
		if loss < s.losses[best] {
			best = i
		}
	}
	return best
}

// noise returns the variance of rewards, 0 before they differ.
func (s *SendTimes) noise() float64 {
	d := s.totals.deviation()
	return float64(d * d)
}

func (s *SendTimes) forget() {
	s.updates = 0
	s.belief.forget(populationKeep)
	s.belief.remake(&s.inverse)
	for i := range s.losses {
		s.losses[i] *= populationKeep
	}
	for i := range s.sent {
		s.sent[i] *= populationKeep
	}
}

// Merge adds what another SendTimes of the same options learned from other users' sends.
func (s *SendTimes) Merge(o *SendTimes) error {
	if s.opts != o.opts {
		return errMerge
	}
	s.belief.merge(&o.belief)
	addTo(s.losses[:], o.losses[:])
	addTo(s.sent[:], o.sent[:])
	s.totals.merge(o.totals)
	s.tails.merge(&o.tails)
	s.skipped += o.skipped
	s.updates = 0
	if !s.belief.remake(&s.inverse) {
		return errSingular
	}
	return nil
}

// Skipped returns how many sends were left out because something of them was not finite or absurdly large. Callers
// validate; this is the last line.
func (s *SendTimes) Skipped() uint64 { return s.skipped }

// Capped returns how many rewards counted as less than they were, being far beyond all before: see tails.
func (s *SendTimes) Capped() uint64 { return s.tails.capped() }

// Estimate appends the estimate of each time to dst, at what was learned last.
func (s *SendTimes) Estimate(dst []Estimate, e *UserEvidence, at []HourOfWeek) []Estimate {
	live := s.forecast(&s.belief, &s.sent)
	return live.Estimate(dst, e, at)
}

// RewardDeviation returns the standard deviation of the rewards seen, 0 before there are two.
func (s *SendTimes) RewardDeviation() float64 { return s.totals.deviation() }
