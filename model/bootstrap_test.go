package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestResamplingHasMeanAndVarianceOne counts 10^5 draws of two replicates; five standard errors are 0.016 of the mean and
// 0.028 of the variance, and the correlation's 0.016.
func TestResamplingHasMeanAndVarianceOne(t *testing.T) {
	for _, way := range []Resampling{Poisson, DoubleOrNothing} {
		b, n := NewBootstrap(BootstrapOptions{Resampling: way, Gradient: GradientOptions{Bits: 6}}), 100_000.0
		sum, squares, product := 0.0, 0.0, 0.0
		for i := range uint64(n) {
			x, y := b.times(scramble(i+idSalt), 0), b.times(scramble(i+idSalt), 1)
			sum += x
			squares += x * x
			product += (x - 1) * (y - 1)
		}
		mean := sum / n
		if v := squares/n - mean*mean; math.Abs(mean-1) > 0.016 || math.Abs(v-1) > 0.028 || math.Abs(product/n) > 0.016 {
			t.Errorf("%d: mean %g, variance %g, covariance of replicates %g", way, mean, v, product/n)
		}
	}
	for u, want := range map[float64]float64{0: 0, 0.367: 0, 0.368: 1, 0.735: 1, 0.736: 2, 0.919: 2, 0.92: 3, 1 - 0x1p-53: 15} {
		if got := poisson(u); got != want {
			t.Errorf("poisson(%g) is %g, want %g", u, got, want)
		}
	}
}

// TestEnsembleKnowsWhatItDoesNotKnow compares the variance that estimates state with their squared error, in a world with
// noise as large as its signal. Replicates see the examples in one order and have what is left of early steps in common,
// so that the variance ends up too small: with this seed the ratios are 0.67, 1.6 and 2.8.
func TestEnsembleKnowsWhatItDoesNotKnow(t *testing.T) {
	for _, n := range []int{100, 1000, 5000} {
		b, w, rnd := NewBootstrap(BootstrapOptions{}), newLinearWorld(1, [3]float64{1, 1, 1}), rand.New(rand.NewPCG(9, 9))
		for range n {
			c, a, _, r := w.next()
			x := b.Encode(c, a)
			b.Settle(&x, r+rnd.NormFloat64(), 1)
		}
		stated, squared := 0.0, 0.0
		for range 500 {
			c, a, mean, _ := w.next()
			e := b.Live().Estimate(nil, c, []Candidate{a})[0]
			stated += e.Variance
			squared += (e.Mean - mean) * (e.Mean - mean)
		}
		if r := squared / stated; !(r > 0.3 && r < 4) {
			t.Errorf("after %d examples the squared error is %.2f of the variance stated", n, r)
		}
	}
}

// TestEnsembleIsTheSameHoweverOperated does the same to two ensembles, one of which is published and restarted between.
func TestEnsembleIsTheSameHoweverOperated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := BootstrapOptions{Gradient: GradientOptions{Bits: 7}, Replicates: 3, Seed: 5}
		b, plain, w := NewBootstrap(o), NewBootstrap(o), newWideWorld(rapid.Uint64().Draw(t, "seed"))
		settled := NewBootstrap(o)
		var open []Example
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			x := b.Encode(w.context(), w.actions(1)[0])
			switch rapid.IntRange(0, 2).Draw(t, "operation") {
			case 0:
				b.Settle(&x, 1, 1)
				plain.Settle(&x, 1, 1)
				settled.Settle(&x, 1, 1)
			case 1:
				b.Provisional(&x, 2, 1)
				plain.Provisional(&x, 2, 1)
				open = append(open, x)
			default:
				must(b.Predictor())
				state := must(b.AppendBinary(nil))
				b = NewBootstrap(o)
				if err := b.UnmarshalBinary(state); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(must(b.AppendBinary(nil)), must(plain.AppendBinary(nil))) {
				t.Fatal("the states differ")
			}
			if !bytes.Equal(must(b.Live().AppendBinary(nil)), must(must(plain.Predictor()).AppendBinary(nil))) {
				t.Fatal("the models differ")
			}
		}
		for i := range open {
			b.Provisional(&open[i], 2, -1)
		}
		b.ClearProvisional()
		if !bytes.Equal(must(b.AppendBinary(nil)), must(settled.AppendBinary(nil))) {
			t.Fatal("something provisional was left")
		}
	})
}

