package model

import "slices"

// knowledge is what a ridge knows of each block from all its examples, provisional ones too, laid out for scoring.
type knowledge struct {
	posteriors []*posterior // by number; nil without an example
	scores     [][]float64  // by number: the posterior's, or the prior's; there may be more than posteriors
	prior      []float64    // scores before any example: weights of 0, and the variances of the prior
}

// clone returns what later changes of the ridge leave as it is, given that its posteriors are lent.
func (k *knowledge) clone() knowledge {
	return knowledge{posteriors: slices.Clone(k.posteriors), scores: slices.Clone(k.scores), prior: k.prior}
}

// spread returns the variances of the prior.
func (k *knowledge) spread() []float64 { return k.prior[len(k.prior)/2:] }

// changed marks a block whose posterior, with or without the provisional examples, is another from now on.
func (r *ridge) changed(number int) {
	b := r.blocks[number]
	b.total = nil
	if !b.stale {
		b.stale = true
		r.stale = append(r.stale, number)
	}
}

// forgetPresent has the present be made from the beginning when it is next asked for.
func (r *ridge) forgetPresent() {
	r.present = knowledge{}
	for number, b := range r.blocks {
		if b != nil {
			r.changed(number)
		}
	}
}

// know brings the present up to the blocks, for numbers below n, and returns it. It shares the ridge's memory. What has
// not changed since costs nothing.
func (r *ridge) know(n int) (*knowledge, error) {
	k := &r.present
	if k.prior == nil {
		k.prior = r.priorScores()
	}
	for len(k.posteriors) < len(r.blocks) {
		k.posteriors = append(k.posteriors, nil)
	}
	for len(k.scores) < max(n, len(r.blocks)) {
		k.scores = append(k.scores, k.prior)
	}
	for _, number := range r.stale {
		b := r.blocks[number]
		p, err := r.current(b)
		if err != nil {
			return nil, err
		}
		k.posteriors[number], k.scores[number], b.stale = p, p.scores, false
	}
	r.stale = r.stale[:0]
	return k, nil
}

func (r *ridge) priorScores() []float64 {
	n := len(r.precision)
	scores := make([]float64, 2*n)
	for i, p := range r.precision {
		scores[n+i] = 1 / p
	}
	return scores
}
