package loop_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/loop"
)

func TestAdmit(t *testing.T) {
	d, err := loop.Compile("shop.yaml", []byte(`version: 1
name: shop
actions: catalogue
features:
  user:
    age: {type: number}
  action:
    price: {type: number}
  undeclared: reject
guardrails:
  - {name: dear, kind: suitability, forbid: action.price > 10}
  - {name: text, kind: suitability, require: 'action.text != ""', reason: no-text}
  - {name: age, kind: eligibility, require: user.age >= 18}
`))
	if err != nil {
		t.Fatal(err)
	}
	actions := [][]byte{
		[]byte(`{"id":"a","features":{"price":5},"text":"A"}`),
		[]byte(`{"id":"b","features":{"price":50}}`),
		[]byte(`{"id":"c","features":{"price":"x"},"text":"C"}`),
		[]byte(`{"id":"d","features":{"prize":5},"text":"D"}`),
		[]byte("{\"id\":\n\"e\"}"),
		[]byte(`{"id":"f","features":{"price":50},"text":"F"}`),
		[]byte(`-- catalogue.ndjson --`),
	}
	got, err := loop.Admit(d, actions[:6], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := []loop.Admission{{}, {Reasons: []string{"dear", "no-text"}}, {Problem: got[2].Problem}, {Problem: got[3].Problem}, {Problem: got[4].Problem}, {Reasons: []string{"dear"}}}
	if diff := cmp.Diff(want, got); diff != "" || got[2].Problem == "" || got[3].Problem == "" || got[4].Problem == "" {
		t.Errorf("%s; problems %q, %q, %q", diff, got[2].Problem, got[3].Problem, got[4].Problem)
	}
	t.Log(got)
	if _, err := loop.Admit(d, actions[6:], time.Now()); err == nil {
		t.Error("the mark of a bundle's file passes for an action")
	}
}

// What the brand says of an action is a feature that the model learns from, where the loop declares it.
func TestBrandFeatures(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "brands"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "brands", "acme.yaml"), `version: 1
name: acme
banned_claims: [{pattern: (?i)free}]
examples: [{text: Calm., embedding: [1, 0]}]
`)
	write(t, filepath.Join(dir, "shop.yaml"), `version: 1
name: shop
brand: acme
actions:
  - {id: a, text: All free, features: {embedding: [1, 1]}}
  - {id: b, text: Calm}
features:
  action:
    embedding: {type: vector, dim: 2}
    brand.similarity: {type: number}
    brand.banned: {type: number}
`)
	d, err := loop.CompileFile(dir + "/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, b := d.Loop.Actions[0].Features, d.Loop.Actions[1].Features
	if got := a.Get("brand.similarity").Number(); got < 0.7071 || got > 0.7072 {
		t.Errorf("similarity %v, want 1/√2", got)
	}
	if a.Get("brand.banned").Number() != 1 || b.Get("brand.banned").Number() != 0 || len(b) != 1 {
		t.Errorf("%v, %v", a, b)
	}
}
