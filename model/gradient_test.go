package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/nextbest/nextbest/features"
	"pgregory.net/rapid"
)

// TestGradientLearnsALinearWorld asks for a hundredth of what there is to explain after 4,000 examples, whatever the
// units of features and rewards. It is at 0.002; the seed is fixed.
func TestGradientLearnsALinearWorld(t *testing.T) {
	for _, scale := range []float64{1, 1e6, 1e-6} {
		for _, offset := range []float64{0, 50 * scale} {
			units := [3]float64{1, 1e6, 1e-6}
			g := NewGradient(GradientOptions{})
			teach(g, newLinearWorld(1, units), 4000, scale, offset)
			mse, variance := meanSquaredError(must(g.Predictor()), newLinearWorld(2, units), scale, offset)
			if !(mse < 0.01*variance) {
				t.Errorf("scale %g, offset %g: mean squared error %.4f of a variance of %.4f", scale, offset, mse, variance)
			}
		}
	}
}

// TestGradientUnitsDoNotMatter compares a loop of numbers near 1 with one of 1e6 and 1e-6, and rewards with a million times them.
func TestGradientUnitsDoNotMatter(t *testing.T) {
	plain, units := NewGradient(GradientOptions{}), NewGradient(GradientOptions{})
	teach(plain, newLinearWorld(1, [3]float64{1, 1, 1}), 500, 1, 0)
	teach(units, newLinearWorld(1, [3]float64{1e6, 1e-6, 1}), 500, 1e6, 0)
	a, b := newLinearWorld(2, [3]float64{1, 1, 1}), newLinearWorld(2, [3]float64{1e6, 1e-6, 1})
	for range 100 {
		c, x, _, _ := a.next()
		d, _, _, _ := b.next()
		p := must(plain.Predictor()).Estimate(nil, c, []Candidate{x})[0].Mean
		q := must(units.Predictor()).Estimate(nil, d, []Candidate{x})[0].Mean
		near(t, "in other units", q/1e6, p, 1e-9)
	}
}

// TestLogisticGradientLearnsProbabilities takes the mean of five learners. Over many seeds one is at a root mean square
// error of 0.022 and a bias of up to 0.014, so that 0.05 is more than three standard errors of the mean.
func TestLogisticGradientLearnsProbabilities(t *testing.T) {
	chance := func(x float64, id int) float64 { return 1 / (1 + math.Exp(3-x*float64(id))) }
	request := func(x float64) features.Set { return features.Set{{Name: "x", Value: features.NumberValue(x)}} }
	got := map[[2]float64]float64{}
	for seed := range uint64(5) {
		g, rnd := NewGradient(GradientOptions{Loss: Logistic, DefaultReward: 0.05}), rand.New(rand.NewPCG(seed, 4))
		for range 20000 {
			x, id, reward := rnd.NormFloat64(), rnd.IntN(3), 0.0
			if rnd.Float64() < chance(x, id) {
				reward = 1
			}
			e := g.Encode(request(x), Candidate{ID: fmt.Sprint(id)})
			g.Settle(&e, reward, 1)
		}
		for _, x := range []float64{-1.5, 0, 1.5} {
			for id := range 3 {
				e := g.Live().Estimate(nil, request(x), []Candidate{{ID: fmt.Sprint(id)}})[0]
				got[[2]float64{x, float64(id)}] += e.Mean / 5
			}
		}
	}
	for at, p := range got {
		if want := chance(at[0], int(at[1])); math.Abs(p-want) > 0.05 {
			t.Errorf("x=%g, action %g: probability %.3f, want %.3f", at[0], at[1], p, want)
		}
	}
}

// TestGradientIsPreciseAndFollows has an action that pays with probability 0.2 for 20,000 examples and then 0.8: what it
// is taken to be worth before, and 50 examples later, as the mean of 20 learners and with their root mean square error.
// The error that no estimate is below is 0.003 before; that of the newest weights alone is 0.06. They are at 0.006 before,
// and at 0.71 after; without a bound on memory at 0.56.
func TestGradientIsPreciseAndFollows(t *testing.T) {
	wrong, after := 0.0, 0.0
	for seed := range uint64(20) {
		g, rnd := NewGradient(GradientOptions{Bits: 8}), rand.New(rand.NewPCG(seed, 3))
		x, worth := g.Encode(nil, Candidate{ID: "a"}), func() float64 {
			return g.Live().Estimate(nil, nil, []Candidate{{ID: "a"}})[0].Mean
		}
		for i := range 20050 {
			if i == 20000 {
				wrong += (worth() - 0.2) * (worth() - 0.2) / 20
			}
			reward := 0.0
			if rnd.Float64() < 0.2 == (i < 20000) {
				reward = 1
			}
			g.Settle(&x, reward, 1)
		}
		after += worth() / 20
	}
	if !(math.Sqrt(wrong) < 0.012 && after > 0.65) {
		t.Errorf("an error of %g before the change, %g after it", math.Sqrt(wrong), after)
	}
}

