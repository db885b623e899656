package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// generator returns a stream of random numbers of its own for each purpose of a seed.
func generator(seed uint64, purpose string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, xxhash.Sum64String(purpose)))
}

// Flipped changes from one round on what the actions pay: each pays what another one would have. The permutation is
// drawn from the seed among those that leave no action in its place (Sattolo's algorithm, 1986), so that two actions
// change places too.
func Flipped(w World, from int, seed uint64) World {
	return &flipped{World: w, from: from, rng: generator(seed, "flip")}
}

type flipped struct {
	World
	from        int
	rng         *rand.Rand
	permutation []int // nil before the change
	inner       []float64
}

// Next implements World.
func (f *flipped) Next(round int) (features.Set, []model.Candidate) {
	context, actions := f.World.Next(round)
	if round >= f.from && len(f.permutation) != len(actions) {
		f.permutation = cycle(f.rng, len(actions))
	}
	return context, actions
}

// cycle returns a permutation of n that moves everything round one circle.
func cycle(rng *rand.Rand, n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := rng.IntN(i)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// Expected implements World.
func (f *flipped) Expected(dst []float64) []float64 {
	if f.permutation == nil {
		return f.World.Expected(dst)
	}
	f.inner = f.World.Expected(f.inner[:0])
	for _, i := range f.permutation {
		dst = append(dst, f.inner[i])
	}
	return dst
}

// Reward implements World.
func (f *flipped) Reward(i int) (float64, int) {
	if f.permutation == nil {
		return f.World.Reward(i)
	}
	return f.World.Reward(f.permutation[i])
}

// NewActions holds back the second half of the actions, by their order, until a round.
func NewActions(w World, until int) World { return &newActions{World: w, until: until} }

type newActions struct {
	World
	until, present int
}

// Next implements World.
func (n *newActions) Next(round int) (features.Set, []model.Candidate) {
	context, actions := n.World.Next(round)
	n.present = len(actions)
	if round < n.until {
		n.present = (len(actions) + 1) / 2
	}
	return context, actions[:n.present]
}

// Expected implements World.
func (n *newActions) Expected(dst []float64) []float64 {
	return n.World.Expected(dst)[:len(dst)+n.present]
}

// Delayed has every reward arrive a random number of rounds later: geometric, 0 included, with the given mean.
func Delayed(w World, mean float64, seed uint64) World {
	return &delayed{World: w, stay: mean / (1 + mean), rng: generator(seed, "delay")}
}

type delayed struct {
	World
	stay  float64 // the probability that a reward that has not arrived does not arrive next round either
	rng   *rand.Rand
	delay int
}

// maxDelay is for ever: no run is as long.
const maxDelay = 1 << 40

// Next implements World.
func (d *delayed) Next(round int) (features.Set, []model.Candidate) {
	d.delay = 0
	if d.stay > 0 {
		d.delay = int(min(math.Log(1-d.rng.Float64())/math.Log(d.stay), maxDelay))
	}
	return d.World.Next(round)
}

// Reward implements World.
func (d *delayed) Reward(i int) (float64, int) {
	reward, delay := d.World.Reward(i)
	return reward, delay + d.delay
}
