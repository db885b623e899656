package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// randomEmbedding returns p(e|a) of so many actions and categories in each dimension.
func randomEmbedding(rng *rand.Rand, actions int, categories ...int) [][][]float64 {
	given := make([][][]float64, len(categories))
	for d, n := range categories {
		for range actions {
			given[d] = append(given[d], randomPolicy(rng, n))
		}
	}
	return given
}

func randomPolicy(rng *rand.Rand, n int) []float64 {
	p, sum := make([]float64, n), 0.0
	for i := range p {
		p[i] = rng.ExpFloat64()
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func mustEmbedding(t *testing.T, given [][][]float64) *ActionEmbedding {
	t.Helper()
	e, err := NewActionEmbedding(given)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustMarginal(t *testing.T, table *ActionEmbedding, policy []float64, e []int) float64 {
	t.Helper()
	p, err := table.Marginal(policy, e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// In a world where actions work through their embeddings alone, listed in full: the mean of MIPS is the truth, its variance is
// below that of IPS, and the marginals of a policy sum to 1. There is no chance in it.
func TestMIPSIsUnbiasedWithMarginals(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	const actions = 30
	given := randomEmbedding(rng, actions, 3, 2)
	table := mustEmbedding(t, given)
	logging, target := randomPolicy(rng, actions), randomPolicy(rng, actions)
	mean, square, squareIPS, truth, sum := 0.0, 0.0, 0.0, 0.0, 0.0
	for x := range 3 {
		for y := range 2 {
			e := []int{x, y}
			reward := 1 + float64(x)*0.5 - float64(y)
			s := Sample{Reward: reward, MarginalPropensity: mustMarginal(t, table, logging, e), MarginalTarget: mustMarginal(t, table, target, e)}
			sum += s.MarginalPropensity
			for a := range actions {
				p := given[0][a][x] * given[1][a][y]
				truth += target[a] * p * reward
				v := MIPS{}.Terms(&s).Linear
				mean += logging[a] * p * v
				square += logging[a] * p * v * v
				squareIPS += target[a] * target[a] / logging[a] * p * reward * reward
			}
		}
	}
	if math.Abs(mean-truth) > 1e-12 {
		t.Errorf("mean %v, want %v", mean, truth)
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("marginals sum to %v, want 1", sum)
	}
	if square-mean*mean > (squareIPS-mean*mean)/2 {
		t.Errorf("variance %v of MIPS, %v of IPS", square-mean*mean, squareIPS-mean*mean)
	}
}

// An embedding that names the action makes MIPS IPS.
func TestMIPSOfActionsThemselvesIsIPS(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	const actions = 5
	identity := make([][]float64, actions)
	for a := range identity {
		identity[a] = make([]float64, actions)
		identity[a][a] = 1
	}
	table := mustEmbedding(t, [][][]float64{identity})
	logging, target := randomPolicy(rng, actions), randomPolicy(rng, actions)
	for a := range actions {
		s := Sample{
			Reward: 2, Propensity: logging[a], Target: target[a],
			MarginalPropensity: mustMarginal(t, table, logging, []int{a}), MarginalTarget: mustMarginal(t, table, target, []int{a}),
		}
		if got, want := (MIPS{}).Terms(&s), (IPS{}).Terms(&s); got != want {
			t.Errorf("action %d: %v, want %v", a, got, want)
		}
		if got, want := (SNMIPS{}).Terms(&s), (SNIPS{}).Terms(&s); got != want {
			t.Errorf("action %d, self-normalised: %v, want %v", a, got, want)
		}
	}
}

// Shares of n observations are within 5 standard deviations of the probabilities: with 14 of them the test would fail for
// fewer than one seed in 100,000. The action that was never served has none.
func TestCountedEmbeddingsAreThoseDrawn(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	const n = 2000
	given := randomEmbedding(rng, 4, 3, 4)
	counts := NewEmbeddingCounts(4, 3, 4)
	for action := range 2 { // 2 and 3 are never served
		for range n {
			if err := counts.Add(action, []int{drawIndex(rng, given[0][action]), drawIndex(rng, given[1][action])}, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	table := counts.Embedding()
	for action := range 2 {
		only := make([]float64, 4)
		only[action] = 1
		for x, p := range given[0][action] {
			share := 0.0
			for y := range given[1][action] {
				share += mustMarginal(t, table, only, []int{x, y})
			}
			if math.Abs(share-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("action %d, category %d: share %v, want %v", action, x, share, p)
			}
		}
		for y, p := range given[1][action] {
			share := 0.0
			for x := range given[0][action] {
				share += mustMarginal(t, table, only, []int{x, y})
			}
			if math.Abs(share-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("action %d, second dimension, category %d: share %v, want %v", action, y, share, p)
			}
		}
	}
	policy := []float64{0.1, 0.2, 0.3, 0.4}
	if got := table.Unseen(policy); math.Abs(got-0.7) > 1e-15 {
		t.Errorf("unseen %v, want 0.7", got)
	}
	sum := 0.0
	for x := range 3 {
		for y := range 4 {
			sum += mustMarginal(t, table, policy, []int{x, y})
		}
	}
	if math.Abs(sum-0.3) > 1e-12 {
		t.Errorf("marginals sum to %v, want what is seen, 0.3", sum)
	}
}

func TestEmbeddingsRefuseWhatDoesNotFit(t *testing.T) {
	for name, given := range map[string][][][]float64{
		"no dimension":        {},
		"no action":           {{}},
		"sum below 1":         {{{0.5, 0.4}}},
		"negative":            {{{1.5, -0.5}}},
		"other actions":       {{{1}, {1}}, {{1}}},
		"other categories":    {{{0.5, 0.5}, {1}}},
		"not a number":        {{{math.NaN(), 1}}},
		"no categories":       {{{}}},
		"sum off by rounding": {{{0.5, 0.5 + 1e-8}}},
	} {
		if _, err := NewActionEmbedding(given); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	table := mustEmbedding(t, [][][]float64{{{1, 0}, {0, 1}}})
	for name, c := range map[string]struct {
		policy []float64
		e      []int
	}{
		"short policy": {[]float64{1}, []int{0}}, "dimensions": {[]float64{1, 0}, []int{0, 0}},
		"negative category": {[]float64{1, 0}, []int{-1}}, "large category": {[]float64{1, 0}, []int{2}},
	} {
		if _, err := table.Marginal(c.policy, c.e); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	counts := NewEmbeddingCounts(2, 3)
	for name, c := range map[string]struct {
		action int
		e      []int
	}{
		"action": {2, []int{0}}, "negative action": {-1, []int{0}}, "category": {0, []int{3}}, "dimensions": {0, nil},
	} {
		if err := counts.Add(c.action, c.e, 1); err == nil {
			t.Errorf("%s was counted", name)
		}
	}
}
