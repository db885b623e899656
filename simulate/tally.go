package simulate

import "github.com/nextbest/nextbest/model"

// milestones are the rounds after which the average is kept: how fast a policy learns shows early.
var milestones = [...]int{500, 1000, 2000}

// curveBins bounds the points of a curve: more than a picture shows.
const curveBins = 200

// tally counts what a run earns, and what others would have earned.
type tally struct {
	rewards              []float64
	got, uniform, oracle float64 // sums of expected rewards

	// Of each action ever seen, the sum of what it was expected to pay above the uniform choice, over the rounds that
	// had it. In the others a constant policy is taken to choose uniformly.
	above  []float64
	ids    []string
	number map[string]int
}

func newTally(rounds int) *tally {
	return &tally{rewards: make([]float64, 0, rounds), number: map[string]int{}}
}

// add counts a round. expected has what each of its actions was expected to pay.
func (t *tally) add(actions []model.Candidate, chosen int, reward float64, expected []float64) {
	t.rewards = append(t.rewards, reward)
	best, uniform := expected[0], 0.0
	for _, x := range expected {
		uniform += x
		best = max(best, x)
	}
	uniform /= float64(len(expected))
	t.got += expected[chosen]
	t.uniform += uniform
	t.oracle += best
	for i, x := range expected {
		t.above[t.slot(i, actions[i].ID)] += x - uniform
	}
}

// slot returns an action's number. Mostly the actions of all rounds are the same in the same order.
func (t *tally) slot(i int, id string) int {
	if i < len(t.ids) && t.ids[i] == id {
		return i
	}
	n, known := t.number[id]
	if !known {
		n = len(t.ids)
		t.number[id], t.ids, t.above = n, append(t.ids, id), append(t.above, 0)
	}
	return n
}

func (t *tally) result() *Result {
	r := earned(t.rewards)
	n := float64(len(t.rewards))
	r.Actions, r.Uniform = len(t.ids), t.uniform/n
	r.Expected = &Expectations{Got: t.got / n, Oracle: t.oracle / n}
	best := t.above[0]
	for _, x := range t.above {
		best = max(best, x)
	}
	r.BestConstant = (t.uniform + best) / n
	return r
}

// earned returns what can be told from the rewards alone, in the order of their rounds.
func earned(rewards []float64) *Result {
	r := &Result{Rounds: len(rewards)}
	if r.Rounds == 0 {
		return r
	}
	curve := bins(rewards, min(r.Rounds, curveBins))
	r.Curve, r.AverageReward = curve, curve[len(curve)-1].Average
	if r.Rounds >= 2 {
		r.Halves = within(bins(rewards, 2))
	}
	if r.Rounds >= 10 {
		r.Tenths = within(bins(rewards, 10))
	}
	for _, m := range milestones {
		if m <= r.Rounds {
			r.First = append(r.First, Point{m, bins(rewards[:m], 1)[0].Average})
		}
	}
	return r
}

// bins cuts the rounds in n parts whose sizes differ by at most one.
func bins(rewards []float64, n int) []Bin {
	out, sum, at := make([]Bin, n), 0.0, 0
	for b := range out {
		end, part := len(rewards)*(b+1)/n, 0.0
		for _, x := range rewards[at:end] {
			part += x
			sum += x
		}
		out[b] = Bin{End: end, Reward: part / float64(end-at), Average: sum / float64(end)}
		at = end
	}
	return out
}

func within(b []Bin) []float64 {
	out := make([]float64, len(b))
	for i := range b {
		out[i] = b[i].Reward
	}
	return out
}
