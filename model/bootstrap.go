package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// Resampling is how often a replicate takes an example.
type Resampling uint8

// The ways of resampling. Both take one example on average, with a variance of one.
const (
	// Poisson is the online bootstrap of Oza and Russell (Online bagging and boosting, 2001): a Poisson number of times.
	Poisson Resampling = iota
	// DoubleOrNothing is cheaper, since half the replicates do nothing: twice or not at all (Owen and Eckles, Bootstrapping
	// data arrays of arbitrary order, 2012).
	DoubleOrNothing
)

// BootstrapOptions are the choices of an ensemble. Zero values mean the defaults.
type BootstrapOptions struct {
	// Gradient is what every replicate is. Its MaxOpen is 10,000 by default, since all of them keep what is provisional.
	Gradient GradientOptions
	// Replicates is their number (10, at least 2). Time and memory grow with it.
	Replicates int
	// Resampling is Poisson or DoubleOrNothing.
	Resampling Resampling
	// Seed keeps the resampling of ensembles apart that are to be merged.
	Seed uint64
}

// Bootstrap is an ensemble of Gradients, each of which learned from a resample of the examples, so that they differ by
// what the examples leave open: Qin, Petricek, Karampatziakis, Li and Langford (Efficient online bootstrapping for large
// scale learning, 2013); Eckles and Kaptein (Thompson sampling with the online bootstrap, 2014). An estimate's mean is the
// replicates' and its variance is theirs about it, which takes in terms that repeat each other, as the variance of one
// Gradient does not.
//
// How often a replicate takes a settled example is a function of its place among them. A provisional one, whose place is
// not known yet, goes by its content, so that it can be taken out again: while many are alike and provisional, the
// variance is too large.
//
// It is an Estimator: for a single writer.
type Bootstrap struct {
	opts                 BootstrapOptions
	replicates           []*Gradient
	sequence             uint64 // settled examples so far
	settled, provisional totals // the examples themselves, each counted once
	tails                tails
}

var _ Estimator = (*Bootstrap)(nil)

// NewBootstrap returns a Bootstrap that has seen nothing.
func NewBootstrap(opts BootstrapOptions) *Bootstrap {
	setDefault(&opts.Replicates, 10)
	opts.Replicates = max(opts.Replicates, 2)
	opts.Gradient.Variance = false
	setDefault(&opts.Gradient.MaxOpen, 10_000)
	b := &Bootstrap{opts: opts}
	for range opts.Replicates {
		b.replicates = append(b.replicates, NewGradient(opts.Gradient))
	}
	return b
}

// Observe implements Estimator. There is nothing to do: terms are hashed.
func (*Bootstrap) Observe(features.Set, []Candidate) {}

// Encode implements Estimator. The result depends on its arguments alone.
func (b *Bootstrap) Encode(context features.Set, action Candidate) Example {
	return b.replicates[0].Encode(context, action)
}

// Provisional implements Estimator; see Gradient.Provisional.
func (b *Bootstrap) Provisional(x *Example, reward, weight float64) {
	if !b.replicates[0].acceptable(reward, weight) || weight == 0 {
		return
	}
	reward = b.tails.provisional(x, reward, b.opts.Gradient.DefaultReward, weight)
	b.provisional.add(reward-b.opts.Gradient.DefaultReward, weight)
	key, own := contentKey(x), copied(x)
	for i, r := range b.replicates {
		switch times := b.times(key, i); {
		case times == 0:
		case weight < 0:
			r.takeOut(x, reward, weight*times)
		default:
			r.putIn(own, reward, weight*times)
		}
	}
}

// ClearProvisional implements Estimator.
func (b *Bootstrap) ClearProvisional() {
	b.provisional = totals{}
	b.tails.clearProvisional()
	for _, r := range b.replicates {
		r.ClearProvisional()
	}
}

// Settle implements Estimator; see Gradient.Settle.
func (b *Bootstrap) Settle(x *Example, reward, weight float64) {
	if !b.replicates[0].acceptable(reward, weight) {
		return
	}
	reward = b.tails.settle(x, reward, b.opts.Gradient.DefaultReward, weight)
	b.settled.add(reward-b.opts.Gradient.DefaultReward, weight)
	key := scramble(b.sequence + idSalt)
	b.sequence++
	for i, r := range b.replicates {
		if times := b.times(key, i); times > 0 {
			r.settle(x, reward, weight*times)
		}
	}
}

// times returns how often a replicate takes the example of a key.
func (b *Bootstrap) times(key uint64, replicate int) float64 {
	h := scramble(key ^ scramble(b.opts.Seed+uint64(replicate+1)*termSalt))
	if b.opts.Resampling == DoubleOrNothing {
		return float64(2 * (h >> 63))
	}
	return poisson(float64(h>>11) * 0x1p-53)
}

// poisson returns the number that the distribution function of the Poisson distribution of mean 1 first exceeds u at.
func poisson(u float64) float64 {
	k, p := 0.0, 1/math.E
	for sum := p; sum <= u && k < 15; sum += p {
		k++
		p /= k
	}
	return k
}

// Skipped returns how many examples were left out; see Gradient.Skipped.
func (b *Bootstrap) Skipped() uint64 { return b.replicates[0].Skipped() }

// Capped returns how many settled rewards counted as less than they were, being far beyond all before: see tails.
func (b *Bootstrap) Capped() uint64 { return b.tails.capped() }

// Merge adds what another Bootstrap of the same options but for the seed learned from other examples; see Gradient.Merge.
func (b *Bootstrap) Merge(o *Bootstrap) error {
	ours := b.opts
	ours.Seed = o.opts.Seed
	if ours != o.opts {
		return errMerge
	}
	for i, r := range b.replicates {
		if err := r.Merge(o.replicates[i]); err != nil {
			return err
		}
	}
	b.sequence += o.sequence
	b.tails.merge(&o.tails)
	b.settled.merge(o.settled)
	b.provisional.merge(o.provisional)
	return nil
}
