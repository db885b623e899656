package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// someScores returns scores of rows of n columns, of which some have fewer, and numbers among them.
func someScores(rnd *rand.Rand, n, count int) (scores [][]float64, numbers []int32, recents []recent) {
	for i := range count {
		scores = append(scores, randomVector(rnd, 2*max(0, n-block*(i%3))))
	}
	for range count {
		numbers = append(numbers, int32(rnd.IntN(count)))
		recents = append(recents, recent(randomVector(rnd, recentTerms)))
	}
	return scores, numbers, recents
}

// TestScoreIsThePlainOne compares to the bit.
func TestScoreIsThePlainOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 5))
	for _, n := range packedDimensions {
		for count := range 9 {
			scores, numbers, recents := someScores(rnd, n, count)
			x, squares := randomVector(rnd, n), randomVector(rnd, n)
			for _, r := range [][]recent{nil, recents} {
				xs, plainXs, plainSquares := slices.Clone(x), slices.Clone(x), slices.Clone(squares)
				got, want := make([]scored, count), make([]scored, count)
				score(got, scores, numbers, r, xs, squares)
				plainScore(want, scores, numbers, r, plainXs, plainSquares)
				for i := range want {
					sameBits(t, "scores", []float64{got[i].mean, got[i].variance}, []float64{want[i].mean, want[i].variance})
				}
				sameBits(t, "x", xs, plainXs)
				sameBits(t, "squares", squares, plainSquares)
			}
		}
	}
}

func BenchmarkScore(b *testing.B) {
	rnd := rand.New(rand.NewPCG(3, 5))
	const n, count = 36, 500
	scores, numbers, recents := someScores(rnd, n, count)
	x, squares, dst := randomVector(rnd, n), randomVector(rnd, n), make([]scored, count)
	for _, r := range [][]recent{nil, recents} {
		b.Run(fmt.Sprintf("recent=%t", r != nil), func(b *testing.B) {
			for b.Loop() {
				score(dst, scores, numbers, r, x, squares)
			}
		})
	}
}
