package evaluate

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
)

const shelfFile = `
version: 1
name: shop
actions: [{id: a}, {id: b}, {id: c}, {id: d}]
policy: {type: uniform}
reward: {reward_wait_time: 1h}
`

// targets returns by slot what each candidate gives the served action, given the slots before it.
func targets(rows []Row) (out [][]float64) {
	for _, r := range rows {
		var of []float64
		for _, x := range r.Samples {
			of = append(of, x.Target)
		}
		out = append(out, of)
	}
	return out
}

// Rules choose among what was eligible in each slot, given the slots before as they were logged; a slot's own baseline
// comes before the first eligible action, and stands in for an action that is not eligible.
func TestRulesOverSlots(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shelfFile)
	var r *decision.Record
	for id := 'a'; ; id++ { // An event whose draws serve b, then d.
		r = must(decidedOnly(s, string(id)))
		if served(r) == "b" && r.Actions[r.Choices[1].Served()].ID == "d" {
			break
		}
	}
	r = s.rank(decision.Request{Loop: "shop", EventID: r.EventID, Excluded: []string{"a"}, Slots: []decision.SlotSpec{
		{ID: "top"}, {ID: "side", Baseline: "d"},
	}})
	s.reward(r, "side", 3)
	s.wait(2 * time.Hour)
	s.cut("shop")
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{
		Online(), Uniform(), Baseline(), Action("a"), Action("b"), Action("c"),
		LoopFile("without c", compiled(strings.Replace(shelfFile, "{id: c}, ", "", 1))),
		LoopFile("others", compiled(strings.Replace(shelfFile, "[{id: a}, {id: b}, {id: c}, {id: d}]", "[{id: x}, {id: y}]", 1))),
		LoopFile("apprentice", compiled(strings.Replace(shelfFile, "name: shop\n", "name: shop\nlearning_mode: apprentice\n", 1))),
	}})
	// Top: b among b, c, d. Side: d among c, d, with d for a baseline.
	third, half := r.Choices[0].Ranking[0].Probability, 0.5
	want := [][]float64{
		{third, 1.0 / 3, 1, 1, 1, 0, half, 1.0 / 3, 1},
		{half, half, 1, 1, 1, 0, 1, half, 1},
	}
	got := targets(rows)
	for i := range want {
		if !slices.EqualFunc(got[i], want[i], func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("slot %d: %v, want %v", i, got[i], want[i])
		}
		x := rows[i].Samples[0]
		if x.Position != i || rows[i].Slot != i || x.Reward != []float64{0, 3}[i] || x.Target != x.Propensity {
			t.Errorf("slot %d: %+v", i, x)
		}
	}
	var stoodIn []uint64
	for _, c := range l.Counts().Candidates {
		stoodIn = append(stoodIn, c.StoodIn)
	}
	if !slices.Equal(stoodIn, []uint64{0, 0, 0, 2, 1, 0, 0, 2, 0}) {
		t.Errorf("stood in %v", stoodIn)
	}
}

// decidedOnly decides without logging.
func decidedOnly(s *scribe, id string) (*decision.Record, error) {
	l := s.loops["shop"]
	r := &decision.Record{Loop: "shop", SnapshotID: l.snapshot.ID}
	r.Input = decision.Input{Time: s.now, EventID: id, Actions: l.definition.Loop.Actions, FromCatalogue: true, Excluded: []string{"a"},
		Slots: []decision.SlotSpec{{ID: "top"}, {ID: "side", Baseline: "d"}}}
	var err error
	r.Outcome, err = decision.Decide(l.snapshot, &r.Input)
	return r, err
}

// What a log cannot say anything about shows: the mass on actions that it could not serve.
func TestUnsupportedMass(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shelfFile)
	r := must(decidedOnly(s, "e"))
	r.Slots, r.Choices = r.Slots[:1], r.Choices[:1]
	ranking := r.Choices[0].Ranking
	for i := range ranking {
		ranking[i].Probability = []float64{0.75, 0.25, 0}[i]
	}
	s.log(r)
	s.wait(2 * time.Hour)
	s.cut("shop")
	never := r.Actions[ranking[2].Action].ID
	_, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online(), Uniform(), Action(never)}})
	for k, want := range []float64{0, 1.0 / 3, 1} {
		if got := rows[0].Samples[k].Unsupported; got != want {
			t.Errorf("candidate %d: %v unsupported, want %v", k, got, want)
		}
	}
}

// Calibration of a true log is a standard normal distance (|z| < 4: wrong in 6 of 100,000 seeds); a log that says half of
// what its rarer actions were drawn with is found out.
func TestCalibration(t *testing.T) {
	s, lies := newScribe(t), newScribe(t)
	file := strings.Replace(shopFile, "{type: squarecb}", "{type: epsilon_greedy, epsilon: 0.3}", 1)
	s.put("shop", file)
	lies.put("shop", file)
	w := newWorld(11)
	w.every = 25
	w.play(s, "shop", 1500)
	for _, e := range entries(t, s.data) {
		if e.Record.GetDecision() == nil {
			continue
		}
		d := must(eventlog.ToDecision(e.Record))
		d.SnapshotID = "1-test"
		for i := range d.Choices[0].Ranking {
			if r := &d.Choices[0].Ranking[i]; r.Probability < 0.2 {
				r.Probability /= 2
			} else if r.Probability > 0.5 {
				r.Probability = 1 - (1-r.Probability)/2
			}
		}
		lies.log(d)
	}
	candidates := []Candidate{Online()}
	honest, _ := read(t, Options{Data: s.data, Loop: "shop", Candidates: candidates})
	c := honest.Calibration()
	if c.Slots != 1500 || math.Abs(c.Z) > 4 {
		t.Errorf("%+v", c)
	}
	pairs := uint64(0)
	for _, b := range c.Bins {
		pairs += b.Pairs
		if math.Abs(b.Z) > 4 || b.Expected/float64(b.Pairs) < b.Least-1e-9 || b.Expected/float64(b.Pairs) > b.Below+1e-9 {
			t.Errorf("%+v", b)
		}
	}
	if pairs != 4500 {
		t.Errorf("%d pairs", pairs)
	}
	liar, _ := read(t, Options{Data: lies.data, Loop: "shop", Candidates: candidates})
	if c := liar.Calibration(); math.Abs(c.Z) < 6 {
		t.Errorf("a lying log: %+v", c)
	}
}

// Where retention took the log's beginning, what is left is evaluated from the first snapshot that it still has.
func TestLogWithoutItsBeginning(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(12)
	w.play(s, "shop", 100)
	s.wait(time.Hour)
	s.events.Log().Close()
	log, _, err := eventlog.Open(filepath.Join(s.data, logFolder), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.events = must(eventlog.NewEvents(t.Context(), log))
	s.decider.Recorder = s.events
	from := s.events.End()
	w.due = nil
	w.play(s, "shop", 100)
	w.end(s, "shop")
	if err := s.events.DropBefore(from); err != nil {
		t.Fatal(err)
	}
	o := Options{Data: s.data, Loop: "shop", Candidates: []Candidate{Online(), LoopFile("same", compiled(shopFile))}}
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("judged rewards by no file")
	}
	o.Definition = compiled(shopFile)
	l, rows := read(t, o)
	c := l.Counts()
	if c.BeginsAt <= 1 || c.NoSnapshot != 5 || c.Evaluated != 95 || len(rows) != 95 {
		t.Errorf("%d rows, %+v", len(rows), c)
	}
}
