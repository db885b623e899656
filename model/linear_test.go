package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
	"gonum.org/v1/gonum/mat"
)

// world draws examples of every kind of feature, with scales from 1e-6 to 1e6 and offsets far larger than deviations.
type world struct{ rnd *rand.Rand }

func newWorld(seed uint64) *world { return &world{rand.New(rand.NewPCG(seed, 1))} }

func (w *world) context() features.Set {
	fs := []features.Feature{
		{Name: "big", Value: features.NumberValue(3e7 + 1e6*w.rnd.NormFloat64())},
		{Name: "small", Value: features.NumberValue(1e-6 * w.rnd.NormFloat64())},
		{Name: "city", Value: features.TextValue(fmt.Sprint("c", w.rnd.IntN(4)))},
		{Name: "vip", Value: features.FlagValue(w.rnd.IntN(3) == 0)},
		{Name: "embedding", Value: features.NumbersValue([]float64{w.rnd.NormFloat64(), 5 + w.rnd.Float64()})},
	}
	if w.rnd.IntN(3) > 0 {
		fs = append(fs, features.Feature{Name: "sometimes", Value: features.NumberValue(100 + 7*w.rnd.NormFloat64())})
	}
	return must(features.NewSet(fs))
}

func (w *world) actions(n int) []Candidate {
	var cs []Candidate
	for range n {
		id := w.rnd.IntN(7)
		fs := []features.Feature{
			{Name: "price", Value: features.NumberValue(1000 * float64(id))},
			{Name: "tags", Value: features.TextsValue([]string{fmt.Sprint("t", id%2), fmt.Sprint("u", w.rnd.IntN(3))})},
		}
		if id > 2 {
			fs = append(fs, features.Feature{Name: "margin", Value: features.NumberValue(w.rnd.Float64())})
		}
		cs = append(cs, Candidate{ID: fmt.Sprint("a", id), Features: must(features.NewSet(fs))})
	}
	return cs
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// fill learns n examples of w and returns them.
func fill(l *Linear, w *world, n int) (xs []Example, rewards, weights []float64) {
	for range n {
		c, as := w.context(), w.actions(3)
		l.Observe(c, as)
		x := l.Encode(c, as[w.rnd.IntN(3)])
		r, weight := 10+w.rnd.NormFloat64()+float64(len(x.Action)), 0.5+w.rnd.Float64()
		l.Settle(&x, r, weight)
		xs, rewards, weights = append(xs, x), append(rewards, r), append(weights, weight)
	}
	return xs, rewards, weights
}

// dense is the slow obvious twin of Linear: it standardises every example, writes down the whole joint design, shared
// and own weights of all actions at once, and solves the normal equations.
type dense struct {
	l       *Linear
	f       *fit
	p, n    int // context terms; all weights
	inverse mat.Dense
	theta   mat.VecDense
	noise   float64
}

func (d *dense) row(x *Example) []float64 {
	q := len(d.f.action.info)
	z, f := make([]float64, d.p), make([]float64, q)
	for _, t := range x.Context {
		z[t.Index] += t.Value
	}
	for _, t := range x.Action {
		f[t.Index] += t.Value
	}
	f[0] = 1
	d.f.context.vector(z)
	d.f.action.vector(f)
	row := make([]float64, d.n)
	copy(row, z)
	copy(row[d.p:], f[1:])
	if b := int(d.l.numbers[x.ActionID]); b > 0 {
		copy(row[d.p+q-1+(b-1)*d.p:], z)
	}
	return row
}

func newDense(t *testing.T, l *Linear, xs []Example, rewards, weights []float64) *dense {
	t.Helper()
	f, err := l.refit()
	if err != nil {
		t.Fatal(err)
	}
	p, q := len(f.context.info), len(f.action.info)
	d := &dense{l: l, f: f, p: p, n: p + q - 1 + len(l.ids)*p}
	precision := mat.NewDense(d.n, d.n, nil)
	for j := range d.n {
		prior := l.opts.SharedPrecision
		if j >= p {
			prior = l.opts.ActionPrecision
		}
		if own := j - (p + q - 1); own >= 0 {
			prior = l.opts.OwnPrecision
			if own%p == 0 {
				prior = l.opts.OwnInterceptPrecision
			}
		}
		precision.Set(j, j, prior)
	}
	precision.Set(0, 0, sharedInterceptPrecision)
	right, squares, total := mat.NewVecDense(d.n, nil), 0.0, 0.0
	for i := range xs {
		row := mat.NewVecDense(d.n, d.row(&xs[i]))
		r := rewards[i] - l.opts.DefaultReward
		precision.RankOne(precision, weights[i], row, row)
		right.AddScaledVec(right, weights[i]*r, row)
		squares += weights[i] * r * r
		total += weights[i]
	}
	if err := d.inverse.Inverse(precision); err != nil {
		t.Fatal(err)
	}
	d.theta.MulVec(&d.inverse, right)
	d.noise = (squares - mat.Dot(right, &d.theta)) / total
	return d
}

func (d *dense) estimate(x *Example) (mean, variance float64) {
	row := mat.NewVecDense(d.n, d.row(x))
	var v mat.VecDense
	v.MulVec(&d.inverse, row)
	return mat.Dot(row, &d.theta) + d.l.opts.DefaultReward, d.noise * mat.Dot(row, &v)
}

// TestLinearIsTheJointPosterior checks means, variances and the noise against the dense twin. The tolerance is what
// the twin itself loses: its matrix has a condition of about 1e5.
func TestLinearIsTheJointPosterior(t *testing.T) {
	for _, n := range []int{1, 2, 5, 40, 400} {
		for _, maxActions := range []int{0, 3} {
			t.Run(fmt.Sprintf("%d examples, %d blocks", n, maxActions), func(t *testing.T) {
				l := NewLinear(LinearOptions{DefaultReward: 4, MaxActions: maxActions, Variance: true, SharedPrecision: 0.7, ActionPrecision: 1.5, OwnPrecision: 3, OwnInterceptPrecision: 2})
				w := newWorld(uint64(n))
				xs, rewards, weights := fill(l, w, n)
				twin := newDense(t, l, xs, rewards, weights)
				predictor := must(l.Predictor())
				for range 50 {
					c, as := w.context(), w.actions(4)
					for i, e := range predictor.Estimate(nil, c, as) {
						x := l.Encode(c, as[i])
						mean, variance := twin.estimate(&x)
						near(t, "mean", e.Mean, mean, 1e-7)
						if l.numbers[as[i].ID] > 0 { // the twin has no own weights for the others
							near(t, "variance", e.Variance, variance, 1e-6)
						}
					}
				}
			})
		}
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s is %.12g, the twin says %.12g", what, got, want)
	}
}

// TestPredictorsAreIndependentOfTheCache makes a predictor after every event, and one at the end only.
func TestPredictorsAreIndependentOfTheCache(t *testing.T) {
	often, once := NewLinear(LinearOptions{}), NewLinear(LinearOptions{})
	a, b := newWorld(3), newWorld(3)
	for range 150 {
		fill(often, a, 1)
		must(often.Predictor())
	}
	fill(once, b, 150)
	if !bytes.Equal(predictorBytes(t, often), predictorBytes(t, once)) {
		t.Error("the model depends on when predictors were made")
	}
}

func predictorBytes(t *testing.T, l *Linear) []byte {
	t.Helper()
	return must(must(l.Predictor()).AppendBinary(nil))
}

func TestProvisionalThenSettledIsTheSame(t *testing.T) {
	l, clean := NewLinear(LinearOptions{}), NewLinear(LinearOptions{})
	xs, rewards, weights := fill(clean, newWorld(5), 60)
	w := newWorld(5)
	for range 60 { // the same encoder, nothing learned
		c, as := w.context(), w.actions(3)
		l.Observe(c, as)
		w.rnd.IntN(3)
		w.rnd.NormFloat64()
		w.rnd.Float64()
	}
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(60) { // rewards come in any order, and are corrected
		l.Provisional(&xs[i], 0, weights[i])
		l.Provisional(&xs[i], 0, -weights[i])
		l.Provisional(&xs[i], rewards[i], weights[i])
	}
	early := must(l.Predictor())
	c, as := w.context(), w.actions(3)
	for i, e := range must(clean.Predictor()).Estimate(nil, c, as) {
		near(t, "provisional mean", early.Estimate(nil, c, as)[i].Mean, e.Mean, 1e-9)
	}
	for i := range xs {
		l.Provisional(&xs[i], rewards[i], -weights[i])
		l.Settle(&xs[i], rewards[i], weights[i])
	}
	l.ClearProvisional()
	if !bytes.Equal(must(l.AppendBinary(nil)), must(clean.AppendBinary(nil))) {
		t.Error("the settled state is not that of the clean run")
	}
	if !bytes.Equal(predictorBytes(t, l), predictorBytes(t, clean)) {
		t.Error("the model is not that of the clean run")
	}
}

func TestLinearRoundTrip(t *testing.T) {
	l := NewLinear(LinearOptions{DefaultReward: 1})
	w := newWorld(8)
	xs, rewards, _ := fill(l, w, 50)
	l.Provisional(&xs[0], rewards[0], 1)
	state := must(l.AppendBinary(nil))
	m := NewLinear(LinearOptions{DefaultReward: 1})
	if err := m.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(state, must(m.AppendBinary(nil))) {
		t.Fatal("reading and writing changed the state")
	}
	v := newWorld(9)
	fill(l, v, 20)
	fill(m, newWorld(9), 20)
	if !bytes.Equal(predictorBytes(t, l), predictorBytes(t, m)) {
		t.Error("a restored estimator learned something else")
	}
	if err := NewLinear(LinearOptions{}).UnmarshalBinary(state); err == nil {
		t.Error("sums relative to another default reward were taken over")
	}
	for n := range state {
		if err := m.UnmarshalBinary(state[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a state", n, len(state))
		}
	}
}

func TestPredictorIsImmutable(t *testing.T) {
	l := NewLinear(LinearOptions{})
	w := newWorld(4)
	fill(l, w, 30)
	p := must(l.Predictor())
	before := must(p.AppendBinary(nil))
	c, as := w.context(), w.actions(5)
	first := p.Estimate(nil, c, as)
	fill(l, newWorld(77), 100)
	must(l.Predictor())
	if !bytes.Equal(before, must(p.AppendBinary(nil))) {
		t.Error("learning changed a predictor's bytes")
	}
	for i, e := range p.Estimate(nil, c, as) {
		if e.Mean != first[i].Mean {
			t.Error("learning changed a predictor's estimates")
		}
	}
}

func TestNewActionStartsFromItsSiblings(t *testing.T) {
	l := NewLinear(LinearOptions{DefaultReward: 0.5})
	empty := must(l.Predictor())
	if e := empty.Estimate(nil, nil, []Candidate{{ID: "x"}})[0].Mean; e != 0.5 {
		t.Errorf("with nothing known an action is worth %g, not the default reward", e)
	}
	cheap := must(features.NewSet([]features.Feature{{Name: "cheap", Value: features.FlagValue(true)}}))
	dear := must(features.NewSet([]features.Feature{{Name: "cheap", Value: features.FlagValue(false)}}))
	for i := range 400 {
		a := Candidate{ID: fmt.Sprint("a", i%8), Features: dear}
		if i%2 == 0 {
			a.Features = cheap
		}
		l.Observe(nil, []Candidate{a})
		x := l.Encode(nil, a)
		l.Settle(&x, 3+2*float64((i+1)%2), 1)
	}
	got := must(l.Predictor()).Estimate(nil, nil, []Candidate{{ID: "new", Features: cheap}, {ID: "other", Features: dear}})
	if math.Abs(got[0].Mean-5) > 0.3 || math.Abs(got[1].Mean-3) > 0.3 {
		t.Errorf("new actions start at %v, their features say 5 and 3", got)
	}
}

func TestAbsurdRewardsAreSkipped(t *testing.T) {
	l := NewLinear(LinearOptions{})
	x := l.Encode(nil, Candidate{ID: "a"})
	for _, r := range []float64{math.NaN(), math.Inf(1), -1e200} {
		l.Settle(&x, r, 1)
	}
	l.Settle(&x, 1, math.NaN())
	if p := must(l.Predictor()); l.Skipped() != 4 || p.Events() != 0 {
		t.Errorf("skipped %d, learned from %d", l.Skipped(), p.Events())
	}
}

func FuzzLinearUnmarshal(f *testing.F) {
	l := NewLinear(LinearOptions{})
	fill(l, newWorld(1), 5)
	f.Add(must(l.AppendBinary(nil)))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := NewLinear(LinearOptions{})
		if m.UnmarshalBinary(b) != nil {
			return
		}
		if p, err := m.Predictor(); err == nil { // sums that no examples give may be refused, not crash
			p.Estimate(nil, newWorld(2).context(), newWorld(2).actions(2))
		}
		if err := m.UnmarshalBinary(must(m.AppendBinary(nil))); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
