package eventlog

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
)

// sampleDecision returns a decision as a shop's home page makes it: 8 offers from the catalogue, 6 features.
func sampleDecision(rng *rand.Rand, i int) *decision.Record {
	devices := []string{"mobile", "desktop", "tablet"}
	r := &decision.Record{
		Loop: "home-offers", SnapshotID: "home-offers-000017",
		Fingerprint: rng.Uint64(),
		Input: decision.Input{
			Time:    time.Unix(1_800_000_000, int64(i)*7_919_000).UTC(),
			EventID: fmt.Sprintf("0192f3c4-%04x-7%03x-9%03x-%012x", rng.Uint32()>>16, rng.Uint32()>>20, rng.Uint32()>>20, rng.Uint64()>>16),
			UserID:  fmt.Sprintf("u-%07d", rng.IntN(2_000_000)),
			Context: features.Set{
				{Name: "device", Value: features.TextValue(devices[rng.IntN(3)])},
				{Name: "hour", Value: features.NumberValue(float64(rng.IntN(24)))},
			},
			User: features.Set{
				{Name: "age", Value: features.NumberValue(float64(18 + rng.IntN(60)))},
				{Name: "newsletter", Value: features.FlagValue(rng.IntN(2) == 0)},
				{Name: "recency_days", Value: features.NumberValue(float64(rng.IntN(365)))},
				{Name: "spend", Value: features.NumberValue(float64(rng.IntN(100_000)) / 100)},
			},
			FromCatalogue: true,
			Slots:         []decision.SlotSpec{{}},
		},
		Outcome: decision.Outcome{Arm: "treatment", Policy: "squarecb(gamma=10) floor 0.01", Mode: decision.Online},
	}
	const offers = 8
	c := decision.Choice{Draw: rng.Float64(), WouldHaveChosen: -1}
	rest := 1.0
	for k, a := range rng.Perm(offers) {
		r.Actions = append(r.Actions, decision.Action{ID: fmt.Sprintf("offer-%02d", k)})
		p := rest * rng.Float64()
		if k == offers-1 {
			p = rest
		}
		rest -= p
		c.Ranking = append(c.Ranking, decision.Ranked{Action: a, Probability: p, Score: rng.NormFloat64()})
	}
	r.Choices = []decision.Choice{c}
	return r
}

// samplePayloads returns n stored decisions.
func samplePayloads(tb testing.TB, n int) [][]byte {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([][]byte, n)
	for i := range out {
		b, err := Marshal(FromDecision(sampleDecision(rng, i)))
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = b
	}
	return out
}
