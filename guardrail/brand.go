package guardrail

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/features"
)

// Brand is what a brand wants of actions. Rules read it as brand.*.
type Brand struct {
	Name        string
	Style       map[string]string // tokens: colours, forms of address
	Tones       []string          // allowed
	Banned      []Claim
	Disclosures map[string][]string // by market: texts that must be there
	Limits      map[string]float64
	Examples    []Example
}

// Claim is what must not be said.
type Claim struct {
	Pattern string // RE2, found anywhere in a text
	Reason  string // for people
}

// Example is a text that is as the brand wants it.
type Example struct {
	Text      string
	Embedding []float64 // all of a brand's are of the same length; may be empty
}

// Limits of a brand's patterns: RE2 takes time linear in the text, times the size of the pattern.
const (
	maxPattern = 1000
	maxText    = 64 << 10 // bytes of a text that is searched; the rest of a longer one cannot be vouched for
)

// claims are compiled patterns.
type claims []*regexp.Regexp

// compileClaims returns the patterns, or what is wrong with them.
func compileClaims(b *Brand) (claims, []Problem) {
	var all claims
	var wrong []Problem
	for _, c := range b.Banned {
		if len(c.Pattern) > maxPattern {
			wrong = append(wrong, Problem{Message: fmt.Sprintf("banned claim %.40q…: the pattern has %d bytes; at most %d are allowed", c.Pattern, len(c.Pattern), maxPattern)})
			continue
		}
		re, err := regexp.Compile(c.Pattern)
		if err != nil {
			wrong = append(wrong, Problem{Message: fmt.Sprintf("banned claim %q: %v", c.Pattern, err)})
			continue
		}
		all = append(all, re)
	}
	return all, wrong
}

// in reports whether a claim is found in a text.
func (c claims) in(text string) bool { return c.count(text) > 0 }

// count returns how many of the claims are found in a text.
func (c claims) count(text string) (n int) {
	for _, re := range c {
		if re.MatchString(text) {
			n++
		}
	}
	return n
}

// discloses reports whether a text holds all that must be said in a market, without regard to case and spacing.
func (b *Brand) discloses(text, market string) bool {
	plain := plainly(text)
	return !slices.ContainsFunc(b.Disclosures[market], func(wanted string) bool { return !strings.Contains(plain, plainly(wanted)) })
}

func plainly(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// Features returns what the brand says of an action as features that a model can learn from: brand.banned, the number of
// banned claims in its text; brand.similarity, the cosine of its embedding and the nearest example's, in [-1, 1]; absent where
// there is nothing to compare. Patterns that do not compile count as not found.
func (b *Brand) Features(text string, embedding []float64) features.Set {
	patterns, _ := compileClaims(b)
	set := features.Set{{Name: "brand.banned", Value: features.NumberValue(float64(patterns.count(text)))}}
	if nearest, ok := b.nearest(embedding); ok {
		set = append(set, features.Feature{Name: "brand.similarity", Value: features.NumberValue(nearest)})
	}
	return set
}

// nearest returns the largest cosine of an embedding and an example's.
func (b *Brand) nearest(embedding []float64) (best float64, ok bool) {
	best = -1
	for i := range b.Examples {
		if c, comparable := cosine(embedding, b.Examples[i].Embedding); comparable {
			best, ok = max(best, c), true
		}
	}
	return best, ok
}

func cosine(a, b []float64) (float64, bool) {
	if len(a) == 0 || len(a) != len(b) {
		return 0, false
	}
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	c := ab / math.Sqrt(aa) / math.Sqrt(bb)
	return min(max(c, -1), 1), c == c
}
