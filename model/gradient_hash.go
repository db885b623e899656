package model

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/nextbest/nextbest/features"
)

// Salts keep hashes of different things apart. They are part of the state's meaning and never change.
const (
	contextSalt = 0x6e65787462657374
	actionSalt  = 0x2545f4914f6cdd1d
	idSalt      = 0x27bb2ee687b0b0fd
	termSalt    = 0x9e3779b97f4a7c15
)

// scramble is the finaliser of MurmurHash3, a bijection whose every output bit depends on every input bit.
func scramble(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// appendHashed appends the terms of s: 31 bits of hash by way of index, odd for a number, whose value is raw, and even
// for everything else, whose value is 1.
//
//	number        one term by name
//	list of n     n terms by name and place
//	text, tags    one term per text, by name and text
//	boolean       one term by name when true; false and missing are the same
//
// Numbers that are not finite or absurdly large are missing.
func appendHashed(dst []features.Term, salt uint64, s features.Set) []features.Term {
	dst = slices.Grow(dst, len(s))
	for i := range s {
		name, v := scramble(salt+xxhash.Sum64String(s[i].Name)), &s[i].Value
		switch v.Kind() {
		case features.Number:
			dst = appendNumber(dst, name, v.Number())
		case features.Numbers:
			for k, x := range v.Numbers() {
				dst = appendNumber(dst, scramble(name+uint64(k+1)), x)
			}
		case features.Text:
			dst = append(dst, features.Term{Index: textIndex(name, v.Text()), Value: 1})
		case features.Texts:
			for _, t := range v.Texts() {
				dst = append(dst, features.Term{Index: textIndex(name, t), Value: 1})
			}
		case features.Flag:
			if v.Flag() {
				dst = append(dst, features.Term{Index: textIndex(name, ""), Value: 1})
			}
		}
	}
	return dst
}

func appendNumber(dst []features.Term, hash uint64, x float64) []features.Term {
	if !(math.Abs(x) <= maxNumber) {
		return dst
	}
	return append(dst, features.Term{Index: int32(hash>>33) | 1, Value: x})
}

func textIndex(name uint64, text string) int32 {
	return int32(scramble(name^xxhash.Sum64String(text))>>33) &^ 1
}

// active is a term as a state sees it: a hash of 64 bits, whose upper ones choose a cell, and its standardised value.
// The hash of a product is the sum of the factors'.
type active struct {
	hash uint64
	x    float64
}

// appendActive appends what a state sees of terms. A number that is sometimes missing has a term that says it is there;
// one that is missing is worth its mean.
func (s *gradientState) appendActive(dst []active, salt uint64, terms []features.Term) []active {
	for _, t := range terms {
		if t.Index&1 == 0 {
			dst = append(dst, active{scramble(salt + uint64(t.Index)), 1})
			continue
		}
		m := s.moments.find(t.Index)
		if m == nil || !(math.Abs(t.Value) <= maxNumber) {
			continue
		}
		if x := m.standardise(t.Value); x != 0 {
			dst = append(dst, active{scramble(salt + uint64(t.Index)), x})
		}
		if m.weight < float64(s.weight*(1-1e-9)) {
			dst = append(dst, active{scramble(salt + uint64(t.Index&^1)), 1})
		}
	}
	return dst
}

// appendPairs appends the products of every two terms and the squares of those that are not indicators, if there are no
// more than most of them.
func appendPairs(dst []active, most int) []active {
	n := len(dst)
	if most <= 0 || n*(n+1)/2 > most {
		return dst
	}
	for i, a := range dst[:n] {
		for j, b := range dst[:i+1] {
			if i != j || a.x != 1 {
				dst = append(dst, active{scramble(a.hash + b.hash), float64(a.x * b.x)})
			}
		}
	}
	return dst
}

// appendAction appends the terms of an action, its id the first.
func (s *gradientState) appendAction(dst []active, id string, terms []features.Term) []active {
	dst = append(dst, active{scramble(idSalt + xxhash.Sum64String(id)), 1})
	return s.appendActive(dst, termSalt, terms)
}

// crossed returns how many of an action's terms the context's are multiplied by.
func crossed(context, action, most int) int {
	if (action-1)*context > most {
		return 1
	}
	return action
}
