package simulate

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// counting pays, for action i in round n, n + i/100, and nothing is random.
type counting struct{ round, actions int }

func (c *counting) Next(round int) (features.Set, []model.Candidate) {
	c.round = round
	return features.Set{{Name: "round", Value: features.NumberValue(float64(round))}}, named(c.actions)
}

func (c *counting) Expected(dst []float64) []float64 {
	for i := range c.actions {
		x, _ := c.Reward(i)
		dst = append(dst, x)
	}
	return dst
}

func (c *counting) Reward(i int) (float64, int) { return float64(c.round) + float64(i)/100, 0 }

// watched is an estimator that writes down when which round was learned and how many models were made.
type watched struct {
	model.Estimator
	now     int   // rounds that were observed
	learned []int // round of each example, in the order of learning
	when    []int // how many rounds were observed by then
	models  []int // how many rounds were observed when each was made
}

func (w *watched) Observe(context features.Set, actions []model.Candidate) {
	w.now++
	w.Estimator.Observe(context, actions)
}

func (w *watched) Settle(x *model.Example, reward, weight float64) {
	w.learned, w.when = append(w.learned, int(reward)), append(w.when, w.now)
	w.Estimator.Settle(x, reward, weight)
}

func (w *watched) Predictor() (model.Predictor, error) {
	w.models = append(w.models, w.now)
	return w.Estimator.Predictor()
}

func uniformPolicy(t *testing.T, e model.Estimator) Policy {
	t.Helper()
	uniform, err := model.NewUniform(0)
	if err != nil {
		t.Fatal(err)
	}
	return Policy{Exploration: uniform, NewEstimator: func() model.Estimator { return e }}
}

func mustRun(t *testing.T, w World, p Policy, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), w, p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lateness tells every third reward late by its own number of rounds.
type lateness struct{ counting }

func (l *lateness) Reward(i int) (float64, int) {
	reward, _ := l.counting.Reward(i)
	return reward, (l.round * 7 % 11) * (l.round % 3 / 2)
}

// TestRewardsAreLearnedWhenTheyArrive compares the queue with its slow twin, which looks at every reward every round.
func TestRewardsAreLearnedWhenTheyArrive(t *testing.T) {
	const rounds = 60
	for _, batch := range []int{0, 1, 7} {
		w := &watched{Estimator: model.DefaultEstimator()}
		r := mustRun(t, &lateness{counting{actions: 2}}, uniformPolicy(t, w), Options{Rounds: rounds, Batch: batch})
		var learned, when []int
		for now := range rounds + 1 {
			for n := range now {
				due := n + 1 + (n*7%11)*(n%3/2)
				for batch > 1 && due%batch != 0 {
					due++
				}
				if due == now {
					learned, when = append(learned, n), append(when, now)
				}
			}
		}
		if diff := cmp.Diff([][]int{learned, when}, [][]int{w.learned, w.when}); diff != "" {
			t.Errorf("batch %d: %s", batch, diff)
		}
		if r.Outstanding != rounds-len(learned) {
			t.Errorf("batch %d: %d outstanding, want %d", batch, r.Outstanding, rounds-len(learned))
		}
	}
}

func TestBatchesRenewTheModelBetween(t *testing.T) {
	w := &watched{Estimator: model.DefaultEstimator()}
	mustRun(t, &counting{actions: 2}, uniformPolicy(t, w), Options{Rounds: 1000, Batch: 300})
	if diff := cmp.Diff([]int{0, 300, 600, 900}, w.models); diff != "" {
		t.Error(diff)
	}
}

func TestFlippedMovesEveryAction(t *testing.T) {
	for _, k := range []int{2, 3, 10} {
		w := Flipped(&counting{actions: k}, 5, 1)
		for round := range 10 {
			w.Next(round)
			expected := w.Expected([]float64{-1})[1:]
			moved := 0
			for i, x := range expected {
				if reward, _ := w.Reward(i); reward != x {
					t.Errorf("%d actions, round %d: action %d pays %g, expected %g", k, round, i, reward, x)
				}
				if x != float64(round)+float64(i)/100 {
					moved++
				}
			}
			if round < 5 && moved > 0 || round >= 5 && moved != k {
				t.Errorf("%d actions, round %d: %d are moved", k, round, moved)
			}
			slices.Sort(expected)
			if expected[k-1] != float64(round)+float64(k-1)/100 {
				t.Errorf("%d actions, round %d: %v is no permutation", k, round, expected)
			}
		}
	}
}

