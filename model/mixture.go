package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// MixtureOptions are the choices of a mixture. Zero values mean the defaults.
type MixtureOptions struct {
	// DefaultReward is what an action is taken to be worth before anything is known, in reward units.
	DefaultReward float64
	// MaxContextTerms and MaxActionTerms bound the terms (256 each), MaxCategories the texts of one feature (64);
	// see features.EncoderOptions.
	MaxContextTerms, MaxActionTerms, MaxCategories int
	// MaxActions bounds the actions that get weights of their own, the first served ones (1000, fewer where rows are
	// long); the others share some.
	MaxActions int
}

// Mixture is what a new loop learns with: several ridge regressions of one stream of examples, from a linear one per action to
// all products of terms that fit a budget, with and without forgetting, and one over what actions have in common. Each
// predicts every settled example before it learns from it; how well is an honest measure of each, and decides how much
// its opinion weighs in the scores (the exponentially weighted average forecaster: Cesa-Bianchi and Lugosi, Prediction,
// Learning, and Games, 2006, 2.1; over discounted losses, with a least share for each). So a loop begins with what little data
// supports, moves on to what more data supports, and follows changes where there are any, without being told.
//
// It is an Estimator: for a single writer.
type Mixture struct {
	opts            MixtureOptions
	mostTerms       int // of the context, as long as there is memory
	context, action *features.Encoder
	actions         numbering // 0 is for those beyond the bounds
	design          design
	members         []*member
	settled, open   totals
	tails           tails
	noise           noise
	recent          recents
	events          counts
	skipped         uint64

	rows    rows
	view    designView
	scratch []float64
	terms   []features.Term
	means   []float64
	shares  []float64
}

var _ Estimator = (*Mixture)(nil)

// DefaultEstimator returns what a new loop learns with.
func DefaultEstimator() Estimator { return NewMixture(MixtureOptions{}) }

// NewMixture returns a Mixture that has seen nothing.
func NewMixture(opts MixtureOptions) *Mixture {
	if opts.MaxActions <= 0 {
		opts.MaxActions = 1000
	}
	m := &Mixture{
		opts:    opts,
		context: features.NewEncoder(features.EncoderOptions{Intercept: true, MaxTerms: opts.MaxContextTerms, MaxCategories: opts.MaxCategories}),
		action:  features.NewEncoder(features.EncoderOptions{MaxTerms: opts.MaxActionTerms, MaxCategories: opts.MaxCategories}),
		design:  design{budget: defaultBudget()},
		members: newMembers(),
	}
	m.mostTerms = m.context.MaxTerms()
	m.design.addTerms(contextTerms, m.context.View().Terms())
	m.design.addTerms(actionTerms, m.action.View().Terms())
	return m
}

// Observe implements Estimator. An action's features are taken in when it is served: see Encode.
func (m *Mixture) Observe(context features.Set, actions []Candidate) {
	m.limitColumns()
	m.context.Observe(context)
	v := m.context.View()
	m.terms = v.Append(m.terms[:0], context)
	m.design.observe(v.Terms(), m.terms, len(actions))
	if m.design.repriored {
		m.sync() // Now, so that the state does not depend on when it is next looked at.
	}
}

// Encode implements Estimator. Calls come in the order of the decisions.
func (m *Mixture) Encode(context features.Set, action Candidate) Example {
	m.action.Observe(action.Features)
	number := m.number(action.ID)
	x := Example{
		ActionID: action.ID,
		Context:  m.context.View().Append(make([]features.Term, 0, len(m.terms)), context), // as many as Observe found
		Action:   m.action.View().Append(nil, action.Features),
		Recent:   m.recent.of(number),
	}
	m.design.addTerms(actionTerms, m.action.View().Terms())
	m.design.addMoments(actionTerms, x.Action)
	m.design.standardise(contextTerms, x.Context)
	m.design.standardise(actionTerms, x.Action)
	x.Width = len(m.design.columns)
	return x
}

// Provisional implements Estimator.
func (m *Mixture) Provisional(x *Example, reward, weight float64) {
	if !m.valid(x, reward, weight) {
		return
	}
	reward = m.tails.provisional(x, reward, m.opts.DefaultReward, weight)
	number, reward := m.take(&m.open, x, reward, weight)
	for _, k := range m.members {
		if k.opens(&m.design, x) {
			k.ridge.provisional(k.number(number), k.row(&m.rows), reward, weight)
		}
	}
}

// ClearProvisional implements Estimator.
func (m *Mixture) ClearProvisional() {
	m.open = totals{}
	m.tails.clearProvisional()
	for _, k := range m.members {
		k.ridge.clearProvisional()
	}
}

