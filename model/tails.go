package model

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// tails keep absurd rewards from spoiling an estimator: a reward counts at most as far from the default reward as the
// limit of those before it. Settled and provisional examples have limits of their own, so that what is settled does not
// depend on the order in which rewards came; those of provisional ones begin where the settled are.
type tails struct{ settled, open tail }

// tail is what is known of the sizes of a set's rewards, a size being the distance from the default reward.
//
// Once manyRewards examples had another reward than the default the limit is tailFactor times the largest size that
// counted. A reward beyond it counts as the limit, and doubles it; each other lowers it again, by the share
// tailForgets/n of the n-th. These are the decreasing steps of stochastic approximation (Robbins and Monro 1951) in the
// logarithm, in which Andrew, Thakkar, McMahan and Ramaswamy (Differentially private learning with adaptive clipping,
// 2021) let a bound on gradients follow a quantile. So a change of scale is followed within log₂ of it rewards; about ten
// accidents in all, scattered over the life of a loop, each count little; and what keeps coming, however rare, comes to
// count in full, as it must where the expected reward is what is asked for.
//
// What counted in place of a reward is kept, to be taken out as it was put in: rarely, since each doubles the limit.
type tail struct {
	differing      int64 // examples whose reward is not the default
	largest, limit float64
	bounded        map[uint64][]float64 // rewards as they counted, by example, the last one last
}

const (
	manyRewards = 20
	tailFactor  = 10
	tailForgets = 7
)

// settle returns what a reward counts for in a settled example. A negative weight takes out what the same call with the
// positive one put in.
func (t *tails) settle(x *Example, reward, defaultReward, weight float64) float64 {
	return t.settled.count(&tail{}, x, reward, defaultReward, weight)
}

// provisional returns the same for a provisional example.
func (t *tails) provisional(x *Example, reward, defaultReward, weight float64) float64 {
	return t.open.count(&t.settled, x, reward, defaultReward, weight)
}

// clearProvisional forgets what provisional examples were like.
func (t *tails) clearProvisional() { t.open = tail{} }

// merge adds what others saw of other examples.
func (t *tails) merge(o *tails) {
	t.settled.merge(&o.settled)
	t.open.merge(&o.open)
}

// capped returns how many settled rewards counted as less than they were.
func (t *tails) capped() uint64 {
	n := 0
	for _, rewards := range t.settled.bounded {
		n += len(rewards)
	}
	return uint64(n)
}

// count returns what a reward counts for after those of t and of base.
func (t *tail) count(base *tail, x *Example, reward, defaultReward, weight float64) float64 {
	switch {
	case reward == defaultReward || weight == 0:
		return reward
	case weight < 0:
		return t.takeOut(x, reward, weight)
	}
	size, limit := math.Abs(reward-defaultReward), max(t.limit, base.limit)
	t.differing++
	if n := t.differing + base.differing; n <= manyRewards || size <= limit {
		t.largest = max(t.largest, size)
		t.limit = max(tailFactor*t.largest, t.limit*(1-tailForgets/float64(max(n, manyRewards))))
		return reward
	}
	t.limit = 2 * limit
	counted := defaultReward + math.Copysign(limit, reward-defaultReward)
	t.keep(tailKey(x, reward, weight), counted)
	return counted
}

func (t *tail) keep(key uint64, counted ...float64) {
	if t.bounded == nil {
		t.bounded = make(map[uint64][]float64)
	}
	t.bounded[key] = append(t.bounded[key], counted...)
}

// takeOut returns what a reward counted for. Without any left the tail is as if there had been none.
func (t *tail) takeOut(x *Example, reward, weight float64) float64 {
	t.differing--
	if len(t.bounded) > 0 {
		key := tailKey(x, reward, weight)
		if rewards := t.bounded[key]; len(rewards) > 0 {
			last := len(rewards) - 1
			reward, t.bounded[key] = rewards[last], rewards[:last]
			if last == 0 {
				delete(t.bounded, key)
			}
		}
	}
	if t.differing == 0 {
		*t = tail{}
	}
	return reward
}

func (t *tail) merge(o *tail) {
	t.differing += o.differing
	t.largest, t.limit = max(t.largest, o.largest), max(t.limit, o.limit)
	for _, key := range slices.Sorted(maps.Keys(o.bounded)) {
		t.keep(key, o.bounded[key]...)
	}
}

// tailKey is a hash of all that tells an example and its reward.
func tailKey(x *Example, reward, weight float64) uint64 {
	h := openKey(contentKey(x), reward, weight)
	for _, v := range x.Recent {
		h = scramble(h + math.Float64bits(v))
	}
	return scramble(h + uint64(x.Width))
}

// The bytes of tails are those of the settled and of the provisional ones: differing, largest, limit, and by ascending key
// the rewards as they counted.
func (t *tails) appendBinary(b []byte) []byte {
	return t.open.appendBinary(t.settled.appendBinary(b))
}

func (t *tail) appendBinary(b []byte) []byte {
	b = binary.AppendVarint(b, t.differing)
	b = appendFloat(appendFloat(b, t.largest), t.limit)
	b = binary.AppendUvarint(b, uint64(len(t.bounded)))
	for _, key := range slices.Sorted(maps.Keys(t.bounded)) {
		b = binary.LittleEndian.AppendUint64(b, key)
		b = appendFloats(b, t.bounded[key])
	}
	return b
}

func (d *decoder) tails() tails { return tails{settled: d.tail(), open: d.tail()} }

func (d *decoder) tail() tail {
	t := tail{differing: d.varint(), largest: d.float(), limit: d.float()}
	if !(t.largest >= 0 && t.limit >= 0) {
		d.fail()
	}
	for range d.count(9) {
		key := d.uint64()
		rewards := d.floats(len(d.b) / 8)
		if t.bounded[key] != nil || len(rewards) == 0 {
			d.fail()
			break
		}
		t.keep(key, rewards...)
	}
	return t
}