func TestNewActionsComeLater(t *testing.T) {
	w := NewActions(&counting{actions: 5}, 2)
	for round, want := range []int{3, 3, 5, 5} {
		_, actions := w.Next(round)
		if len(actions) != want || len(w.Expected(make([]float64, 2))) != want+2 {
			t.Errorf("round %d: %d actions, %d expected rewards", round, len(actions), len(w.Expected(nil)))
		}
	}
}

// TestDelaysAreGeometric: the mean of 20,000 delays of mean 40 has a standard error of 0.29, their share at 0 one of
// 0.0011. Five errors fail by chance once in a million seeds.
func TestDelaysAreGeometric(t *testing.T) {
	const n, mean = 20_000, 40.0
	w := Delayed(&counting{actions: 2}, mean, 7)
	sum, zero := 0.0, 0.0
	for round := range n {
		w.Next(round)
		if _, d := w.Reward(0); d == 0 {
			zero++
		} else {
			sum += float64(d)
		}
	}
	if math.Abs(sum/n-mean) > 5*math.Sqrt(mean*(mean+1)/n) || math.Abs(zero/n-1/(mean+1)) > 5*math.Sqrt(1/(mean+1)/n) {
		t.Errorf("mean %g, share at 0 %g", sum/n, zero/n)
	}
	w = Delayed(&counting{actions: 2}, 0, 7)
	w.Next(0)
	if _, d := w.Reward(0); d != 0 {
		t.Errorf("a mean of 0 delays by %d", d)
	}
}

// following is an estimator whose predictor is always made anew.
type following struct{ *watched }

func (f following) Live() model.Predictor { return f }

func (f following) Estimate(dst []model.Estimate, context features.Set, actions []model.Candidate) []model.Estimate {
	p, err := f.Estimator.Predictor()
	if err != nil {
		panic(err)
	}
	return p.Estimate(dst, context, actions)
}

func (f following) Events() uint64           { return uint64(len(f.learned)) }
func (f following) RewardDeviation() float64 { return 1 }

func TestLiveEstimatorsNeedNoModels(t *testing.T) {
	w := &watched{Estimator: model.DefaultEstimator()}
	p := uniformPolicy(t, nil)
	p.NewEstimator = func() model.Estimator { return following{w} }
	r := mustRun(t, &counting{actions: 3}, p, Options{Rounds: 50})
	if r.Fits != 0 || len(w.models) != 0 || len(w.learned) != 50 {
		t.Errorf("%d fits, %d models, %d learned", r.Fits, len(w.models), len(w.learned))
	}
}

// TestConstantsCountAbsence: of two actions that pay 1 and 0 and a third that pays 4 in the second half, a constant third
// earns the uniform choice's 1/2 first and then 4.
func TestConstantsCountAbsence(t *testing.T) {
	tally := newTally(4)
	for round := range 4 {
		expected := []float64{1, 0, 4}[:2+round/2]
		tally.add(named(len(expected)), 0, expected[0], expected)
	}
	r := tally.result()
	if math.Abs(r.BestConstant-2.25) > 1e-12 || r.Expected.Oracle != 2.5 || r.AverageReward != 1 || r.Actions != 3 {
		t.Errorf("%+v, %+v", r, r.Expected)
	}
}

func TestBinsCoverAllRounds(t *testing.T) {
	for _, n := range []int{1, 2, 9, 10, 11, 199, 200, 201, 4321} {
		rewards := make([]float64, n)
		for i := range rewards {
			rewards[i] = float64(i % 3)
		}
		r := earned(rewards)
		sum, from := 0.0, 0
		for _, b := range r.Curve {
			sum += b.Reward * float64(b.End-from)
			from = b.End
		}
		if from != n || math.Abs(sum/float64(n)-r.AverageReward) > 1e-9 || len(r.Curve) > curveBins {
			t.Errorf("%d rounds: %d bins end at %d with %g of %g", n, len(r.Curve), from, sum/float64(n), r.AverageReward)
		}
		if (r.Tenths != nil) != (n >= 10) || (r.Halves != nil) != (n >= 2) {
			t.Errorf("%s rounds: halves %v, tenths %v", strconv.Itoa(n), r.Halves, r.Tenths)
		}
	}
}
