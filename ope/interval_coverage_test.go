package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// scenario is a log like one of a study of intervals (300 repetitions, rewards of 0 and 1), with standard normal contexts of
// five features. The generator of the study is not known; parameters were searched for that give what it publishes. Here (over
// 400 runs, the heavy log over 1500), and in the study:
//
//	       value         width for IPS   for SNIPS       covers for IPS  for SNIPS (delta method)
//	easy   0.892, 0.892  0.113, 0.131    0.0349, 0.0349  0.94, 0.94      0.94, 0.96
//	heavy  0.909, 0.918  0.490, 0.465    0.0734, 0.0663  0.81, 0.80      0.92, 0.93
//	rare   0.046, 0.046  0.032, 0.032    0.0310, 0.0305  0.91, 0.93      0.92, 0.94
//
// The heavy log was chosen by the distance of heavyStudy alone, which was written down before, and frozen before a default
// interval was computed on it. Of the kinds tried, logs whose policy opposes what actions are worth came nearest: weights have
// no bound, and the heaviest ones nearly always a reward of 1, so that estimates err much more than most logs let one see.
type scenario struct {
	name          string
	rows, actions int
	seed          [2]uint64 // of the coefficients
	// An action is worth u = context·x·c + popularity·p_a + x·C_a, with coefficients in [-1,1] or standard normal ones. The
	// logit of a reward is level + slope·u.
	level, slope, context, popularity float64
	normal                            bool
	// The logging policy is a softmax of taste·(p'_a + x·B_a) - avoid·reward - against·u, the evaluated one of
	// greed·reward + favour·u.
	taste, avoid, against, greed, favour float64

	c, p, taken, model []float64
	rewards, tastes    [][]float64
}

const features = 5

func scenarios() []*scenario {
	list := []*scenario{
		{name: "easy", rows: 2000, actions: 5, seed: [2]uint64{96363, 99}, level: 2.815, slope: 1.33, context: 0.592, popularity: 0.872,
			avoid: 4.98, greed: 1.017},
		{name: "heavy", rows: 2000, actions: 10, seed: [2]uint64{22923, 7}, level: 2.221, slope: 0.39, normal: true,
			against: 0.775, greed: 5.485},
		{name: "rare", rows: 5000, actions: 5, seed: [2]uint64{94485, 99}, level: -6.636, slope: 1.128, context: 1, popularity: 1,
			taste: 0.522, greed: 141.072},
	}
	for _, s := range list {
		rng := rand.New(rand.NewPCG(s.seed[0], s.seed[1]))
		uniform := func() float64 { return 2*rng.Float64() - 1 }
		draw := uniform
		if s.normal {
			draw = rng.NormFloat64
		}
		s.c, s.p, s.taken = coefficients(draw, features), coefficients(draw, s.actions), coefficients(draw, s.actions)
		for range s.actions {
			s.rewards = append(s.rewards, coefficients(draw, features))
			s.tastes = append(s.tastes, coefficients(draw, features))
		}
		s.model = coefficients(uniform, s.actions)
	}
	return list
}

func coefficients(draw func() float64, n int) (c []float64) {
	for range n {
		c = append(c, draw())
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
		worth := shift + s.popularity*s.p[a] + product(x, s.rewards[a])
		logit := s.slope * worth
		d.reward[a] = 1 / (1 + math.Exp(-s.level-logit))
		d.model[a] = 1 / (1 + math.Exp(-s.level-0.9*logit-0.2*s.model[a]))
		d.logging[a] = math.Exp(s.taste*(s.taken[a]+product(x, s.tastes[a])) - s.avoid*d.reward[a] - s.against*worth)
		d.target[a] = math.Exp(s.greed*(d.reward[a]-1) + s.favour*worth)
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
	rng := rand.New(rand.NewPCG(seed, s.seed[0]))
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
		evidence[e] = &Evidence{Moments: g.Moments(), SelfNormalised: selfNormalised[e], Modelled: e == 4, Rewards: Range{0, 1},
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

func (s *scenario) play(first uint64, runs int) (o outcome) {
	var logs []*run
	var bootstraps [][]Interval
	value, model := 0.0, 0.0
	for i := range runs {
		seed := first + uint64(i)
		r := s.log(seed)
		bootstrapped := r.decideIntervals(i%6 == 0, seed)
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
// The heavy log is where SNDR needs half an unseen sample: over 1000 other runs its default missed 6.1% of the time and was
// 1.17 times as wide as the bootstrap, which missed 13.7%, nearly always since the truth was below. SNIPS, without it, missed
// 7.0% of the time over 2000 runs and 7.7% over those 1000, the bootstrap 8.1% and 8.6%.
func TestDefaultIntervalsCover(t *testing.T) {
	const runs = 300
	for _, s := range scenarios() {
		widest := [2]float64{1.05, 1.05}
		if s.name == "heavy" {
			widest[1] = 1.2
		}
		o := s.play(0, runs)
		t.Logf("%s: %+v", s.name, o)
		for e, times := range o.missed {
			if times > 26 {
				t.Errorf("%s: %s misses %d times of %d", s.name, defaultNames[e], times, runs)
			}
		}
		for j, e := range [2]int{1, 4} {
			ratio := o.compared[j] / o.comparison[j]
			t.Logf("%s: %s is %.3f times as wide as the bootstrap", s.name, defaultNames[e], ratio)
			if !(ratio <= widest[j]) {
				t.Errorf("%s: %s is %.3f times as wide as the bootstrap", s.name, defaultNames[e], ratio)
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