// TestGradientVarianceShrinks checks the order of magnitude only: the diagonal is not a posterior.
func TestGradientVarianceShrinks(t *testing.T) {
	for _, loss := range []Loss{Squared, Logistic} {
		g := NewGradient(GradientOptions{Loss: loss, DefaultReward: 0.3, Variance: true})
		last := math.Inf(1)
		for n := 1; n <= 4096; n++ {
			x := g.Encode(nil, Candidate{ID: "a"})
			g.Settle(&x, float64(n*n/3%2), 1)
			if n&(n-1) != 0 || n < 64 {
				continue
			}
			es := must(g.Predictor()).Estimate(nil, nil, []Candidate{{ID: "a"}, {ID: "new"}})
			truth := 0.25 / float64(n)
			if v := es[0].Variance; !(v < last && v > truth/2 && v < 2*truth) || !(es[1].Variance > 8*v) {
				t.Errorf("loss %d, after %d: %+v, want about %g", loss, n, es, truth)
			}
			last = es[0].Variance
		}
	}
}

func TestGradientRefusesTheAbsurd(t *testing.T) {
	g, clean := NewGradient(GradientOptions{}), NewGradient(GradientOptions{})
	teach(g, newLinearWorld(1, [3]float64{1, 1, 1}), 50, 1, 0)
	teach(clean, newLinearWorld(1, [3]float64{1, 1, 1}), 50, 1, 0)
	clean.skipped = 5
	x := g.Encode(nil, Candidate{ID: "a"})
	for _, r := range []float64{math.NaN(), math.Inf(1), -1e200} {
		g.Settle(&x, r, 1)
	}
	g.Settle(&x, 1, math.NaN())
	g.Provisional(&x, math.Inf(-1), 1)
	if !bytes.Equal(must(g.AppendBinary(nil)), must(clean.AppendBinary(nil))) || g.Skipped() != 5 {
		t.Errorf("absurd rewards changed the state, or %d are not 5 skipped", g.Skipped())
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200, 1e99, -1e99} {
		c := features.Set{{Name: "x0", Value: features.NumberValue(v)}, {Name: "y", Value: features.NumbersValue([]float64{v, 1})}}
		e := g.Encode(c, Candidate{ID: "a1"})
		g.Settle(&e, 1e99, 1)
		if m := must(g.Predictor()).Estimate(nil, c, []Candidate{{ID: "a1"}})[0].Mean; !(math.Abs(m) < 1e101) {
			t.Errorf("a value of %g predicts %g", v, m)
		}
	}
	if l := NewGradient(GradientOptions{Loss: Logistic}); true {
		l.Settle(&x, 1.5, 1)
		if l.Skipped() != 1 {
			t.Error("a logistic loss took a reward of 1.5")
		}
	}
}

// TestAFewAbsurdRewardsDoNotEndLearning has one reward in a thousand a million deviations away.
func TestAFewAbsurdRewardsDoNotEndLearning(t *testing.T) {
	g, units := NewGradient(GradientOptions{}), [3]float64{1, 1, 1}
	w := newLinearWorld(5, units)
	teach(g, w, 1000, 1, 0)
	x := g.Encode(nil, Candidate{ID: "a1"})
	g.Settle(&x, 1e6, 1)
	teach(g, w, 20000, 1, 0)
	if mse, variance := meanSquaredError(must(g.Predictor()), w, 1, 0); !(mse < 0.2*variance) {
		t.Errorf("mean squared error %g of a variance of %g", mse, variance)
	}
}