func TestMergedEnsembleKnowsBoth(t *testing.T) {
	units := [3]float64{1, 1, 1}
	a, b := NewBootstrap(BootstrapOptions{Seed: 1}), NewBootstrap(BootstrapOptions{Seed: 2})
	teach(a, newLinearWorld(1, units), 2000, 1, 0)
	teach(b, newLinearWorld(2, units), 2000, 1, 0)
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	mse, variance := meanSquaredError(must(a.Predictor()), newLinearWorld(3, units), 1, 0)
	if !(mse < 0.01*variance) || a.Live().Events() != 4000 {
		t.Errorf("mean squared error %g of a variance of %g, from %d events", mse, variance, a.Live().Events())
	}
	if a.Merge(NewBootstrap(BootstrapOptions{Replicates: 3})) == nil {
		t.Error("ensembles of different sizes merged")
	}
}

func TestEnsembleRoundTrip(t *testing.T) {
	o := BootstrapOptions{Gradient: GradientOptions{Bits: 6, DefaultReward: 1}, Replicates: 2}
	b := NewBootstrap(o)
	teach(b, newLinearWorld(1, [3]float64{1, 1, 1}), 5, 1, 0)
	x := b.Encode(nil, Candidate{ID: "a"})
	b.Provisional(&x, 3, 1)
	b.Settle(&x, math.NaN(), 1)
	if b.Skipped() != 1 || b.Live().RewardDeviation() == 0 {
		t.Errorf("skipped %d, deviation %g", b.Skipped(), b.Live().RewardDeviation())
	}
	state := must(b.AppendBinary(nil))
	m := NewBootstrap(o)
	for n := range state {
		if err := m.UnmarshalBinary(state[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a state", n, len(state))
		}
	}
	if err := m.UnmarshalBinary(state); err != nil || !bytes.Equal(state, must(m.AppendBinary(nil))) {
		t.Errorf("reading and writing changed the state (%v)", err)
	}
	for _, other := range []BootstrapOptions{{Seed: 1}, {Resampling: DoubleOrNothing}, {Replicates: 3}} {
		other.Gradient = o.Gradient
		if other.Replicates == 0 {
			other.Replicates = 2
		}
		if NewBootstrap(other).UnmarshalBinary(state) == nil {
			t.Errorf("options %+v read a state of others", other)
		}
	}
}

func TestEnsembleBytesAreTheSameEverywhere(t *testing.T) {
	b := NewBootstrap(BootstrapOptions{Gradient: GradientOptions{Bits: 10}})
	xs, rewards := exactExamples(b, 200)
	for i := range xs {
		b.Settle(&xs[i], rewards[i], 1)
	}
	if got, want := digest(must(b.AppendBinary(nil))), "2d7aa9fb2cd6b20a"; got != want {
		t.Errorf("the state's hash is %s, not %s", got, want)
	}
}

func FuzzBootstrapUnmarshal(f *testing.F) {
	o := BootstrapOptions{Gradient: GradientOptions{Bits: 6}, Replicates: 2}
	b := NewBootstrap(o)
	teach(b, newLinearWorld(1, [3]float64{1, 1, 1}), 3, 1, 0)
	f.Add(must(b.AppendBinary(nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := NewBootstrap(o)
		if m.UnmarshalBinary(data) != nil {
			return
		}
		must(m.Predictor()).Estimate(nil, newWideWorld(2).context(), newWideWorld(2).actions(2))
		if err := m.UnmarshalBinary(must(m.AppendBinary(nil))); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}

func BenchmarkBootstrap(b *testing.B) {
	for _, k := range []int{10, 50} {
		e := NewBootstrap(BootstrapOptions{})
		next, actions := requests(k)
		for i := range 2000 {
			x := e.Encode(next(), actions[i%k])
			e.Settle(&x, float64(i%2), 1)
		}
		c := next()
		b.Run(fmt.Sprintf("estimate/actions=%d", k), func(b *testing.B) {
			p, es := must(e.Predictor()), []Estimate(nil)
			b.ReportAllocs()
			for b.Loop() {
				es = p.Estimate(es[:0], c, actions)
			}
		})
		b.Run(fmt.Sprintf("settle/actions=%d", k), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x := e.Encode(c, actions[3])
				e.Settle(&x, 1, 1)
			}
		})
	}
}
