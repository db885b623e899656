package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// scenario is a log like one of a study of intervals (300 repetitions, rewards of 0 and 1), with standard normal contexts of
// five features. The generator of the study is not known; the parameters were searched for that give its policy value, and for
// the delta method its widths and coverage. Here over 400 runs, and in the study:
//
//	       value         width for IPS   for SNIPS       covers for IPS  for SNIPS
//	easy   0.892, 0.892  0.113, 0.131    0.0349, 0.0349  0.94, 0.94      0.94, 0.96
//	heavy  0.920, 0.918  0.590, 0.465    0.0715, 0.0663  0.82, 0.80      0.89, 0.93
//	rare   0.046, 0.046  0.032, 0.032    0.0310, 0.0305  0.91, 0.93      0.92, 0.94
//
// So the heavy log is a harder one than the study's for SNIPS.
type scenario struct {
	name          string
	rows, actions int
	seed          uint64 // of the coefficients
	// The logit of a reward is level + slope·(context·x·c + popularity·p_a + x·C_a), with coefficients in [-1,1].
	level, slope, context, popularity float64
	// The logging policy is a softmax of taste·(p'_a + x·B_a) - avoid·reward, the evaluated one of greed·reward.
	taste, avoid, greed float64

	c, p, taken, model []float64
	rewards, tastes    [][]float64
}

const features = 5

func scenarios() []*scenario {
	list := []*scenario{
		{name: "easy", rows: 2000, actions: 5, seed: 96363, level: 2.815, slope: 1.33, context: 0.592, popularity: 0.872,
			avoid: 4.98, greed: 1.017},
		{name: "heavy", rows: 2000, actions: 10, seed: 63990, level: 2.994, slope: 0.956, context: 0.173, popularity: 2.962,
			taste: 0.704, avoid: 11.568, greed: 1.601},
		{name: "rare", rows: 5000, actions: 5, seed: 94485, level: -6.636, slope: 1.128, context: 1, popularity: 1,
			taste: 0.522, greed: 141.072},
	}
	for _, s := range list {
		rng := rand.New(rand.NewPCG(s.seed, 99))
		s.c, s.p, s.taken = coefficients(rng, features), coefficients(rng, s.actions), coefficients(rng, s.actions)
		for range s.actions {
			s.rewards = append(s.rewards, coefficients(rng, features))
			s.tastes = append(s.tastes, coefficients(rng, features))
		}
		s.model = coefficients(rng, s.actions)
	}
	return list
}

func coefficients(rng *rand.Rand, n int) (c []float64) {
	for range n {
		c = append(c, 2*rng.Float64()-1)
	}
	return c
}

// decision is what is known of one context: by action the expected reward, a model's idea of it (a little flatter than
// the truth, and off by action) and the probabilities under both policies.
type decision struct{ reward, model, logging, target []float64 }

func (s *scenario) decide(rng *rand.Rand, d *decision) {
	x := make([]float64, features)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	shift := s.context * product(x, s.c)
	for a := range s.actions {
		logit := s.slope * (shift + s.popularity*s.p[a] + product(x, s.rewards[a]))
		d.reward[a] = 1 / (1 + math.Exp(-s.level-logit))
		d.model[a] = 1 / (1 + math.Exp(-s.level-0.9*logit-0.2*s.model[a]))
		d.logging[a] = math.Exp(s.taste*(s.taken[a]+product(x, s.tastes[a])) - s.avoid*d.reward[a])
		d.target[a] = math.Exp(s.greed * (d.reward[a] - 1))
	}
	normalise(d.logging)
	normalise(d.target)
}

func product(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func normalise(p []float64) {
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	for i := range p {
		p[i] /= sum
	}
}

// run is one log's evidence for IPS, SNIPS, DM, DR and SNDR.
type run struct {
	groups    []*Groups
	weighted  [5]*CressieRead
	w, ww     float64
	value     float64 // of the policy, on the log's contexts
	intervals [5]Interval
	delta     Interval // of IPS
}

var (
	defaultNames   = [5]string{"ips", "snips", "dm", "dr", "sndr"}
	selfNormalised = []bool{false, true, false, false, true}
)

func (s *scenario) log(seed uint64) *run {
	rng := rand.New(rand.NewPCG(seed, s.seed))
	r := &run{groups: []*Groups{{}, {}, {}, {}, {}}}
	for _, e := range [2]int{0, 3} {
		r.weighted[e] = NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1})
	}
	d := decision{make([]float64, s.actions), make([]float64, s.actions), make([]float64, s.actions), make([]float64, s.actions)}
	for range s.rows {
		s.decide(rng, &d)
		u, a := rng.Float64(), 0
		for ; a < s.actions-1 && u >= d.logging[a]; a++ {
			u -= d.logging[a]
		}
		r.add(d.target[a]/d.logging[a], math.Floor(d.reward[a]+rng.Float64()), d.model[a], product(d.target, d.model))
		r.value += product(d.target, d.reward) / float64(s.rows)
	}
	return r
}