// TestManyTexts has 10^5 users of two kinds, told by their other feature, and a text of each that says nothing.
func TestManyTexts(t *testing.T) {
	g, w := NewGradient(GradientOptions{}), rand.New(rand.NewPCG(6, 6))
	request := func(i int) features.Set {
		return features.Set{{Name: "kind", Value: features.TextValue(fmt.Sprint(i % 2))}, {Name: "user", Value: features.TextValue(fmt.Sprint("u", i))}}
	}
	for i := range 100_000 {
		id := w.IntN(2)
		x := g.Encode(request(i), Candidate{ID: fmt.Sprint(id)})
		g.Settle(&x, float64((i+id)%2)+0.1*w.NormFloat64(), 1)
	}
	p := must(g.Predictor())
	wrong := 0
	for i := 200_000; i < 201_000; i++ { // users never seen
		es := p.Estimate(nil, request(i), []Candidate{{ID: "0"}, {ID: "1"}})
		if (es[1].Mean > es[0].Mean) != (i%2 == 0) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 1000 new users are told the wrong action", wrong)
	}
}

func TestProvisionalGradient(t *testing.T) {
	w, units := newLinearWorld(1, [3]float64{1, 1, 1}), [3]float64{1, 1, 1}
	g, clean := NewGradient(GradientOptions{}), NewGradient(GradientOptions{})
	teach(g, w, 500, 1, 0)
	clean.merged(t, g)
	settled := must(g.AppendBinary(nil))
	var xs []Example
	var rewards []float64
	for range 1000 {
		c, a, _, r := w.next()
		x := g.Encode(c, a)
		g.Provisional(&x, 0, 1)
		xs, rewards = append(xs, x), append(rewards, r)
	}
	for i := range xs { // the rewards come late
		g.Provisional(&xs[i], 0, -1)
		g.Provisional(&xs[i], rewards[i], 1)
	}
	if p := must(g.Predictor()); p.Events() != 1500 {
		t.Errorf("learned from %d events, not 1500", p.Events())
	}
	mse, variance := meanSquaredError(must(g.Predictor()), newLinearWorld(2, units), 1, 0)
	if !(mse < 0.05*variance) {
		t.Errorf("corrected rewards leave a mean squared error of %g of a variance of %g", mse, variance)
	}
	for i := range xs {
		g.Provisional(&xs[i], rewards[i], -1)
	}
	g.ClearProvisional()
	if !bytes.Equal(must(g.AppendBinary(nil)), settled) {
		t.Error("something provisional was left")
	}
}

// merged has an empty learner take over another's state by merging.
func (g *Gradient) merged(t *testing.T, o *Gradient) {
	t.Helper()
	if err := g.Merge(o); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(must(g.AppendBinary(nil)), must(o.AppendBinary(nil))) {
		t.Error("merging into an empty learner is not a copy")
	}
}

func TestMergedGradientKnowsBoth(t *testing.T) {
	units := [3]float64{1, 1, 1}
	a, b := NewGradient(GradientOptions{}), NewGradient(GradientOptions{})
	teach(a, newLinearWorld(1, units), 3000, 1, 0)
	teach(b, newLinearWorld(2, units), 3000, 1, 0)
	before := must(b.AppendBinary(nil))
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	mse, variance := meanSquaredError(must(a.Predictor()), newLinearWorld(3, units), 1, 0)
	if !(mse < 0.01*variance) || must(a.Predictor()).Events() != 6000 {
		t.Errorf("mean squared error %g of a variance of %g", mse, variance)
	}
	if !bytes.Equal(before, must(b.AppendBinary(nil))) {
		t.Error("merging changed the other")
	}
	if a.Merge(NewGradient(GradientOptions{Bits: 10})) == nil {
		t.Error("learners of different sizes merged")
	}
}

// TestGradientIsTheSameHoweverOperated does the same to two learners, one of which is also published and restarted in
// between: they have the same bytes, and what was published stays as it was.
func TestGradientIsTheSameHoweverOperated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := GradientOptions{Bits: 8, MaxPairs: rapid.SampledFrom([]int{0, 100}).Draw(t, "pairs")}
		g, plain, w := NewGradient(o), NewGradient(o), newWideWorld(rapid.Uint64().Draw(t, "seed"))
		var published []Predictor
		var bytesThen [][]byte
		var xs []Example
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			reward := float64(rapid.IntRange(-1, 3).Draw(t, "reward"))
			x := g.Encode(w.context(), w.actions(1)[0])
			xs = append(xs, x)
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0, 1:
				g.Settle(&x, reward, 1)
				plain.Settle(&x, reward, 1)
			case 2:
				g.Provisional(&x, reward, 1)
				plain.Provisional(&x, reward, 1)
			case 3:
				y := xs[rapid.IntRange(0, len(xs)-1).Draw(t, "which")]
				g.Provisional(&y, reward, -1)
				plain.Provisional(&y, reward, -1)
			case 4:
				g.ClearProvisional()
				plain.ClearProvisional()
			default:
				p := must(g.Predictor())
				published, bytesThen = append(published, p), append(bytesThen, must(p.AppendBinary(nil)))
				state := must(g.AppendBinary(nil))
				if rapid.Bool().Draw(t, "restart") {
					g = NewGradient(o)
					if err := g.UnmarshalBinary(state); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !bytes.Equal(must(g.AppendBinary(nil)), must(plain.AppendBinary(nil))) {
				t.Fatal("the states differ")
			}
			if !bytes.Equal(must(g.Live().AppendBinary(nil)), must(must(plain.Predictor()).AppendBinary(nil))) {
				t.Fatal("the models differ")
			}
		}
		for i, p := range published {
			if !bytes.Equal(bytesThen[i], must(p.AppendBinary(nil))) {
				t.Fatal("a published model changed")
			}
		}
	})
}

