package preflight

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/loop"
)

const ids = "abcde"

// shop is a loop of actions with the given ids, of which rules forbid some, each where the user's level is at least so much.
func shop(t interface{ Fatal(...any) }, actions string, forbid map[string]float64) *decision.Loop {
	file := "version: 1\nname: shop\nfeatures: {user: {level: {type: number}}}\nactions:\n"
	for _, id := range actions {
		file += fmt.Sprintf("  - {id: %c}\n", id)
	}
	file += "guardrails:\n  - {name: unused, kind: eligibility, require: \"true\"}\n"
	for _, id := range ids {
		if least, ok := forbid[string(id)]; ok {
			file += fmt.Sprintf("  - {name: no-%c, kind: eligibility, forbid: 'action.id == \"%c\" && user.level >= %g', reason: r-%c}\n", id, id, least, id)
		}
	}
	d, err := loop.Compile("shop.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return d.Loop
}

// logged is a decision with these probabilities, the served action first; what has none is excluded for a reason.
func logged(event int, l *decision.Loop, level float64, served string, p map[string]float64, reasons map[string]string) *decision.Record {
	r := &decision.Record{Loop: "shop"}
	r.Time, r.EventID, r.UserID = time.Unix(1e9+int64(event), 0).UTC(), fmt.Sprint("e", event), fmt.Sprint("u", event)
	r.User = features.Set{{Name: "level", Value: features.NumberValue(level)}}
	r.Slots, r.FromCatalogue = []decision.SlotSpec{{}}, true
	c := decision.Choice{WouldHaveChosen: -1}
	for i, a := range l.Actions {
		r.Actions = append(r.Actions, decision.Action{ID: a.ID})
		switch {
		case reasons[a.ID] != "":
			c.Excluded = append(c.Excluded, decision.Exclusion{Action: i, Reason: reasons[a.ID]})
		case a.ID == served:
			c.Ranking = append([]decision.Ranked{{Action: i, Probability: p[a.ID]}}, c.Ranking...)
		default:
			c.Ranking = append(c.Ranking, decision.Ranked{Action: i, Probability: p[a.ID]})
		}
	}
	r.Choices = []decision.Choice{c}
	return r
}

// TestAgainst: numbers that a person can check.
func TestAgainst(t *testing.T) {
	was := shop(t, "abc", nil)
	a, err := NewAgainst(shop(t, "abd", map[string]float64{"a": 10}))
	if err != nil {
		t.Fatal(err)
	}
	p := map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2}
	for i, c := range []struct {
		level   float64
		served  string
		reasons map[string]string
	}{
		{5, "a", map[string]string{"c": "old-rule"}},             // d is new; c is no more
		{10, "a", map[string]string{"c": "old-rule"}},            // a goes
		{10, "b", map[string]string{"c": "excluded_by_request"}}, // a goes, it was not served
		{10, "a", map[string]string{"b": "excluded_by_request", "c": "cap:daily"}},
	} {
		if c.reasons["b"] != "" {
			p = map[string]float64{"a": 1}
		} else {
			p = map[string]float64{"a": 0.6, "b": 0.4}
		}
		r := logged(i, was, c.level, c.served, p, c.reasons)
		r.Excluded = []string{"d"}
		if i == 0 {
			r.Excluded = nil
		}
		if err := a.Add(r, was); err != nil {
			t.Fatal(err)
		}
	}
	r := a.Report()
	if r.Decisions != 4 || r.Slots != 4 || r.LostServed != 2 || r.NoneLeft != 1 || r.Narrowed != 3 || r.Widened != 1 {
		t.Errorf("%+v", r)
	}
	if len(r.Rules) != 1 || r.Rules[0].Rule != "no-a" || r.Rules[0].Slots != 3 || r.Rules[0].LostServed != 2 ||
		math.Abs(r.Rules[0].Probability-(0.6+0.6+1)/4) > 1e-12 || fmt.Sprint(r.Rules[0].Actions) != "[a]" {
		t.Errorf("%+v", r.Rules)
	}
	if len(r.Newly) != 1 || r.Newly[0] != (ActionReport{"d", 1}) {
		t.Errorf("%+v", r.Newly)
	}
	s := r.Support
	// The targets: 2/3 of 0.6 with a third on d; nothing for a; all of b; nothing at all.
	w := []float64{2. / 3, 0, 1 / 0.4, 0}
	effective := (w[0] + w[2]) * (w[0] + w[2]) / (w[0]*w[0] + w[2]*w[2])
	// Expected squares: (2/3)², 1/0.4 twice (b carries all, by 0.4), 0.
	expected := 4 / (4./9 + 2/0.4) * 4
	if s.Samples != 4 || math.Abs(s.Excluded-2.2/4) > 1e-12 || math.Abs(s.Unsupported-1./3/4) > 1e-12 ||
		math.Abs(s.Effective-min(effective, expected)) > 1e-9 || s.Answers || len(s.Refusals) != 2 {
		t.Errorf("%+v, effective %v or %v", s, effective, expected)
	}
}

