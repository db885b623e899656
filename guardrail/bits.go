package guardrail

import "math/bits"

// bitset has a bit per action.
type bitset []uint64

func words(n int) int { return (n + 63) / 64 }

func newBitset(n int) bitset { return make(bitset, words(n)) }

func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// fill sets the first n bits and no others.
func (b bitset) fill(n int) {
	for i := range b {
		b[i] = ^uint64(0)
	}
	if r := n & 63; r != 0 {
		b[len(b)-1] = 1<<r - 1
	}
}

func (b bitset) any() bool {
	for _, w := range b {
		if w != 0 {
			return true
		}
	}
	return false
}

// meets reports whether the two have a bit in common.
func (b bitset) meets(o bitset) bool {
	for i := range b {
		if b[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// each calls f with every bit that is set, ascending.
func (b bitset) each(f func(i int)) {
	for k, w := range b {
		for ; w != 0; w &= w - 1 {
			f(k<<6 | bits.TrailingZeros64(w))
		}
	}
}

func (b bitset) or(o bitset) {
	for i := range b {
		b[i] |= o[i]
	}
}

func (b bitset) and(o bitset) {
	for i := range b {
		b[i] &= o[i]
	}
}

func (b bitset) andNot(o bitset) {
	for i := range b {
		b[i] &^= o[i]
	}
}

// truth is what an expression is for each action: true, false, or neither where it cannot be decided.
type truth struct{ yes, no bitset }

func newTruth(n int) truth {
	both := make(bitset, 2*words(n))
	return truth{both[:words(n):words(n)], both[words(n):]}
}

func (t truth) clear() {
	clear(t.yes)
	clear(t.no)
}

// copyFrom makes t what o is.
func (t truth) copyFrom(o truth) {
	copy(t.yes, o.yes)
	copy(t.no, o.no)
}

// and is CEL's: false where either is false, whatever the other.
func (t truth) and(o truth) {
	t.yes.and(o.yes)
	t.no.or(o.no)
}

// or is CEL's: true where either is true, whatever the other.
func (t truth) or(o truth) {
	t.yes.or(o.yes)
	t.no.and(o.no)
}
