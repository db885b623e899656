package model

import "math"

// gradientScratch is memory that a learner's steps use again.
type gradientScratch struct {
	context, action []active
	steps           []step
}

// step is one weight of an example.
type step struct {
	cell *cell
	x    float64
	rate float64
}

const (
	// priorSquares is added to every cell's sum of squared gradients: one example's, so that the first step is bounded.
	priorSquares = 1
	// averaging is η + 1 in the polynomial-decay averaging of Shamir and Zhang (2013), section 4, with G for the number of
	// steps: the average is mostly over the last third of them.
	averaging = 3
	// maxSquare bounds one example's share of them, in units of the rewards' variance, so that a single absurd reward
	// does not end learning.
	maxSquare = 100
	// maxScore is beyond what finite examples lead to.
	maxScore = 1e110
)

// learn counts an example in s and makes a step towards the reward; with a negative weight it counts it out.
func (g *Gradient) learn(s *gradientState, x *Example, reward, weight float64) {
	s.totals.add(reward-g.opts.DefaultReward, weight)
	for _, t := range x.Context {
		s.learnNumber(t.Index, t.Value, weight)
	}
	for _, t := range x.Action {
		s.learnNumber(t.Index, t.Value, weight)
	}
	g.gather(s, x)
	norm, score, averaged := 0.0, 0.0, 0.0
	for _, t := range g.scratch.steps {
		norm += float64(t.x * t.x)
		score += float64(t.cell.w * t.x)
		averaged += float64(t.cell.a * t.x)
	}
	s.norm = max(0, s.norm+float64(weight*norm))
	if weight > 0 && math.Abs(score) <= maxScore && math.Abs(averaged) <= maxScore {
		s.judge(g.opts.predict(score), g.opts.predict(averaged), reward, weight)
		g.descend(s, score, reward, weight)
	}
}

func (s *gradientState) learnNumber(index int32, v, weight float64) {
	if index&1 == 1 && math.Abs(v) <= maxNumber {
		s.moments.add(index, v, weight)
	}
}

// gather leaves the example's weights in g.scratch.steps.
func (g *Gradient) gather(s *gradientState, x *Example) {
	m := &g.scratch
	m.context = appendPairs(s.appendActive(m.context[:0], termSalt, x.Context), g.opts.MaxPairs)
	m.action = s.appendAction(m.action[:0], x.ActionID, x.Action)
	m.steps = m.steps[:0]
	products := crossed(len(m.context), len(m.action), g.opts.MaxProducts)
	for k, a := range m.action {
		m.steps = append(m.steps, step{cell: s.weights.edit(a.hash), x: a.x})
		if k >= products {
			continue
		}
		for _, z := range m.context {
			m.steps = append(m.steps, step{cell: s.weights.edit(z.hash + a.hash), x: float64(z.x * a.x)})
		}
	}
}

// descend moves the gathered weights. With e the error and v the rewards' variance, a weight's rate is η·√(t/N)·x/√G,
// G = 1 + Σ (e·x)²/v up to the memory, as in algorithm 2 of Ross et al., and the loss says how far to go along the rates.
func (g *Gradient) descend(s *gradientState, score, reward, weight float64) {
	variance := s.variance()
	if variance == 0 || !(s.norm > 0) { // all rewards were the default
		return
	}
	err := g.opts.error(score, reward)
	square := float64(err * err)
	s.errors += float64(weight * square)
	square = float64(weight * min(square/variance, maxSquare))
	eta := g.opts.Rate * math.Sqrt(s.weight/s.norm)
	if g.opts.Loss == Logistic { // scores are log-odds: an error of a deviation is worth a step of the rate
		eta /= math.Sqrt(variance)
	}
	length := 0.0
	for i := range g.scratch.steps {
		t := &g.scratch.steps[i]
		t.cell.g += float64(square * float64(t.x*t.x))
		t.rate = eta * t.x / math.Sqrt(priorSquares+min(t.cell.g, g.opts.Memory))
		length += float64(t.rate * t.x)
	}
	far := g.opts.advance(score, reward, weight, length)
	for _, t := range g.scratch.steps {
		c := t.cell
		c.w += float64(far * t.rate)
		c.a += float64((c.w - c.a) * min(averaging/(priorSquares+c.g), 1))
	}
}
