package model

import "github.com/nextbest/nextbest/features"

// gradientPredictor is a state that nobody writes to any more.
type gradientPredictor struct {
	opts  GradientOptions
	state gradientState
}

// Estimate implements Predictor.
func (p *gradientPredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	return p.state.estimate(&p.opts, dst, context, candidates)
}

// Events implements Predictor.
func (p *gradientPredictor) Events() uint64 { return uint64(max(0, p.state.examples)) }

// RewardDeviation implements Predictor.
func (p *gradientPredictor) RewardDeviation() float64 { return p.state.deviation() }

// gradientLive reads the state of a learner in place.
type gradientLive struct{ g *Gradient }

// Estimate implements Predictor.
func (l gradientLive) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	return l.g.current().estimate(&l.g.opts, dst, context, candidates)
}

// Events implements Predictor.
func (l gradientLive) Events() uint64 { return uint64(max(0, l.g.current().examples)) }

// RewardDeviation implements Predictor.
func (l gradientLive) RewardDeviation() float64 { return l.g.current().deviation() }

func (s *gradientState) estimate(o *GradientOptions, dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	var terms [64]features.Term // enough for most loops; more is allocated
	var zs, fs [64]active
	z := s.appendActive(zs[:0], termSalt, appendHashed(terms[:0], contextSalt, context))
	z = appendPairs(z, o.MaxPairs)
	each := evenly(s.examples, len(candidates)) // which action an example was of is not kept
	unit := 0.0
	if o.Variance {
		unit = s.unitVariance(o)
	}
	for i := range candidates {
		f := s.appendAction(fs[:0], candidates[i].ID, appendHashed(terms[:0], actionSalt, candidates[i].Features))
		products := crossed(len(z), len(f), o.MaxProducts)
		e := Estimate{Mean: o.predict(s.score(z, f, products)), Events: each}
		if o.Variance {
			e.Variance = float64(unit * s.spread(z, f, products))
			if o.Loss == Logistic {
				slope := float64(e.Mean * (1 - e.Mean))
				e.Variance *= slope * slope
			}
		}
		dst = append(dst, e)
	}
	return dst
}

// evenly returns each candidate's share of the examples.
func evenly(examples int64, candidates int) uint64 {
	return uint64(max(0, examples)) / uint64(max(1, candidates))
}

// score returns the sum of weights times terms.
func (s *gradientState) score(z, f []active, products int) float64 {
	score, trust := 0.0, s.trust()
	for k, a := range f {
		sum := s.weights.at(a.hash).mixed(trust)
		if k < products {
			for _, t := range z {
				sum += float64(s.weights.at(t.hash+a.hash).mixed(trust) * t.x)
			}
		}
		score += float64(sum * a.x)
	}
	return score
}

func (c *cell) mixed(trust float64) float64 { return c.w + float64((c.a-c.w)*trust) }

// spread returns Σ x²/(1 + G), which times unitVariance is a score's variance if terms are taken for uncorrelated: a
// stand-in for a confidence, too small where terms repeat each other.
func (s *gradientState) spread(z, f []active, products int) float64 {
	spread := 0.0
	for k, a := range f {
		sum := 1 / (priorSquares + s.weights.at(a.hash).g)
		if k < products {
			for _, t := range z {
				sum += float64(t.x*t.x) / (priorSquares + s.weights.at(t.hash+a.hash).g)
			}
		}
		spread += float64(sum * float64(a.x*a.x))
	}
	return spread
}

// unitVariance returns the variance of a weight that one example told of. A cell's G counts squared errors in units of
// the rewards' variance v: with residual variance u, that is G·v/u examples, each worth u; of log-odds, an information
// of G·v.
func (s *gradientState) unitVariance(o *GradientOptions) float64 {
	v := s.variance()
	if v == 0 {
		return 0
	}
	if o.Loss == Logistic {
		return 1 / v
	}
	u := s.residual()
	return float64(u*u) / v
}
