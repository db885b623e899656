package model

import (
	"sync"

	"github.com/nextbest/nextbest/features"
)

// Live returns a Predictor that follows the mixture: it costs nothing to keep up. It is for a single goroutine, the
// mixture's writer.
func (m *Mixture) Live() Predictor {
	return &livePredictor{m, &mixturePredictor{scratch: new(sync.Pool)}}
}

// livePredictor predicts from a mixture's own memory.
type livePredictor struct {
	mixture *Mixture
	present *mixturePredictor // written anew before each use
}

func (l *livePredictor) now() *mixturePredictor {
	if err := l.mixture.fill(l.present); err != nil {
		panic(err) // Sums of finite examples are never singular under a prior.
	}
	return l.present
}

// Estimate implements Predictor.
func (l *livePredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	return l.now().Estimate(dst, context, candidates)
}

// Events implements Predictor.
func (l *livePredictor) Events() uint64 {
	return uint64(max(0, l.mixture.all().examples))
}

// RewardDeviation implements Predictor.
func (l *livePredictor) RewardDeviation() float64 { return l.mixture.deviation() }

// AppendBinary implements Predictor.
func (l *livePredictor) AppendBinary(b []byte) ([]byte, error) { return l.now().AppendBinary(b) }
