package model

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/nextbest/nextbest/features"
)

// openExamples are those that are provisional, in the order they were first added. Of equal ones the latest is taken out
// first. One that comes back with another reward, in the next call, takes its old place.
type openExamples struct {
	list   []openExample
	latest map[uint64]int // place in list by key
	count  int            // of those not gone
	oldest int            // all before are gone
	hole   int            // 1 + place of the one that was just taken out, or 0
}

type openExample struct {
	x              Example
	reward, weight float64
	key, content   uint64 // hashes of all of it, and of x
	before         int    // place of the one before it with its key, or -1
	gone           bool
}

func newOpenExample(x Example, reward, weight float64) openExample {
	content := contentKey(&x)
	return openExample{x: x, reward: reward, weight: weight, key: openKey(content, reward, weight), content: content}
}

// add takes an example in and drops the oldest beyond most. It reports whether the example is the last one.
func (o *openExamples) add(e openExample, most int) bool {
	at := o.hole - 1
	o.hole = 0
	if at >= 0 && o.list[at].content == e.content {
		o.put(at, e)
		return at == len(o.list)-1
	}
	if o.count >= most {
		o.dropOldest()
	}
	if len(o.list) > 64+2*o.count {
		o.compact()
	}
	o.list = append(o.list, openExample{})
	o.put(len(o.list)-1, e)
	return true
}

// put fills a place, and a link of the chain that goes from the latest example of a key to those before it.
func (o *openExamples) put(at int, e openExample) {
	if o.latest == nil {
		o.latest = map[uint64]int{}
	}
	o.count++
	head, ok := o.latest[e.key]
	switch {
	case !ok:
		e.before = -1
		o.latest[e.key] = at
	case head < at:
		e.before = head
		o.latest[e.key] = at
	default:
		for o.list[head].before > at {
			head = o.list[head].before
		}
		e.before = o.list[head].before
		o.list[head].before = at
	}
	o.list[at] = e
}

// remove takes the latest example of a key out, and reports whether there is one.
func (o *openExamples) remove(key uint64) bool {
	at, ok := o.latest[key]
	if !ok {
		return false
	}
	if before := o.list[at].before; before >= o.oldest && !o.list[before].gone {
		o.latest[key] = before
	} else {
		delete(o.latest, key)
	}
	o.drop(at)
	o.hole = at + 1
	return true
}

// dropOldest leaves it in its chain, as the end.
func (o *openExamples) dropOldest() {
	for o.list[o.oldest].gone {
		o.oldest++
	}
	if key := o.list[o.oldest].key; o.latest[key] == o.oldest {
		delete(o.latest, key)
	}
	o.drop(o.oldest)
}

func (o *openExamples) drop(at int) {
	o.list[at].x, o.list[at].gone = Example{}, true
	o.count--
}

// compact moves those that are not gone together.
func (o *openExamples) compact() {
	old := o.list
	*o = openExamples{list: make([]openExample, 0, 2*o.count)}
	for i := range old {
		if !old[i].gone {
			o.add(old[i], math.MaxInt)
		}
	}
}

// all calls f for every example, in order.
func (o *openExamples) all(f func(e *openExample)) {
	for i := o.oldest; i < len(o.list); i++ {
		if !o.list[i].gone {
			f(&o.list[i])
		}
	}
}

// openKey is a hash of what has to be equal for a call to take out what another added.
func openKey(content uint64, reward, weight float64) uint64 {
	return scramble(scramble(content+math.Float64bits(reward)) + math.Float64bits(math.Abs(weight)))
}

// contentKey is a hash of an example.
func contentKey(x *Example) uint64 {
	h := xxhash.Sum64String(x.ActionID)
	for _, ts := range [2][]features.Term{x.Context, x.Action} {
		for _, t := range ts {
			h = scramble(h + uint64(uint32(t.Index)))
			h = scramble(h + math.Float64bits(t.Value))
		}
		h = scramble(h + uint64(len(ts)))
	}
	return h
}

// copied returns an example that does not share memory.
func copied(x *Example) Example {
	return Example{ActionID: x.ActionID, Context: slices.Clone(x.Context), Action: slices.Clone(x.Action)}
}