// Settle implements Estimator: it measures every member on the example, and then has it learn.
func (m *Mixture) Settle(x *Example, reward, weight float64) {
	if !m.valid(x, reward, weight) {
		return
	}
	reward = m.tails.settle(x, reward, m.opts.DefaultReward, weight)
	number, reward := m.take(&m.settled, x, reward, weight)
	if weight > 0 {
		m.measure(number, reward)
	}
	for _, k := range m.members {
		if k.learns(&m.design) {
			k.settle(&m.rows, m.scratch, number, reward, weight)
		}
	}
}

// maxReward keeps sums of squares far from overflow, mostWeight keeps priors from vanishing beside the sums.
const (
	maxReward  = 1e100
	mostWeight = 1e6
)

// valid reports whether an example can be learned from. Callers validate; this is the last line.
func (m *Mixture) valid(x *Example, reward, weight float64) bool {
	ok := math.Abs(reward) <= maxReward && math.Abs(weight) <= mostWeight && len(x.Context) > 0
	if !ok {
		m.skipped++
	}
	return ok
}

// Skipped returns how many examples were left out because their reward or weight was not finite or absurdly large, or
// because they were not encoded.
func (m *Mixture) Skipped() uint64 { return m.skipped }

// Capped returns how many settled rewards counted as less than they were, being far beyond all before: see tails.
func (m *Mixture) Capped() uint64 { return m.tails.capped() }

// take counts an example, brings members up to the design and makes the example's rows. It returns its action's number
// and its reward relative to the default reward.
func (m *Mixture) take(sums *totals, x *Example, reward, weight float64) (number int, relative float64) {
	m.sync()
	m.design.shape(&m.view)
	m.rows.setContext(&m.view, x.Context, x.Width)
	m.rows.setAction(x.Action)
	m.rows.setRecent(x.Recent)
	m.scratch = resized(m.scratch, padded(len(m.view.columns)+recentTerms))
	number, relative = m.actions.of(x.ActionID), reward-m.opts.DefaultReward
	sums.add(relative, weight)
	m.events.add(number, weight)
	return number, relative
}

// sync tells members of new columns and priors.
func (m *Mixture) sync() {
	for _, k := range m.members {
		k.sync(&m.design)
	}
	m.design.repriored = false
}

// measure compares what each member and all together expect of the example with its reward.
func (m *Mixture) measure(number int, reward float64) {
	m.means = m.means[:0]
	shared := m.shared(&m.rows)
	for _, k := range m.members {
		m.means = append(m.means, k.settledMean(&m.rows, number, shared))
	}
	mixed := 0.0
	for i, w := range m.weights() {
		mixed += float64(w * m.means[i])
	}
	variance := m.noiseVariance(&m.settled) // of what is settled alone: nothing else has an order of its own
	for i, k := range m.members {
		if k.learns(&m.design) && k.score(reward-m.means[i], variance) {
			m.startAgain(k)
		}
	}
	m.noise.add(reward - mixed)
	m.recent.add(number, reward-mixed, m.noiseVariance(&m.settled))
}

// startAgain has a member forget nearly everything, and gives it the chance of the best.
func (m *Mixture) startAgain(k *member) {
	if err := k.ridge.forget(changeKept); err != nil {
		panic(err) // Sums of finite examples are never singular under a prior.
	}
	for _, o := range m.members {
		if o.learns(&m.design) {
			k.evidence = max(k.evidence, o.evidence)
		}
	}
}

// shared returns what an action of which nothing is known is expected to be worth, from settled examples: 0 without a
// shared member.
func (m *Mixture) shared(r *rows) float64 {
	for _, k := range m.members {
		if k.shared && k.speaks(&m.design) {
			return k.settledMean(r, 0, 0)
		}
	}
	return 0
}

// weights returns each member's share in the scores, until it is called again.
func (m *Mixture) weights() []float64 {
	const fixedShare = 0.01
	m.shares = resized(m.shares, len(m.members))
	w := m.shares
	clear(w)
	best, active, sum := math.Inf(-1), 0.0, 0.0
	for _, k := range m.members {
		if k.speaks(&m.design) {
			best, active = max(best, k.prior+k.evidence), active+1
		}
	}
	for i, k := range m.members {
		if k.speaks(&m.design) {
			w[i] = exp(k.prior + k.evidence - best)
			sum += w[i]
		}
	}
	for i, k := range m.members {
		if k.speaks(&m.design) {
			w[i] = float64((1-fixedShare)*w[i]/sum) + fixedShare/active
		}
	}
	return w
}

// noiseVariance returns that of the noise. Before fewSettled examples settled the variance of the given rewards stands in
// for what is lacking.
func (m *Mixture) noiseVariance(rewards *totals) float64 {
	const fewSettled = 10
	n := &m.noise
	if n.weight >= fewSettled {
		return n.variance()
	}
	d := rewards.deviation()
	return (n.squares + float64((fewSettled-n.weight)*float64(d*d))) / fewSettled
}
