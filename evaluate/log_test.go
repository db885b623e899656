package evaluate

import (
	"io"
	"math"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/ope"
)

func compiled(file string) *learn.Definition { return must(loop.Compile("shop.yaml", []byte(file))) }

// The logged loop file itself, judged by the log, would have done what was done: the logged probability, to the bit. So it
// is with every policy and every estimator.
func TestTheLoggedFileReproducesTheLog(t *testing.T) {
	files := map[string]string{"arms": strings.Replace(shelfFile, "{type: uniform}", "{type: squarecb}\nfeatures: {undeclared: ignore}", 1)}
	for _, p := range loop.Policies() {
		files[p] = strings.Replace(shopFile, "squarecb", p, 1)
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) { reproduces(t, file) })
	}
}

func reproduces(t *testing.T, file string) {
	s := newScribe(t)
	s.put("shop", file)
	w := newWorld(1)
	w.play(s, "shop", 120)
	w.end(s, "shop")
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online(), LoopFile("same", compiled(file))}})
	if c := l.Counts(); c.Evaluated != 120 || c.Decisions != 120 || len(rows) != 120 {
		t.Fatalf("%d rows, %+v", len(rows), c)
	}
	learned := false
	for _, r := range rows {
		for k, x := range r.Samples {
			if x.Target != x.Propensity {
				t.Fatalf("decision %d, candidate %d: %v, logged %v", r.Decision, k, x.Target, x.Propensity)
			}
		}
		learned = learned || math.Abs(r.Samples[0].Propensity-rows[0].Samples[0].Propensity) > 0.01
	}
	if uniform := strings.Contains(file, "type: uniform"); learned == uniform {
		t.Errorf("the probabilities moved: %t", learned)
	}
}

// The values of uniform and of each arm, estimated from the log of a policy that learns and with rewards that come late,
// cover the truth: each of 4 estimates is within 3.9 standard errors, by IPS and by DR (a two-sided error of 1e-4 each, 8e-4 in all).
// Rewards are drawn anew for each seed; the value on the contexts that were seen is known exactly. The log explores with
// 0.3, so that weights are 10 at most and the estimates are close to normal: with the default floor, 0.01, an arm is tried
// four times in the context that it is bad in, and no standard error knows of what was not seen.
func TestValuesCoverTheTruth(t *testing.T) {
	s := newScribe(t)
	s.put("shop", strings.Replace(shopFile, "{type: squarecb}", "{type: epsilon_greedy, epsilon: 0.3}", 1))
	w := newWorld(2)
	w.play(s, "shop", 2500)
	w.end(s, "shop")
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Uniform(), Action("*")}})
	third := 1.0 / 3
	for k, policy := range []map[string]float64{{"a": third, "b": third, "c": third}, {"a": 1}, {"b": 1}, {"c": 1}} {
		truth := w.value(policy)
		for _, dr := range []bool{false, true} {
			var m ope.Moments
			for _, r := range rows {
				x := &r.Samples[k]
				term := x.Target / x.Propensity * x.Reward
				if dr {
					term = x.QTarget + x.Target/x.Propensity*(x.Reward-x.QLogged)
				}
				m.Add(ope.Terms{Linear: term, Count: 1})
			}
			m.Flush()
			got, se := m.Value(false), math.Sqrt(m.Variance(false))
			t.Logf("%s: dr %t: %.4f ± %.4f, truth %.4f", l.Candidates()[k], dr, got, se, truth)
			if !(math.Abs(got-truth) < 3.9*se) || se > 0.05 {
				t.Errorf("%s: dr %t: %v ± %v, truth %v", l.Candidates()[k], dr, got, se, truth)
			}
		}
	}
}

