package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// world is a loop with three actions, whose reward depends on two numbers, their product and a text.
type world struct {
	rnd   *rand.Rand
	scale float64 // of the numbers
	with  features.Set
}

func newWorld(seed uint64) *world { return &world{rnd: rand.New(rand.NewPCG(seed, 1)), scale: 1} }

func (w *world) context() (features.Set, [2]float64, string) {
	a, b, city := w.rnd.NormFloat64(), w.rnd.NormFloat64(), fmt.Sprint("city", w.rnd.IntN(4))
	set := must(features.NewSet(features.Set{
		{Name: "a", Value: features.NumberValue(a * w.scale)}, {Name: "b", Value: features.NumberValue(b/w.scale + 3)},
		{Name: "city", Value: features.TextValue(city)},
	}))
	return set, [2]float64{a, b}, city
}

func (w *world) reward(action int, x [2]float64, city string) float64 {
	switch action {
	case 0:
		return x[0]
	case 1:
		return x[0] * x[1]
	default:
		return float64(strings.Count(city, "1"))
	}
}

func threeActions(with features.Set) []Candidate {
	var c []Candidate
	for i := range 3 {
		c = append(c, Candidate{ID: fmt.Sprint("action", i), Features: with})
	}
	return c
}

// learned has a mixture learn n decisions of uniformly chosen actions.
func learned(m *Mixture, w *world, n int) *Mixture {
	actions := threeActions(w.with)
	for range n {
		context, x, city := w.context()
		m.Observe(context, actions)
		served := w.rnd.IntN(3)
		e := m.Encode(context, actions[served])
		m.Settle(&e, w.reward(served, x, city)+0.1*w.rnd.NormFloat64(), 1)
	}
	return m
}

// squaredError is the mean squared error of a predictor's means over fresh contexts.
func squaredError(p Predictor, w *world) float64 {
	sum, n := 0.0, 500
	actions := threeActions(w.with)
	for range n {
		context, x, city := w.context()
		for i, e := range p.Estimate(nil, context, actions) {
			d := e.Mean - w.reward(i, x, city)
			sum += d * d / float64(3*n)
		}
	}
	return sum
}

// TestMixtureLearnsProducts: terms alone leave the product's variance, a third of 1, unexplained.
func TestMixtureLearnsProducts(t *testing.T) {
	m := learned(NewMixture(MixtureOptions{}), newWorld(1), 2000)
	if e := squaredError(must(m.Predictor()), newWorld(2)); e > 0.01 {
		t.Errorf("mean squared error %g", e)
	}
}

// TestScalesDoNotMatter: numbers of 10⁶ and 10⁻⁶ in one loop are learned from as well as those around 1.
func TestScalesDoNotMatter(t *testing.T) {
	plain, scaled := newWorld(3), newWorld(3)
	scaled.scale = 1e6
	a, b := learned(NewMixture(MixtureOptions{}), plain, 500), learned(NewMixture(MixtureOptions{}), scaled, 500)
	p, s := squaredError(must(a.Predictor()), plain), squaredError(must(b.Predictor()), scaled)
	if s > 1.05*p {
		t.Errorf("mean squared error %g with plain numbers, %g with scaled ones", p, s)
	}
}

// TestNewActionsStartFromTheirFeatures: actions share what is learned of their features.
func TestNewActionsStartFromTheirFeatures(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	m := NewMixture(MixtureOptions{})
	action := func(id int, quality float64) Candidate {
		return Candidate{ID: fmt.Sprint(id), Features: features.Set{{Name: "quality", Value: features.NumberValue(quality)}}}
	}
	for i := range 3000 {
		q := rnd.NormFloat64()
		c := action(i%600, q)
		m.Observe(nil, []Candidate{c})
		e := m.Encode(nil, c)
		m.Settle(&e, 2*q+0.3*rnd.NormFloat64(), 1)
	}
	for _, q := range []float64{-1.5, 0, 1.5} {
		e := must(m.Predictor()).Estimate(nil, nil, []Candidate{action(9999, q)})[0]
		if math.Abs(e.Mean-2*q) > 0.2 {
			t.Errorf("a new action of quality %g is expected to be worth %g", q, e.Mean)
		}
	}
}