func (r *run) add(w, reward, q, m float64) {
	r.groups[0].Add(Terms{Linear: w * reward, Count: 1})
	r.groups[1].Add(Terms{Ratio: w * reward, Weight: w, Count: 1})
	r.groups[2].Add(Terms{Linear: m, Count: 1})
	r.groups[3].Add(Terms{Linear: m + w*(reward-q), Count: 1})
	r.groups[4].Add(Terms{Linear: m, Ratio: w * (reward - q), Weight: w, Count: 1})
	r.weighted[0].Add(w, reward, 1)
	r.weighted[3].AddModelled(w, reward, q, m, 1)
	r.w += w
	r.ww += w * w
}

// decideIntervals computes the default intervals, and the bootstrap's where they or the comparison want them.
func (r *run) decideIntervals(compare bool, seed uint64) (bootstrapped []Interval) {
	var evidence [5]*Evidence
	for e, g := range r.groups {
		evidence[e] = &Evidence{Moments: g.Moments(), SelfNormalised: selfNormalised[e], Rewards: Range{0, 1},
			Effective: r.w * r.w / r.ww, Weighted: r.weighted[e]}
	}
	if compare || evidence[1].NeedsBootstrap() {
		ratios := []*Groups{r.groups[1], r.groups[4]}
		values := Bootstrap{Rounds: 400, Seed: seed, Workers: 2}.Values(ratios, []bool{true, true})
		for j, e := range [2]*Evidence{evidence[1], evidence[4]} {
			e.Bootstrapped = percentileInterval(values[j], e.BootstrapAlpha(0.05), "ratio_bootstrap")
			bootstrapped = append(bootstrapped, percentileInterval(values[j], 0.05, "ratio_bootstrap"))
		}
	}
	for e := range evidence {
		r.intervals[e] = evidence[e].Default(0.05)
	}
	r.delta = Delta(evidence[0].Moments, false, 0.05)
	return bootstrapped
}

// outcome sums up the runs of a scenario.
type outcome struct {
	missed               [5]int // default intervals
	delta                int    // the delta method for IPS
	bootstrap            [2]int // the bootstrap of SNIPS and SNDR, in the runs where it was computed
	width                [5]float64
	compared, comparison [2]float64 // widths of default intervals of SNIPS and SNDR, and of the bootstrap in the same runs
	effective            float64
}

func (s *scenario) play(runs int) (o outcome) {
	var logs []*run
	var bootstraps [][]Interval
	value, model := 0.0, 0.0
	for i := range runs {
		r := s.log(uint64(i))
		bootstrapped := r.decideIntervals(i%6 == 0, uint64(i))
		for j, interval := range bootstrapped {
			o.compared[j] += r.intervals[1+3*j].Width()
			o.comparison[j] += interval.Width()
		}
		value += r.value / float64(runs)
		model += r.groups[2].Moments().Value(false) / float64(runs)
		o.effective += r.w * r.w / r.ww / float64(runs)
		r.groups = nil
		logs, bootstraps = append(logs, r), append(bootstraps, bootstrapped)
	}
	for i, r := range logs {
		for e, interval := range r.intervals {
			o.width[e] += interval.Width() / float64(runs)
			o.missed[e] += misses(interval, [5]float64{value, value, model, value, value}[e])
		}
		o.delta += misses(r.delta, value)
		for j, interval := range bootstraps[i] {
			o.bootstrap[j] += misses(interval, value)
		}
	}
	return o
}

func misses(i Interval, value float64) int {
	if i.Covers(value) {
		return 0
	}
	return 1
}

// Of 300 intervals that miss with 5%, more than 26 miss once in 400 times. Widths are compared over every sixth run, and all
// where the bootstrap is the default.
//
// In the heavy log no ratio method of that width covers 95%: what makes SNIPS and SNDR err are rewards of 0 at large weights,
// which most logs of 2000 rows do not show. Over 800 runs, these included, the default missed 8% and 13% of the time; the bounds are
// three deviations above. There it must miss no more often than the bootstrap.
func TestDefaultIntervalsCover(t *testing.T) {
	const runs = 300
	for _, s := range scenarios() {
		most := [5]int{26, 26, 26, 26, 26}
		if s.name == "heavy" {
			most[1], most[4] = 38, 56
		}
		o := s.play(runs)
		t.Logf("%s: %+v", s.name, o)
		for e, times := range o.missed {
			if times > most[e] {
				t.Errorf("%s: %s misses %d times of %d", s.name, defaultNames[e], times, runs)
			}
		}
		for j, e := range [2]int{1, 4} {
			if o.compared[j] > 1.05*o.comparison[j] {
				t.Errorf("%s: %s is %.3f times as wide as the bootstrap", s.name, defaultNames[e], o.compared[j]/o.comparison[j])
			}
			if s.name == "heavy" && o.missed[e] > o.bootstrap[j] {
				t.Errorf("%s misses %d times, its bootstrap %d", defaultNames[e], o.missed[e], o.bootstrap[j])
			}
		}
		if s.name == "heavy" && o.delta <= 26 {
			t.Error("the delta method covers as well: the scenario is not heavy")
		}
	}
}