// TestAgainstTheSameFile: a file's own log would not have been any different, and answers.
func TestAgainstTheSameFile(t *testing.T) {
	l := shop(t, "abc", map[string]float64{"a": 10})
	a, err := NewAgainst(l)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		r := logged(i, l, 5, "a", map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2}, nil)
		if i%2 == 0 {
			r = logged(i, l, 10, "b", map[string]float64{"b": 0.6, "c": 0.4}, map[string]string{"a": "r-a"})
		}
		if err := a.Add(r, l); err != nil {
			t.Fatal(err)
		}
	}
	r := a.Report()
	if r.LostServed+r.NoneLeft+r.Narrowed+r.Widened != 0 || len(r.Rules)+len(r.Newly) != 0 || !r.Support.Answers ||
		r.Support.Excluded != 0 || r.Support.Unsupported != 0 || math.Abs(r.Support.Effective-400) > 1e-6 {
		t.Errorf("%+v", r)
	}
}

// TestAgainstATwin compares with the obvious way: each decision by itself, action by action.
func TestAgainstATwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		catalogue := rapid.SampledFrom([]string{"abc", "abcd", "bce", "abcde"})
		was, now := catalogue.Draw(rt, "was"), catalogue.Draw(rt, "now")
		level := rapid.Float64Range(0, 4)
		forbid := make(map[string]float64)
		for _, id := range ids {
			if rapid.Bool().Draw(rt, "has rule") {
				forbid[string(id)] = level.Draw(rt, "least")
			}
		}
		old := shop(rt, was, nil)
		a, err := NewAgainst(shop(rt, now, forbid))
		if err != nil {
			rt.Fatal(err)
		}
		var lost, none, narrowed, widened uint64
		var excluded, unsupported, weight, square, expected float64
		n := rapid.IntRange(1, 8).Draw(rt, "decisions")
		for i := range n {
			user := level.Draw(rt, "level")
			r, eligible := draw(rt, i, old, user)
			if err := a.Add(r, old); err != nil {
				rt.Fatal(err)
			}
			permitted := func(id string) bool {
				least, has := forbid[id]
				return strings.Contains(now, id) && !(has && user >= least)
			}
			stay, mass, more := 0, 0.0, 0
			for id, p := range eligible {
				if permitted(id) {
					stay++
				} else {
					mass += p
				}
			}
			for _, id := range strings.Split(ids, "") {
				_, was := eligible[id]
				if reason := reasonOf(r, id); !was && permitted(id) && (reason == "" || reason == "old-rule") {
					more++
				}
			}
			served := r.Actions[r.Choices[0].Served()].ID
			count(&lost, !permitted(served))
			count(&none, stay+more == 0)
			count(&narrowed, stay < len(eligible))
			count(&widened, more > 0)
			excluded += mass
			if stay+more == 0 {
				continue
			}
			u := float64(more) / float64(stay+more)
			unsupported += u
			for id, p := range eligible {
				if permitted(id) {
					target := (1 - u) * p / (1 - mass)
					expected += target * target / p
					if id == served {
						weight += target / p
						square += target / p * target / p
					}
				}
			}
		}
		got := a.Report()
		if got.LostServed != lost || got.NoneLeft != none || got.Narrowed != narrowed || got.Widened != widened {
			rt.Fatalf("%+v, want %d lost, %d none, %d narrowed, %d widened", got, lost, none, narrowed, widened)
		}
		effective := 0.0
		if square > 0 {
			effective = weight * weight / square
		}
		if expected > 0 {
			effective = min(effective, float64(n)*float64(n)/expected)
		}
		s := got.Support
		if math.Abs(s.Excluded-excluded/float64(n)) > 1e-9 || math.Abs(s.Unsupported-unsupported/float64(n)) > 1e-9 || math.Abs(s.Effective-effective) > 1e-6*(1+effective) {
			rt.Fatalf("%+v, want %v excluded, %v unsupported, %v effective", s, excluded/float64(n), unsupported/float64(n), effective)
		}
	})
}

func count(n *uint64, is bool) {
	if is {
		*n++
	}
}

func reasonOf(r *decision.Record, id string) string {
	for _, e := range r.Choices[0].Excluded {
		if r.Actions[e.Action].ID == id {
			return e.Reason
		}
	}
	return ""
}

// draw draws a decision, and returns the probabilities of what was eligible.
func draw(rt *rapid.T, event int, l *decision.Loop, level float64) (*decision.Record, map[string]float64) {
	reasons, p, total := make(map[string]string), make(map[string]float64), 0.0
	for i, a := range l.Actions {
		reason := rapid.SampledFrom([]string{"", "", "", "old-rule", "excluded_by_request", "killed", "cap:daily", "quiet_hours"}).Draw(rt, "reason")
		if i > 0 && reason != "" {
			reasons[a.ID] = reason
			continue
		}
		p[a.ID] = rapid.Float64Range(0.05, 1).Draw(rt, "p")
		total += p[a.ID]
	}
	var eligible []string
	for id := range p {
		p[id] /= total
		eligible = append(eligible, id)
	}
	slices.Sort(eligible)
	return logged(event, l, level, rapid.SampledFrom(eligible).Draw(rt, "served"), p, reasons), p
}
