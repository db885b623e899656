package model

import "golang.org/x/sys/cpu"

//go:noescape
func scoreAVX2(dst *scored, scores *[]float64, numbers *int32, recents *recent, x, squares *float64, n, count int)

// score scores candidates: see plainScore. Every number is that of one of the scores.
func score(dst []scored, scores [][]float64, numbers []int32, recents []recent, x, squares []float64) {
	if !cpu.X86.HasAVX2 || len(x) == 0 || len(numbers) == 0 {
		plainScore(dst, scores, numbers, recents, x, squares)
		return
	}
	dst, squares = dst[:len(numbers)], squares[:len(x)]
	var lead *recent
	if recents != nil {
		lead = &recents[:len(numbers)][0]
	}
	scoreAVX2(&dst[0], &scores[0], &numbers[0], lead, &x[0], &squares[0], len(x), len(numbers))
}
