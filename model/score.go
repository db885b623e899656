package model

// scored is what a posterior says of a row: its mean, and its variance as if weights were independent, in units of the noise's.
type scored struct{ mean, variance float64 }

// plainScore is what scoring many candidates at once comes to: for each number, the dot product of x with the first half of
// its scores, and that of squares with the second half. Of x what is longer than a half does not count. Lengths are
// multiples of block.
//
// With recents, one for each number, x begins with them and squares with their squares: both are written.
func plainScore(dst []scored, scores [][]float64, numbers []int32, recents []recent, x, squares []float64) {
	for i, number := range numbers {
		if recents != nil {
			for j, v := range recents[i] {
				x[j], squares[j] = v, v*v
			}
		}
		row := scores[number]
		half := len(row) / 2
		n := min(half, len(x))
		dst[i] = scored{plainDot(x[:n], row[:half]), plainDot(squares[:n], row[half:])}
	}
}
