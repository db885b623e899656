package ope

import (
	"fmt"
	"math"
)

// ActionEmbedding is p(e|a): how likely each discrete embedding is, given the action. An embedding is a category in each of
// some dimensions, which are independent given the action; one that is not so is written as a single dimension of all the
// combinations. Categories that the action fixes (a genre, a price band) have probability 1.
type ActionEmbedding struct {
	actions int
	given   [][][]float64 // p of [dimension][action][category]; all 0 for an action that was never seen
}

// NewActionEmbedding returns the embedding of the given probabilities of [dimension][action][category], which are kept, not
// copied. Each row must sum to 1 within 1e-9.
func NewActionEmbedding(given [][][]float64) (*ActionEmbedding, error) {
	if len(given) == 0 || len(given[0]) == 0 {
		return nil, fmt.Errorf("an embedding has at least one dimension and one action")
	}
	e := &ActionEmbedding{actions: len(given[0]), given: given}
	for d, rows := range given {
		if len(rows) != e.actions {
			return nil, fmt.Errorf("dimension %d has %d actions, and dimension 0 has %d", d, len(rows), e.actions)
		}
		for a, row := range rows {
			if err := checkEmbeddingRow(row, len(rows[0])); err != nil {
				return nil, fmt.Errorf("dimension %d, action %d: %w", d, a, err)
			}
		}
	}
	return e, nil
}

func checkEmbeddingRow(p []float64, categories int) error {
	if len(p) != categories {
		return fmt.Errorf("%d categories, want %d as action 0 has", len(p), categories)
	}
	sum := 0.0
	for _, x := range p {
		if !probability(x) {
			return &FieldError{"p(e|a)", x, "a probability in [0,1]"}
		}
		sum += x
	}
	if math.Abs(sum-1) > tolerance {
		return &FieldError{"the sum of p(e|a)", sum, "1"}
	}
	return nil
}

// Marginal returns p(e|π) = Σ_a π(a)·Π_d p(e_d|a) of an embedding e under a policy's probabilities of all actions: with those of
// the logging policy a Sample's MarginalPropensity, with those of the evaluated policy its MarginalTarget.
func (t *ActionEmbedding) Marginal(policy []float64, e []int) (float64, error) {
	if err := t.check(policy, e); err != nil {
		return 0, err
	}
	sum := 0.0
	for a, p := range policy {
		if p == 0 {
			continue
		}
		for d, category := range e {
			p *= t.given[d][a][category]
		}
		sum += p
	}
	return sum, nil
}

func (t *ActionEmbedding) check(policy []float64, e []int) error {
	if len(policy) != t.actions {
		return fmt.Errorf("a policy over %d actions, want %d", len(policy), t.actions)
	}
	if len(e) != len(t.given) {
		return fmt.Errorf("an embedding of %d dimensions, want %d", len(e), len(t.given))
	}
	for d, category := range e {
		if category < 0 || category >= len(t.given[d][0]) {
			return fmt.Errorf("category %d in dimension %d, want 0 to %d", category, d, len(t.given[d][0])-1)
		}
	}
	return nil
}

// Unseen returns the probability that a policy gives to actions whose embedding is not known, as they were never counted. It
// is missing from the marginals of the policy, which sum to so much less than 1.
func (t *ActionEmbedding) Unseen(policy []float64) float64 {
	sum := 0.0
	for a, p := range policy {
		if t.unseen(a) {
			sum += p
		}
	}
	return sum
}

func (t *ActionEmbedding) unseen(action int) bool {
	for _, p := range t.given[0][action] {
		if p > 0 {
			return false
		}
	}
	return true
}

// EmbeddingCounts learn p(e|a) from the embeddings that were observed with the served actions.
type EmbeddingCounts struct {
	counts [][][]float64 // of [dimension][action][category]
}

// NewEmbeddingCounts returns counts for so many actions, and so many categories in each dimension.
func NewEmbeddingCounts(actions int, categories ...int) *EmbeddingCounts {
	c := &EmbeddingCounts{counts: make([][][]float64, len(categories))}
	for d, n := range categories {
		c.counts[d] = make([][]float64, actions)
		for a := range actions {
			c.counts[d][a] = make([]float64, n)
		}
	}
	return c
}

// Add counts the embedding of a served action, which stands for count of its like.
func (c *EmbeddingCounts) Add(action int, e []int, count float64) error {
	if len(e) != len(c.counts) {
		return fmt.Errorf("an embedding of %d dimensions, want %d", len(e), len(c.counts))
	}
	for d, category := range e {
		if action < 0 || action >= len(c.counts[d]) {
			return fmt.Errorf("action %d, want 0 to %d", action, len(c.counts[d])-1)
		}
		if category < 0 || category >= len(c.counts[d][action]) {
			return fmt.Errorf("category %d in dimension %d, want 0 to %d", category, d, len(c.counts[d][action])-1)
		}
	}
	for d, category := range e {
		c.counts[d][action][category] += count
	}
	return nil
}

// Embedding returns the shares of what was counted: the likeliest p(e|a). An action that was counted once looks as if its
// embedding were fixed; where that is common, count on other samples than are evaluated.
func (c *EmbeddingCounts) Embedding() *ActionEmbedding {
	t := &ActionEmbedding{given: make([][][]float64, len(c.counts))}
	for d, rows := range c.counts {
		t.actions = len(rows)
		t.given[d] = make([][]float64, len(rows))
		for a, row := range rows {
			t.given[d][a] = embeddingShares(row)
		}
	}
	return t
}

// embeddingShares returns the counts over their sum, or zeros when there are none.
func embeddingShares(counts []float64) []float64 {
	p, sum := make([]float64, len(counts)), 0.0
	for _, n := range counts {
		sum += n
	}
	for i, n := range counts {
		if sum > 0 {
			p[i] = n / sum
		}
	}
	return p
}
