package experiment

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The sequence must miss somewhere along a path of 5,000 looks in at most 5% of runs. 1,000 runs: the expected
// number of misses is at most 50, its standard deviation 6.9; the test fails above 50 + 4·6.9, so a sequence that
// keeps its word fails with probability below 1e-4. The same paths under a fixed-sample interval must fail it.
func TestMeanSequenceCoversAlongTheWholePath(t *testing.T) {
	const runs, looks, rate = 1000, 5000, 0.15
	misses, naive := 0, 0
	for run := range runs {
		rng := rand.New(rand.NewPCG(7, uint64(run)))
		s := MeanSequence{Confidence: 0.95, TightestAt: 1000}
		missed, naiveMissed := false, false
		for i := range looks {
			x := 0.0
			if rng.Float64() < rate {
				x = 1
			}
			s.Add(x)
			if i < 50 { // The guarantee is asymptotic.
				continue
			}
			off := math.Abs(s.Mean() - rate)
			missed = missed || off > s.HalfWidth()
			naiveMissed = naiveMissed || off > 1.96*math.Sqrt(s.Mean()*(1-s.Mean())/float64(i+1))
		}
		if missed {
			misses++
		}
		if naiveMissed {
			naive++
		}
	}
	const bound = 50 + 4*6.9
	t.Logf("missed in %d of %d runs; the fixed-sample interval in %d", misses, runs, naive)
	if float64(misses) > bound {
		t.Errorf("missed in %d of %d runs, want at most %v", misses, runs, bound)
	}
	if float64(naive) <= bound {
		t.Errorf("the fixed-sample interval missed in only %d runs: this test cannot fail", naive)
	}
}

func TestMeanSequenceIsTightestWhereAsked(t *testing.T) {
	// At a given n, the half-width of sequences tuned to m is smallest for m = n.
	width := func(tightest float64) float64 {
		s := MeanSequence{Confidence: 0.95, TightestAt: tightest}
		for i := range 1000 {
			s.Add(float64(i % 2))
		}
		return s.HalfWidth()
	}
	at := width(1000)
	for _, other := range []float64{100, 300, 3000, 10000} {
		if w := width(other); w < at {
			t.Errorf("tuned to %v it is %v wide at 1000, tuned to 1000 %v", other, w, at)
		}
	}
}

func TestMeanSequenceWithoutValues(t *testing.T) {
	s := MeanSequence{Confidence: 0.95, TightestAt: 10}
	if !math.IsInf(s.HalfWidth(), 1) || s.N() != 0 || s.Mean() != 0 {
		t.Errorf("empty: n %d mean %v half-width %v", s.N(), s.Mean(), s.HalfWidth())
	}
}

// The first values are often alike: ten customers, and nobody came. The sequence must not take that for certainty. It is
// looked at from the tenth value on; the counts are as above.
func TestMeanSequenceIsNotCertainAtOnce(t *testing.T) {
	const runs, looks, rate, bound = 1000, 500, 0.05, 50 + 4*6.9
	misses := func(width float64) (n int) {
		for run := range runs {
			rng := rand.New(rand.NewPCG(11, uint64(run)))
			s := MeanSequence{Confidence: 0.95, TightestAt: 1000, Range: width}
			missed := false
			for i := range looks {
				x := 0.0
				if rng.Float64() < rate {
					x = 1
				}
				s.Add(x)
				missed = missed || i >= 9 && math.Abs(s.Mean()-rate) > s.HalfWidth()
			}
			if missed {
				n++
			}
		}
		return n
	}
	with, without := misses(1), misses(0)
	t.Logf("missed in %d of %d runs; without the range in %d", with, runs, without)
	if float64(with) > bound {
		t.Errorf("missed in %d of %d runs, want at most %v", with, runs, bound)
	}
	if float64(without) <= bound {
		t.Errorf("without the range it missed in only %d runs: this test cannot fail", without)
	}
}
