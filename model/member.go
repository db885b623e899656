package model

import "math"

// member is one regression of a mixture.
type member struct {
	kind     rowKind
	shared   bool // one block of weights for all actions
	ridge    ridge
	evidence float64 // logarithm of its weight, up to what is common to all
}

// newMembers returns the members of a mixture, simplest first. Those that forget keep about the last 500 and the last 50
// examples of an action.
func newMembers() []*member {
	return []*member{
		{kind: linearRow, ridge: ridge{keep: 1}},
		{kind: fullRow, ridge: ridge{keep: 1}},
		{kind: trackedRow, ridge: ridge{keep: 0.998}},
		{kind: trackedRow, ridge: ridge{keep: 0.98}},
		{kind: sharedRow, shared: true, ridge: ridge{keep: 1}},
	}
}

// speaks reports whether a member has something to say that no simpler one has.
func (k *member) speaks(d *design) bool {
	switch k.kind {
	case fullRow:
		return len(d.pairsOf[contextTerms]) > 0
	case sharedRow:
		return len(d.action) > 1
	}
	return true
}

// learns reports whether a member takes in examples: those that may yet come to speak do.
func (k *member) learns(d *design) bool {
	return k.speaks(d) || k.kind == fullRow && d.observed <= lastChoice
}

// number returns the block of an action.
func (k *member) number(action int) int {
	if k.shared {
		return 0
	}
	return action
}

// row returns the member's part of the rows.
func (k *member) row(r *rows) []float64 { return r.x[k.kind] }

// sync brings the ridge up to the design's columns and priors.
func (k *member) sync(d *design) {
	lead, want := k.kind.lead(), d.precision[k.kind]
	columns := lead + len(want)
	if columns == k.ridge.columns && !d.repriored {
		return
	}
	precision := make([]float64, padded(columns))
	for i := range precision {
		precision[i] = leastPrecision
	}
	copy(precision[lead:], want)
	if !d.repriored {
		k.ridge.setPrior(precision, columns)
		return
	}
	if err := k.ridge.reprior(precision, columns); err != nil {
		panic(err) // Sums of finite examples are never singular under a prior.
	}
}

// settle learns from the example in the rows.
func (k *member) settle(r *rows, scratch []float64, number int, reward, weight float64) {
	x := k.row(r)
	if err := k.ridge.settle(k.number(number), x, scratch[:len(x)], reward, weight); err != nil {
		panic(err)
	}
}

// settledMean returns what the member expects of the example from settled ones. shared is what would be expected of an
// action without any.
func (k *member) settledMean(r *rows, number int, shared float64) float64 {
	b := k.ridge.known(k.number(number))
	if b == nil {
		return shared
	}
	x := k.row(r)
	mean := b.posterior.mean(x)
	if k.shared || shared == 0 {
		return mean
	}
	return mean + float64(unknownShare(b.posterior.variance(x), k.priorVariance(x))*shared)
}

// unknownShare is how much of what the prior left open an action's own examples still leave open: the weight of what its
// siblings say. With weights drawn around shared ones it is exact in one dimension.
func unknownShare(variance, prior float64) float64 {
	if !(prior > 0) {
		return 1
	}
	return min(variance/prior, 1)
}

// priorVariance is the variance of row x's mean before any example, in units of the noise variance.
func (k *member) priorVariance(x []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += float64(v*v) / k.ridge.precision[i]
	}
	return sum
}

// How fast evidence is forgotten, and how much a surprise of one deviation counts.
const (
	evidenceKept = 0.99
	evidenceRate = 0.25
	mostSurprise = 9 // deviations squared: one outlier must not decide between members
)

// score adds an example's squared surprise to the member's evidence.
func (k *member) score(surprise, variance float64) {
	if !(variance > 0) {
		return
	}
	loss := math.Min(float64(surprise*surprise)/variance, mostSurprise) / 2
	k.evidence = float64(evidenceKept*k.evidence) - float64(evidenceRate*loss)
}
