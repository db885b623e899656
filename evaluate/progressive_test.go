package evaluate

import (
	"math"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
)

// wouldServe is the slow, obvious way: fold everything before the decision's cut anew, under the candidate's file, and ask
// the kernel's parts for every action's probability, and the model for what it expects of it.
func wouldServe(t *testing.T, log []eventlog.Entry, d *decision.Record, file *learn.Definition) (p, q []float64) {
	t.Helper()
	f := learn.NewFollower(learn.Following{Loop: d.Loop, Definition: file, Catalogue: file, Compile: loop.Compile})
	for _, e := range log {
		f.Apply(e.Position, e.Record)
		if c := e.Record.GetCut(); c.GetLoop() == d.Loop && c.GetNumber() == learn.SnapshotNumber(d.SnapshotID) {
			break
		}
	}
	return asked(must(f.Snapshot()), d, file)
}

// asked returns the probability that a file's policy gives each action with a model, and the model's expectations.
func asked(s *decision.Snapshot, d *decision.Record, file *learn.Definition) (p, q []float64) {
	var v decision.View
	in := d.Input
	in.Actions = file.Loop.Actions
	v.Set(file.Loop, &in)
	es := s.Model.Estimate(nil, v.Context, v.Candidates)
	p = make([]float64, len(es))
	file.Loop.Policy.Probabilities(p, es, s.Model.RewardDeviation(), model.EventsOf(es))
	for _, e := range es {
		q = append(q, e.Mean)
	}
	return p, q
}

// A candidate with other features, another policy and another reward window is judged at each decision by the model that a
// fold of the records before that decision's cut makes, and by nothing that came later.
func TestCandidatesKnowOnlyThePast(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(5)
	w.play(s, "shop", 200)
	w.end(s, "shop")
	s.events.Log().Close()
	other := compiled(strings.NewReplacer("{type: squarecb}", "{type: softmax, lambda: 5}", "    device: {type: category}\n", "",
		"reward_wait_time: 1h", "reward_wait_time: 20m").Replace(shopFile))
	_, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{LoopFile("other", other)}})
	log, logged := entries(t, s.data), decisions(t, s.data)
	moved := false
	for i := 0; i < len(rows); i += 7 {
		d := logged[rows[i].Decision]
		x := rows[i].Samples[0]
		p, _ := wouldServe(t, log, d, other)
		_, q := wouldServe(t, log, d, compiled(shopFile))
		expected := 0.0
		for a := range p {
			expected += p[a] * q[a]
		}
		k := d.Choices[0].Served()
		if x.Target != p[k] || x.QLogged != q[k] || x.QTarget != expected {
			t.Fatalf("event %s: %+v, want %v and %v, and %v", d.EventID, x, p[k], q[k], expected)
		}
		moved = moved || math.Abs(p[k]-1.0/3) > 0.02
	}
	if !moved {
		t.Error("the candidate never left the uniform policy: the test shows nothing")
	}
}

// What comes later in the log changes nothing of the samples before: a log that was cut short gives the same rows.
func TestTheFutureChangesNothing(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(6)
	w.play(s, "shop", 150)
	o := Options{Data: s.data, Loop: "shop", Definition: compiled(shopFile), Candidates: []Candidate{
		LoopFile("greedy", compiled(strings.Replace(shopFile, "{type: squarecb}", "{type: epsilon_greedy, epsilon: 0.1}", 1))),
	}}
	_, before := read(t, o)
	w.play(s, "shop", 150)
	w.end(s, "shop")
	_, after := read(t, o)
	if len(before) < 50 || len(after) != 300 {
		t.Fatalf("%d and %d rows", len(before), len(after))
	}
	for i, r := range before {
		if r.Decision != after[i].Decision || r.Samples[0] != after[i].Samples[0] {
			t.Fatalf("row %d: %+v, later %+v", i, r, after[i])
		}
	}
}
