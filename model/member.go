package model

import "math"

// member is one regression of a mixture.
type member struct {
	kind     rowKind
	shared   bool // one block of weights for all actions
	ridge    ridge
	prior    float64 // logarithm of its weight before any example
	change   float64 // evidence that what it learned no longer holds: see changed
	usual    noise   // what its surprises mostly are
	evidence float64 // logarithm of its weight, up to what is common to all
}

// newMembers returns the members of a mixture. Those that forget keep about the last 500 and the last 50
// examples of an action.
func newMembers() []*member {
	return []*member{
		{kind: linearRow, ridge: ridge{keep: 1}},
		{kind: fullRow, ridge: ridge{keep: 1}},
		{kind: trackedRow, prior: -1.2, ridge: ridge{keep: 0.998}},
		{kind: trackedRow, prior: -2.3, ridge: ridge{keep: 0.98}},
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

// opens reports whether a member takes an example in as long as it is provisional. For shared weights that is told by the
// example alone: one from before actions had features was not taken in, and must not be taken out when they have.
func (k *member) opens(d *design, x *Example) bool {
	if k.shared {
		return k.speaks(d) && int(d.action[1]) < x.Width
	}
	return k.learns(d)
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
	evidenceKept = 0.998
	evidenceRate = 0.25
	mostSurprise = 9 // deviations squared: one outlier must not decide between members
)

// score adds an example's squared surprise to the member's evidence, and reports whether it has stopped being right.
func (k *member) score(surprise, variance float64) (changed bool) {
	if !(variance > 0) {
		return false
	}
	squared := float64(surprise * surprise)
	loss := math.Min(squared/variance, mostSurprise)
	k.evidence = float64(evidenceKept*k.evidence) - float64(evidenceRate/2*loss)
	usual := max(variance, k.usual.variance())
	k.usual.add(surprise)
	return k.ridge.keep == 1 && k.changed(math.Min(squared/usual, mostSurprise))
}

// A member that does not forget is taken to be out of date when its squared surprises, in units of what they mostly are,
// have added up to changeLimit more than changeSlack each (the cumulative sum test of Page 1954). They are about 1 where
// nothing changes, and then a false alarm comes once in some millions of examples.
const (
	changeSlack = 1.5
	changeLimit = 100
	changeKept  = 0.02 // of the sums, after a change
)

func (k *member) changed(loss float64) bool {
	k.change = max(0, k.change+loss-changeSlack)
	if k.change <= changeLimit {
		return false
	}
	k.change = 0
	return true
}
