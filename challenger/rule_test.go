package challenger

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/ope"
)

// arms is a world of three actions: how often each pays, with what probability the champion serves it, and the challenger.
type arms struct {
	pays, champion, rival [3]float64
	money                 bool // what is paid is log-normal, with a heavy tail, and not 1
}

// outcome says after how many events a path came to something, 0 for never.
type outcome struct{ promoted, recalled, naive int }

// path plays one champion and one challenger. Promotions are by the reward, with a model, and ends of promotions by a metric,
// without one. naive is by a test at 5% that is right for one look, every so many events.
func (w *arms) path(seed uint64, events, every int, spec *learn.PromotionSpec) (out outcome) {
	rng := rand.New(rand.NewPCG(2026, seed))
	own, metric := newGain(columns&^ope.HasExpectedSquare, spec.Alpha, ope.Range{}), newGain(columns&^(ope.HasModel|ope.HasExpectedSquare), spec.Alpha, ope.Range{})
	first := func(at *int, i int, holds bool) {
		if *at == 0 && holds {
			*at = i
		}
	}
	q := learned{}
	for i := 1; i <= events; i++ {
		s := w.event(rng, &q)
		if err := errors.Join(own.add(&s, nil), metric.add(&s, nil)); err != nil {
			panic(err)
		}
		first(&out.promoted, i, mayPromote(spec, &own.evidence))
		first(&out.recalled, i, mustTakeBack(&spec.Watch, &metric.evidence))
		if i%every == 0 {
			r := own.evaluation.Result(ope.Known{})
			first(&out.naive, i, r.Verdict.Answers && r.Gain.Value > 1.645*r.Gain.StandardError)
		}
	}
	return out
}

// learned is a mean per action, of the events before.
type learned struct{ rewards, served [3]float64 }

func (l *learned) mean(a int) float64 { return (l.rewards[a] + 0.5) / (l.served[a] + 1) }

// event serves one action and says what the rival would have done.
func (w *arms) event(rng *rand.Rand, q *learned) ope.Sample {
	u, a := rng.Float64(), 0
	for a < 2 && u >= w.champion[a] {
		u -= w.champion[a]
		a++
	}
	s := ope.Sample{Action: a, Propensity: w.champion[a], Target: w.rival[a], QLogged: q.mean(a), Kept: 1}
	for k, p := range w.rival {
		s.QTarget += p * q.mean(k)
	}
	if rng.Float64() < w.pays[a] {
		s.Reward = 1
		if w.money {
			s.Reward = math.Exp(3 + rng.NormFloat64())
		}
	}
	q.rewards[a] += s.Reward
	q.served[a]++
	return s
}

// Looked at as often as the service does, a challenger that is worth what the champion is worth is promoted in at most 5% of the runs, and
// a displaced champion of the same worth put back in at most 5%. Of 500 runs 25 are allowed, with a standard deviation of 4.9;
// the test fails above 25 + 4·4.9, so that a rule that just keeps its word fails it with probability below 1e-4. The same
// looks at a test that is right for one look must fail it.
func TestFalsePromotions(t *testing.T) {
	runs, events := 100, 6000
	if os.Getenv("NEXTBEST_SOAK") != "" {
		runs, events = 1000, 20000
	}
	spec := learn.PromotionSpec{Automatic: true, Alpha: 0.05, MinimumEvents: 1000}
	all, promotions, recalls, naive := 0, 0, 0, 0
	for _, w := range []arms{
		{[3]float64{.3, .3, .3}, [3]float64{.8, .1, .1}, [3]float64{.1, .8, .1}, false},
		{[3]float64{.03, .03, .03}, [3]float64{.8, .1, .1}, [3]float64{.1, .8, .1}, false},
		{[3]float64{.1, .1, .1}, [3]float64{.94, .03, .03}, [3]float64{.03, .94, .03}, false},
		{[3]float64{.1, .4, .25}, [3]float64{.4, .4, .2}, [3]float64{.1, .1, .8}, false},
		{[3]float64{.05, .05, .05}, [3]float64{.8, .1, .1}, [3]float64{.1, .8, .1}, true},
	} {
		for run := range runs {
			out := w.path(uint64(run), events, 100, &spec)
			promotions += min(out.promoted, 1)
			recalls += min(out.recalled, 1)
			naive += min(out.naive, 1)
			all++
		}
		t.Logf("%v: so far %d promoted, %d taken back, %d by a test for one look, of %d", w, promotions, recalls, naive, all)
	}
	limit := 0.05*float64(all) + 4*math.Sqrt(0.05*0.95*float64(all))
	t.Logf("%d promoted, %d taken back, %d by a test for one look, of %d", promotions, recalls, naive, all)
	if float64(promotions) > limit || float64(recalls) > limit {
		t.Errorf("%d promoted, %d taken back, of %d; %.1f are allowed", promotions, recalls, all, limit)
	}
	if float64(naive) <= limit {
		t.Errorf("by a test for one look only %d of %d: this test cannot fail", naive, all)
	}
}

// A challenger that earns half as much again is promoted in every run, soon, and one that earns less in none: the chance
// that a right rule fails this is below that of any false promotion above.
func TestTruePromotions(t *testing.T) {
	spec := learn.PromotionSpec{Automatic: true, Alpha: 0.05, MinimumEvents: 1000}
	better := arms{[3]float64{.2, .3, .2}, [3]float64{.6, .2, .2}, [3]float64{.1, .8, .1}, false}
	worse := arms{[3]float64{.3, .2, .2}, [3]float64{.6, .2, .2}, [3]float64{.1, .8, .1}, false}
	var after []int
	for run := range 30 {
		out := better.path(uint64(run), 12000, 500, &spec)
		after = append(after, out.promoted)
		if out := worse.path(uint64(run), 6000, 500, &spec); out.promoted != 0 {
			t.Errorf("run %d: a worse challenger was promoted after %d events", run, out.promoted)
		}
	}
	slices.Sort(after)
	t.Logf("promoted after %v events", after)
	if after[0] == 0 {
		t.Errorf("a better challenger was not promoted in every run: after %v events", after)
	}
}

// The refusal states the numbers, and nothing is proven without an interval.
func TestRefusalStatesTheNumbers(t *testing.T) {
	for want, e := range map[string]Evidence{
		`challenger "bold" of loop "shop" is not proven to be better: no decision has been evaluated yet`: {Lower: math.Inf(-1)},
		`challenger "bold" of loop "shop" is not proven to be better: after 900 events its gain is 0.02, and may be as low as -0.01 (to 0.05); above 0 is needed`: {
			Events: 900, Gain: .02, Lower: -.01, Upper: .05, Answers: true},
		`challenger "bold" of loop "shop" is not proven to be better: after 50 events the log cannot answer: Too few. More.`: {
			Events: 50, Gain: .2, Lower: .1, Upper: .3, Refusals: []string{"Too few."}, Advice: "More."},
	} {
		if got := (&NotProvenError{"shop", "bold", e}).Error(); got != want || e.Proven() {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if e := (Evidence{Events: 5000, Answers: true, Lower: math.NaN()}); e.Proven() {
		t.Error("a bound that is not a number proves a gain")
	}
}