// TestChangesAreFollowed: after the rewards' signs turn, what is expected follows within some hundred examples.
func TestChangesAreFollowed(t *testing.T) {
	w := newWorld(5)
	m := learned(NewMixture(MixtureOptions{}), w, 3000)
	actions := threeActions(nil)
	for range 600 {
		context, x, city := w.context()
		m.Observe(context, actions)
		served := w.rnd.IntN(3)
		e := m.Encode(context, actions[served])
		m.Settle(&e, -w.reward(served, x, city), 1)
	}
	p, sum := must(m.Predictor()), 0.0
	for range 500 {
		context, x, city := w.context()
		for i, e := range p.Estimate(nil, context, actions) {
			d := e.Mean + w.reward(i, x, city)
			sum += d * d / 1500
		}
	}
	if sum > 0.2 {
		t.Errorf("mean squared error %g, 600 examples after everything turned", sum)
	}
}

func TestMixtureSurvivesItsBytes(t *testing.T) {
	for _, n := range []int{0, 1, 30, 49, 50, 51, 300, 501} {
		w := newWorld(6)
		w.with = features.Set{{Name: "kind", Value: features.TextValue("x")}}
		m := learned(NewMixture(MixtureOptions{DefaultReward: 0.5}), w, n)
		context, _, _ := w.context()
		m.Observe(context, nil)
		open := m.Encode(context, threeActions(w.with)[1])
		m.Provisional(&open, 3, 1)
		again := NewMixture(MixtureOptions{DefaultReward: 0.5})
		if err := again.UnmarshalBinary(must(m.AppendBinary(nil))); err != nil {
			t.Fatalf("after %d examples: %v", n, err)
		}
		for _, m := range []*Mixture{m, again} {
			w := newWorld(66)
			m.Provisional(&open, 3, -1)
			m.ClearProvisional()
			m.Settle(&open, 3, 1)
			learned(m, w, 60)
		}
		if !bytes.Equal(must(m.AppendBinary(nil)), must(again.AppendBinary(nil))) {
			t.Errorf("after %d examples: read again it goes on otherwise", n)
		}
		if !bytes.Equal(bytesOf(m), bytesOf(again)) {
			t.Errorf("after %d examples: the predictors differ", n)
		}
	}
}

func bytesOf(m *Mixture) []byte { return must(must(m.Predictor()).AppendBinary(nil)) }

// TestBytesDoNotDependOnLooking makes a predictor after every example, and one at the end only.
func TestBytesDoNotDependOnLooking(t *testing.T) {
	often, once := NewMixture(MixtureOptions{}), NewMixture(MixtureOptions{})
	w := newWorld(7)
	for range 120 {
		learned(often, w, 1)
		must(often.Predictor())
	}
	learned(once, newWorld(7), 120)
	if !bytes.Equal(must(often.AppendBinary(nil)), must(once.AppendBinary(nil))) || !bytes.Equal(bytesOf(often), bytesOf(once)) {
		t.Error("the state depends on when predictors were made")
	}
}

// TestPredictorsDoNotChange asks a predictor again after its mixture went on, and from several goroutines.
func TestPredictorsDoNotChange(t *testing.T) {
	w := newWorld(8)
	w.with = features.Set{{Name: "kind", Value: features.TextValue("x")}}
	m := learned(NewMixture(MixtureOptions{}), w, 100)
	p := must(m.Predictor())
	context, _, _ := w.context()
	actions := threeActions(w.with)
	before, written := p.Estimate(nil, context, actions), must(p.AppendBinary(nil))
	learned(m, w, 700)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				for i, e := range p.Estimate(nil, context, actions) {
					if e.Mean != before[i].Mean || e.Variance != before[i].Variance {
						t.Errorf("action %d is expected to be worth %v, before %v", i, e, before[i])
					}
				}
			}
		})
	}
	all.Wait()
	if !bytes.Equal(must(p.AppendBinary(nil)), written) {
		t.Error("the predictor's bytes changed")
	}
}

// TestLiveIsThePredictor compares what follows the mixture with what is made of it.
func TestLiveIsThePredictor(t *testing.T) {
	w := newWorld(9)
	m := NewMixture(MixtureOptions{})
	live := m.Live()
	for range 200 {
		learned(m, w, 1)
		context, _, _ := w.context()
		p := must(m.Predictor())
		want := p.Estimate(nil, context, threeActions(nil))
		for i, e := range live.Estimate(nil, context, threeActions(nil)) {
			if e.Mean != want[i].Mean || e.Variance != want[i].Variance || live.Events() != p.Events() || live.RewardDeviation() != p.RewardDeviation() {
				t.Fatalf("action %d: %v, want %v", i, e, want[i])
			}
		}
	}
}