// In a world where nothing matters, every policy is worth the same, one that learns too: 0.3. A candidate that learns
// greedily from much that means nothing is estimated so from the log, within 3.9 standard errors (a two-sided error of
// 1e-4). With the model of the end of the log, which has seen the rewards that it is judged by, it looks better than it is:
// by 2.2 to 4.5 standard errors over seven seeds, so that the test would see such a model.
func TestLearningCandidatesAreNotFlattered(t *testing.T) {
	file := strings.Replace(shopFile, "    hour:", "    zone: {type: category}\n    hour:", 1)
	s := newScribe(t)
	s.put("shop", strings.Replace(file, "{type: squarecb}", "{type: uniform}", 1))
	w := newWorld(21)
	w.zones, w.every = 40, 25
	for _, pays := range w.pays {
		for action := range pays {
			pays[action] = 0.3
		}
	}
	w.play(s, "shop", 1500)
	w.end(s, "shop")
	greedy := compiled(strings.Replace(file, "{type: squarecb}", "{type: epsilon_greedy, epsilon: 0, floor: 0}", 1))
	_, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{LoopFile("greedy", greedy)}})
	end, logged := must(s.loops["shop"].follower.Snapshot()), decisions(t, s.data)
	var progressive, hindsight ope.Moments
	for _, r := range rows {
		x := &r.Samples[0]
		progressive.Add(ope.Terms{Linear: x.Target / x.Propensity * x.Reward, Count: 1})
		d := logged[r.Decision]
		p, _ := asked(end, d, greedy)
		hindsight.Add(ope.Terms{Linear: p[d.Choices[0].Served()] / x.Propensity * x.Reward, Count: 1})
	}
	z, flattered := deviationsFrom(0.3, &progressive), deviationsFrom(0.3, &hindsight)
	t.Logf("progressive %.4f (z %.2f), in hindsight %.4f (z %.2f)", progressive.Value(false), z, hindsight.Value(false), flattered)
	if !(math.Abs(z) < 3.9) || !(flattered > 2) {
		t.Errorf("progressive %v (z %v), in hindsight %v (z %v)", progressive.Value(false), z, hindsight.Value(false), flattered)
	}
}

// deviationsFrom returns how many standard errors an estimate of a mean is above the truth.
func deviationsFrom(truth float64, m *ope.Moments) float64 {
	m.Flush()
	return (m.Value(false) - truth) / math.Sqrt(m.Variance(false))
}

// A row names the action that was served and the user that it was served to, and while the log is read no more is kept than
// one reward window has: one event a minute for an hour.
func TestRowsAndWhatIsKept(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(51)
	w.play(s, "shop", 300)
	nobody := []*decision.Record{s.rank(decision.Request{Loop: "shop"}), s.rank(decision.Request{Loop: "shop"})}
	w.end(s, "shop")
	logged := decisions(t, s.data)
	l := must(Open(t.Context(), Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online()}}))
	defer l.Close()
	units, users := map[string]uint64{}, map[uint64]string{}
	for n := 0; ; n++ {
		r, err := l.Next(t.Context())
		if err == io.EOF {
			if n != 300+len(nobody) {
				t.Errorf("%d rows", n)
			}
			break
		}
		d, x := logged[r.Decision], must(r, err).Samples[0]
		if l.Actions()[x.Action] != served(d) || !r.Time.Equal(d.Time) {
			t.Fatalf("%+v of %+v", r, d)
		}
		user := d.UserID
		if user == "" {
			user = "nobody in " + d.EventID
		}
		if u, ok := units[user]; ok && u != x.Unit || users[x.Unit] != "" && users[x.Unit] != user {
			t.Fatalf("unit %d of user %s", x.Unit, user)
		}
		units[user], users[x.Unit] = x.Unit, user
		if l.open.len() > 63 || len(l.judge.learners[0].snapshots) > 1 {
			t.Fatalf("%d events and %d snapshots are kept", l.open.len(), len(l.judge.learners[0].snapshots))
		}
	}
	if done, total := l.Progress(); done != total || total != uint64(s.events.End()-1) {
		t.Errorf("%d of %d", done, total)
	}
	if least, most := l.RewardRange(); least != 0 || most != 1 {
		t.Errorf("rewards from %v to %v", least, most)
	}
}
