package challenger

import (
	"math"

	"github.com/nextbest/nextbest/ope"
)

// lookEvery is after how many samples the evidence is summed up. Sums are brought up to date then, which shows in their last
// bits: at fixed numbers of samples, a log read again comes to the same ones.
const lookEvery = 20

// gain is the gain of one policy over the one in force, as it comes in.
type gain struct {
	evaluation *ope.Evaluation
	added      int
	evidence   Evidence // as of the last multiple of lookEvery
}

// newGain returns one of samples with the given columns. Its interval misses with probability alpha, at all looks together.
// The rewards are in the given range; the zero value is one that is not known.
func newGain(given ope.Columns, alpha float64, rewards ope.Range) *gain {
	e, err := ope.New(given, nil, ope.Options{Alpha: alpha, Method: ope.BySequence, Rewards: rewards})
	if err != nil { // The loop file's limits on alpha are narrower.
		panic(err)
	}
	return &gain{evaluation: e, evidence: nothing()}
}

// add takes a sample. unmet returns the actions that the policy has and no decision could serve; nil returns none.
func (g *gain) add(s *ope.Sample, unmet func() []string) error {
	if err := g.evaluation.Add(s); err != nil {
		return err
	}
	if g.added++; g.added%lookEvery == 0 {
		known := ope.Known{}
		if unmet != nil {
			known.Unmet = unmet()
		}
		r := g.evaluation.Result(known)
		g.evidence = evidenceOf(&r)
	}
	return nil
}

// known returns the evidence so far; a nil gain has none.
func (g *gain) known() Evidence {
	if g == nil {
		return nothing()
	}
	return g.evidence
}

func nothing() Evidence {
	return Evidence{Gain: math.NaN(), Lower: math.Inf(-1), Upper: math.Inf(1)}
}