func TestAbsurdExamplesAreSkipped(t *testing.T) {
	m := learned(NewMixture(MixtureOptions{}), newWorld(10), 20)
	before := bytesOf(m)
	context, _, _ := newWorld(10).context()
	e := m.Encode(context, threeActions(nil)[0])
	for _, r := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200} {
		m.Settle(&e, r, 1)
		m.Provisional(&e, r, 1)
		m.Settle(&e, 1, r)
	}
	m.Settle(&Example{}, 1, 1)
	if m.Skipped() != 13 || !bytes.Equal(bytesOf(m), before) {
		t.Errorf("%d were skipped", m.Skipped())
	}
	huge := must(features.NewSet(features.Set{{Name: "a", Value: features.NumberValue(1e99)}, {Name: "b", Value: features.NumberValue(-1e99)}}))
	m.Observe(huge, nil)
	x := m.Encode(huge, threeActions(nil)[0])
	m.Settle(&x, 1e99, 1)
	for _, e := range must(m.Predictor()).Estimate(nil, context, threeActions(nil)) {
		if math.IsNaN(e.Mean) || math.IsInf(e.Mean, 0) || !(e.Variance >= 0) {
			t.Errorf("after a huge example: %v", e)
		}
	}
}

// TestActionsBeyondTheBoundShare holds memory: the actions after MaxActions are learned about together.
func TestActionsBeyondTheBoundShare(t *testing.T) {
	m := NewMixture(MixtureOptions{MaxActions: 2})
	for i := range 40 {
		c := Candidate{ID: fmt.Sprint(i % 4)}
		m.Observe(nil, []Candidate{c})
		e := m.Encode(nil, c)
		m.Settle(&e, float64(i%4), 1)
	}
	es := must(m.Predictor()).Estimate(nil, nil, []Candidate{{ID: "0"}, {ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "new"}})
	if es[2].Mean != es[3].Mean || es[2].Mean != es[4].Mean || es[0].Mean >= es[1].Mean || es[1].Mean >= es[2].Mean {
		t.Errorf("estimates %v", es)
	}
}

func FuzzMixtureUnmarshal(f *testing.F) {
	for _, n := range []int{0, 20, 60} {
		f.Add(must(learned(NewMixture(MixtureOptions{}), newWorld(11), n).AppendBinary(nil)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewMixture(MixtureOptions{})
		if err := m.UnmarshalBinary(b); err != nil {
			return
		}
		learned(m, newWorld(12), 3)
		must(m.AppendBinary(nil))
	})
}

func BenchmarkMixture(b *testing.B) {
	for _, k := range []int{10, 50, 500} {
		w := rand.New(rand.NewPCG(1, 1))
		m := NewMixture(MixtureOptions{})
		actions := make([]Candidate, k)
		for i := range actions {
			actions[i].ID = fmt.Sprint(i)
		}
		contexts := make([]features.Set, 512)
		for i := range contexts {
			for j := range 30 {
				contexts[i] = append(contexts[i], features.Feature{Name: fmt.Sprintf("x%02d", j), Value: features.NumberValue(w.NormFloat64())})
			}
		}
		step := func(i int) {
			context := contexts[i%len(contexts)]
			m.Observe(context, actions)
			e := m.Encode(context, actions[w.IntN(k)])
			m.Settle(&e, w.Float64(), 1)
		}
		for i := range 2000 {
			step(i)
		}
		b.Run(fmt.Sprintf("learn/%d", k), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				step(i)
				i++
			}
		})
		live := m.Live()
		var es []Estimate
		b.Run(fmt.Sprintf("predict/%d", k), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				es = live.Estimate(es[:0], contexts[i%len(contexts)], actions)
				i++
			}
		})
	}
}

// TestRewardsOfAnyScale: a thousand times the reward is a thousand times the estimate and its deviation, before anything
// settled too.
func TestRewardsOfAnyScale(t *testing.T) {
	of := func(scale float64, settled bool) []Estimate {
		w, m := newWorld(13), NewMixture(MixtureOptions{})
		for range 60 {
			context, x, city := w.context()
			m.Observe(context, nil)
			served := w.rnd.IntN(3)
			e := m.Encode(context, threeActions(nil)[served])
			if r := scale * w.reward(served, x, city); settled {
				m.Settle(&e, r, 1)
			} else {
				m.Provisional(&e, r, 1)
			}
		}
		context, _, _ := w.context()
		return must(m.Predictor()).Estimate(nil, context, threeActions(nil))
	}
	for _, settled := range []bool{false, true} {
		plain, scaled := of(1, settled), of(1000, settled)
		for i := range plain {
			agree(t, "mean", scaled[i].Mean/1000, plain[i].Mean)
			agree(t, "variance", scaled[i].Variance/1e6, plain[i].Variance)
			if !(plain[i].Variance > 0) {
				t.Errorf("settled %v: no variance", settled)
			}
		}
	}
}
