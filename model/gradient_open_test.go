package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/features"
	"pgregory.net/rapid"
)

// TestOpenExamplesAreAList compares with a slice that is searched from its end.
func TestOpenExamplesAreAList(t *testing.T) {
	type entry struct{ content, reward int }
	rapid.Check(t, func(t *rapid.T) {
		var o openExamples
		var twin []entry
		hole, most := -1, rapid.IntRange(1, 30).Draw(t, "most")
		for range rapid.IntRange(1, 300).Draw(t, "operations") {
			e := entry{rapid.IntRange(0, 3).Draw(t, "content"), rapid.IntRange(0, 1).Draw(t, "reward")}
			x := Example{ActionID: fmt.Sprint(e.content)}
			if rapid.IntRange(0, 2).Draw(t, "operation") == 0 {
				at := len(twin) - 1
				for at >= 0 && twin[at] != e {
					at--
				}
				if o.remove(openKey(contentKey(&x), float64(e.reward), 1)) != (at >= 0) {
					t.Fatalf("removing %v: place %d in the twin", e, at)
				}
				if at >= 0 {
					hole = at
					twin[at].reward = -1
				}
				continue
			}
			last := o.add(newOpenExample(x, float64(e.reward), 1), most)
			if hole < 0 || twin[hole].content != e.content {
				twin = append(twin, e)
				hole = len(twin) - 1
			} else {
				twin[hole] = e
			}
			if last && hole != len(twin)-1 { // it is not always known
				t.Fatalf("%v is the last: %v", e, last)
			}
			hole = -1
			twin = slices.DeleteFunc(twin, func(e entry) bool { return e.reward < 0 })
			twin = twin[max(0, len(twin)-most):]
		}
		var left []entry
		o.all(func(e *openExample) {
			var c int
			fmt.Sscan(e.x.ActionID, &c)
			left = append(left, entry{c, int(e.reward)})
		})
		twin = slices.DeleteFunc(twin, func(e entry) bool { return e.reward < 0 })
		if !slices.Equal(left, twin) || o.count != len(twin) {
			t.Fatalf("%v are left, in the twin %v", left, twin)
		}
	})
}

// TestLateRewardsAreNotWorthLess has every example count as worth nothing at first, and corrected one, 200
// or 2,000 examples later, the last without new ones between: the model is close to that of the rewards at once.
func TestLateRewardsAreNotWorthLess(t *testing.T) {
	for _, lag := range []int{1, 200, 2000} {
		g, clean, w := NewGradient(GradientOptions{}), NewGradient(GradientOptions{}), newLinearWorld(3, [3]float64{1, 1, 1})
		var xs []Example
		var rewards []float64
		correct := func(i int) {
			if i >= 0 {
				g.Provisional(&xs[i], 0, -1)
				g.Provisional(&xs[i], rewards[i], 1)
			}
		}
		for i := range 2000 {
			c, a, _, r := w.next()
			xs, rewards = append(xs, g.Encode(c, a)), append(rewards, 5+r)
			g.Provisional(&xs[i], 0, 1)
			clean.Settle(&xs[i], 5+r, 1)
			correct(i - lag)
		}
		for i := 2000 - lag; i < 2000; i++ {
			correct(i)
		}
		units := [3]float64{1, 1, 1}
		late, variance := meanSquaredError(g.Live(), newLinearWorld(2, units), 1, 5)
		once, _ := meanSquaredError(clean.Live(), newLinearWorld(2, units), 1, 5)
		if !(late < once+0.05*variance) || g.Live().Events() != 2000 {
			t.Errorf("lag %d: mean squared error %g, at once %g, of a variance of %g", lag, late, once, variance)
		}
	}
}

// TestRareLateRewards has a twentieth of examples paid, long after they were counted as not.
func TestRareLateRewards(t *testing.T) {
	g, rnd := NewGradient(GradientOptions{}), rand.New(rand.NewPCG(4, 4))
	x := g.Encode(nil, Candidate{ID: "a"})
	for i := range 10000 {
		g.Provisional(&x, 0, 1)
		if i > 1000 && rnd.IntN(20) == 0 {
			g.Provisional(&x, 0, -1)
			g.Provisional(&x, 1, 1)
		}
	}
	if m := g.Live().Estimate(nil, nil, []Candidate{{ID: "a"}})[0].Mean; math.Abs(m-0.05) > 0.02 {
		t.Errorf("an action that pays 0.05 is taken to be worth %g", m)
	}
}

// TestOnlySoManyAreKept has examples settle that were forgotten, and others taken out that never were.
func TestOnlySoManyAreKept(t *testing.T) {
	g, clean := NewGradient(GradientOptions{MaxOpen: 10}), NewGradient(GradientOptions{})
	xs, rewards := exactExamples(g, 100)
	g.Provisional(&xs[0], 1, -1)
	for i := range xs {
		g.Provisional(&xs[i], 0, 1)
	}
	for i := range xs {
		if i%2 == 0 {
			g.Provisional(&xs[i], 0, -1)
			g.Provisional(&xs[i], 0, 1)
		}
		g.Provisional(&xs[i], 0, -1)
		g.Settle(&xs[i], rewards[i], 1)
		clean.Settle(&xs[i], rewards[i], 1)
		must(g.Live().AppendBinary(nil))
	}
	g.ClearProvisional()
	if !bytes.Equal(must(g.AppendBinary(nil)), must(clean.AppendBinary(nil))) {
		t.Error("what was forgotten shows in what was settled")
	}
}

func BenchmarkGradientProvisional(b *testing.B) {
	for _, corrected := range []int{20, 1} {
		b.Run(fmt.Sprintf("corrected=1/%d", corrected), func(b *testing.B) {
			g, c, as := trainedGradient(10, GradientOptions{MaxOpen: 10_000})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c[0].Value = features.NumberValue(float64(i))
				x := g.Encode(c, as[i%10])
				g.Provisional(&x, 0, 1)
				if i%corrected == 0 {
					g.Provisional(&x, 0, -1)
					g.Provisional(&x, 1, 1)
				}
			}
		})
	}
}
