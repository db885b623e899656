package evaluate

import (
	"slices"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
)

// rewritten copies a log with other loop files in the place of its own.
func rewritten(t *testing.T, data, file string) *scribe {
	t.Helper()
	to := newScribe(t)
	for _, e := range entries(t, data) {
		if c := e.Record.GetLoopChange(); c != nil {
			c.File = []byte(file)
		}
		must(to.events.Append(t.Context(), e.Record, decision.Process))
	}
	return to
}

// A candidate whose file adds features of actions is judged as if the log's file had always had them; one that gives a logged
// feature another value is not: what it was when it was logged stands.
func TestFeaturesAddedToActions(t *testing.T) {
	plain := strings.NewReplacer(", features: {price: 1}", "", ", features: {price: 2}", "", ", features: {price: 3}", "").Replace(shopFile)
	s := newScribe(t)
	s.put("shop", plain)
	w := newWorld(31)
	w.play(s, "shop", 300)
	w.end(s, "shop")
	s.events.Log().Close()
	priced := LoopFile("priced", compiled(shopFile))
	without := LoopFile("without", compiled(plain))
	_, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{priced, without}})
	always := rewritten(t, s.data, shopFile)
	_, want := read(t, Options{Data: always.data, Loop: "shop", Candidates: []Candidate{priced}})
	dearer := LoopFile("dearer", compiled(strings.Replace(shopFile, "price: 3", "price: 300", 1)))
	_, kept := read(t, Options{Data: always.data, Loop: "shop", Candidates: []Candidate{dearer}})
	if len(rows) != 300 || len(want) != 300 || len(kept) != 300 {
		t.Fatalf("%d, %d and %d rows", len(rows), len(want), len(kept))
	}
	apart := 0
	for i, r := range rows {
		if r.Samples[0].Target != want[i].Samples[0].Target {
			t.Fatalf("row %d: %v, want %v", i, r.Samples[0].Target, want[i].Samples[0].Target)
		}
		if kept[i].Samples[0].Target != want[i].Samples[0].Target {
			t.Fatalf("row %d: %v at another price, want %v", i, kept[i].Samples[0].Target, want[i].Samples[0].Target)
		}
		if r.Samples[0].Target != r.Samples[1].Target {
			apart++
		}
	}
	if apart < 100 {
		t.Errorf("the prices changed %d of 300 decisions: the test shows little", apart)
	}
}

// New actions of a file are in no logged decision: they are named, and the candidate is judged without them.
func TestNewActionsAreNamed(t *testing.T) {
	s := newScribe(t)
	s.put("shop", shopFile)
	w := newWorld(32)
	w.play(s, "shop", 50)
	w.end(s, "shop")
	more := LoopFile("more", compiled(strings.Replace(shopFile, "actions:\n", "actions:\n  - {id: new, features: {price: 4}}\n", 1)))
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{more, LoopFile("same", compiled(shopFile))}})
	for _, r := range rows {
		if r.Samples[0].Target != r.Samples[0].Propensity || r.Samples[0].Unsupported != 0 {
			t.Fatalf("%+v", r.Samples[0])
		}
	}
	c := l.Counts().Candidates
	if !slices.Equal(c[0].Unmet, []string{"new"}) || len(c[1].Unmet) != 0 {
		t.Errorf("%+v", c)
	}
}