func TestGradientRoundTrip(t *testing.T) {
	g := NewGradient(GradientOptions{Bits: 7})
	teach(g, newLinearWorld(1, [3]float64{1, 1, 1}), 20, 1, 0)
	x := g.Encode(newWideWorld(1).context(), Candidate{ID: "a"})
	g.Provisional(&x, 1, 1)
	state := must(g.AppendBinary(nil))
	m := NewGradient(GradientOptions{Bits: 7})
	for n := range state {
		if err := m.UnmarshalBinary(state[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a state", n, len(state))
		}
	}
	if err := m.UnmarshalBinary(state); err != nil || !bytes.Equal(state, must(m.AppendBinary(nil))) {
		t.Errorf("reading and writing changed the state (%v)", err)
	}
	for _, o := range []GradientOptions{{Bits: 8}, {Bits: 7, Loss: Logistic}, {Bits: 7, DefaultReward: 1}} {
		if NewGradient(o).UnmarshalBinary(state) == nil {
			t.Errorf("options %+v read a state of others", o)
		}
	}
}

func digest(b []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(b)) }

// exactExamples returns n examples whose numbers are the same on every machine, which those of other worlds are not: they
// multiply and add, and draw normal numbers. Rewards are 0, a half, and 1.
func exactExamples(e Estimator, n int) (xs []Example, rewards []float64) {
	rnd := rand.New(rand.NewPCG(12, 12))
	for i := range n {
		c := features.Set{
			{Name: "big", Value: features.NumberValue(float64(rnd.IntN(1e6)))},
			{Name: "small", Value: features.NumberValue(rnd.Float64())},
			{Name: "text", Value: features.TextValue(fmt.Sprint(rnd.IntN(5)))},
		}
		a := Candidate{ID: fmt.Sprint(rnd.IntN(3)), Features: features.Set{{Name: "price", Value: features.NumberValue(rnd.Float64())}}}
		e.Observe(c, []Candidate{a})
		xs, rewards = append(xs, e.Encode(c, a)), append(rewards, float64((i+rnd.IntN(2))%3)/2)
	}
	return xs, rewards
}

// TestGradientBytesAreTheSameEverywhere has the hash of a state that any machine must come to: GOAMD64=v3 has the
// compiler fuse what it may.
func TestGradientBytesAreTheSameEverywhere(t *testing.T) {
	for loss, want := range map[Loss]string{Squared: "0329ed6868bd9316", Logistic: "3cd54424e220d115"} {
		g := NewGradient(GradientOptions{Loss: loss, MaxPairs: 100})
		xs, rewards := exactExamples(g, 300)
		for i := range xs {
			g.Settle(&xs[i], rewards[i], 1)
		}
		if got := digest(must(g.AppendBinary(nil))); got != want {
			t.Errorf("loss %d: the state's hash is %s, not %s", loss, got, want)
		}
	}
}

func FuzzGradientUnmarshal(f *testing.F) {
	o := GradientOptions{Bits: 8}
	g := NewGradient(o)
	teach(g, newLinearWorld(1, [3]float64{1, 1, 1}), 5, 1, 0)
	f.Add(must(g.AppendBinary(nil)))
	x := g.Encode(nil, Candidate{ID: "a"})
	g.Provisional(&x, 1, 1)
	f.Add(must(g.AppendBinary(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewGradient(o)
		if m.UnmarshalBinary(b) != nil {
			return
		}
		must(m.Predictor()).Estimate(nil, newWideWorld(2).context(), newWideWorld(2).actions(2))
		if err := m.UnmarshalBinary(must(m.AppendBinary(nil))); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
