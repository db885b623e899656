package loop_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/tools/txtar"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// TestExpressionPlaces: a problem in an expression is told where it stands in its file, whatever way it is written in.
func TestExpressionPlaces(t *testing.T) {
	const head = "version: 1\nname: t\nactions: [{id: a}]\nfeatures: {user: {age: {type: number}}}\nguardrails:\n"
	for name, c := range map[string]struct {
		text      string
		line, col int
	}{
		"plain":                {"  - {name: a, kind: eligibility, require: user.ago > 1}\n", 6, 43},
		"plain, in a block":    {"  - name: a\n    kind: eligibility\n    require: user.age > 1 && user.ago > 1\n", 8, 30},
		"forbid":               {"  - name: a\n    kind: eligibility\n    forbid: user.ago > 1\n", 8, 13},
		"in quotes":            {"  - name: a\n    kind: eligibility\n    require: 'user.age > 1 || user.ago > 1'\n", 8, 31},
		"in double quotes":     {"  - name: a\n    kind: eligibility\n    require: \"action.id == \\\"x\\\" || user.ago > 1\"\n", 8, 37},
		"a block":              {"  - name: a\n    kind: eligibility\n    require: |\n      user.age > 1\n        || user.ago > 1\n", 10, 12},
		"a folded block":       {"  - name: a\n    kind: eligibility\n    require: >-\n      user.age > 1\n      || user.ago > 1\n", 10, 10},
		"over lines":           {"  - name: a\n    kind: eligibility\n    require: user.age > 1 ||\n      user.ago > 1\n", 9, 7},
		"after another letter": {"  - {name: a, kind: eligibility, require: \"action.id == 'größe' || user.ago > 1\"}\n", 6, 68},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loop.Compile("t.yaml", []byte(head+c.text))
			if err == nil || !strings.Contains(err.Error(), "ago") {
				t.Fatal(err)
			}
			line := strings.Split(head+c.text, "\n")[c.line-1]
			at := strings.Index(line, "user.ago")
			if want := len([]rune(line[:at])) + 1; c.col != want {
				t.Fatalf("the case is wrong: user.ago is at column %d", want)
			}
			// Which part of user.ago is pointed at is the compiler's.
			ok := false
			for _, column := range []int{c.col, c.col + len("user")} {
				ok = ok || strings.HasPrefix(err.Error(), fmt.Sprintf("t.yaml:%d:%d: ", c.line, column))
			}
			if !ok {
				t.Errorf("%v, want it at %d:%d", err, c.line, c.col)
			}
		})
	}
}

// TestExpressionOfASharedFile: the problem is in that file, and says for which loop.
func TestExpressionOfASharedFile(t *testing.T) {
	dir := directory(t, `-- t.yaml --
version: 1
name: t
actions: [{id: a}]
guardrails: [{include: x}]
-- guardrails/x.yaml --
version: 1
guardrails:
  - {name: adult, kind: eligibility, require: user.age >= 18}
`)
	_, err := loop.CompileFile(filepath.Join(dir, "t.yaml"))
	want := filepath.Join(dir, "guardrails", "x.yaml") + ":3:"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "(in loop t)") {
		t.Errorf("%v, want %s", err, want)
	}
	for _, s := range loop.LoadShared(dir) {
		if s.Err != nil {
			t.Errorf("by itself: %v", s.Err)
		}
	}
}

// TestRulesOfALoop: what a file says of rules reaches the loop.
func TestRulesOfALoop(t *testing.T) {
	dir := directory(t, `-- t.yaml --
version: 1
name: t
time_zone: Europe/Berlin
time_zone_feature: user.zone
actions:
  - {id: a, channel: email, tags: [x, y], text: Hello., mandatory: true, features: {n: 1}}
  - {id: b}
features: {user: {zone: {type: category}}}
fallback: {no_action: error}
guardrails:
  - {name: own, kind: applicability, forbid: action.id == "b", reason: why, text: Words., from: 2026-12-01}
  - {include: x}
-- guardrails/x.yaml --
version: 1
guardrails:
  - {name: shared, kind: suppression, severity: warn, require: "true"}
`)
	d := must(loop.CompileFile(filepath.Join(dir, "t.yaml")))
	l := d.Loop
	if l.Guardrails == nil || l.Bound == nil || l.Zone.String() != "Europe/Berlin" || l.ZoneFeature != "user.zone" || l.NoAction != 1 {
		t.Errorf("%+v", l)
	}
	if s := l.Subjects; len(s) != 2 || s[0].Channel != "email" || s[0].Text != "Hello." || !slices.Equal(s[0].Tags, []string{"x", "y"}) ||
		s[0].Features.Get("n").Number() != 1 || s[1].ID != "b" || !slices.Equal(l.Mandatory, []bool{true, false}) {
		t.Errorf("%+v, %v", s, l.Mandatory)
	}
	got := fmt.Sprintf("%+v", loop.Rules(d))
	want := fmt.Sprintf("[{Name:own Kind:applicability Severity:deny Reason:why Text:Words. File:%s Line:11} {Name:shared Kind:suppression Severity:warn Reason:shared Text: File:%s Line:3}]",
		filepath.Join(dir, "t.yaml"), filepath.Join(dir, "guardrails", "x.yaml"))
	if got != want {
		t.Errorf("rules\n%s, want\n%s", got, want)
	}
	if d := compile(t, smallest); d.Loop.Guardrails != nil || d.Loop.Bound != nil || d.Loop.Zone != time.UTC || d.Loop.Mandatory != nil {
		t.Errorf("%+v", d.Loop)
	}
}

// TestGuardrailsAndLearning: rules, brands and zones change nothing of what is learned.
func TestGuardrailsAndLearning(t *testing.T) {
	plain := compile(t, everything)
	dir := directory(t, "-- t.yaml --\n"+everything+`guardrails: [{include: x}, {name: r, kind: eligibility, require: "true"}]
brand: acme
time_zone: Asia/Tokyo
-- guardrails/x.yaml --
version: 1
guardrails: []
-- brands/acme.yaml --
version: 1
name: acme
`)
	d := must(loop.CompileFile(filepath.Join(dir, "t.yaml")))
	if d.LearningKey != plain.LearningKey || d.SHA256 == plain.SHA256 {
		t.Errorf("learning key %s, want %s; sha256 %s", d.LearningKey, plain.LearningKey, d.SHA256)
	}
}

// guarded is a loop with all that there is of guardrails.
func guarded(t testing.TB) map[string]string {
	t.Helper()
	const from = "../docs/guardrails/loops"
	files := make(map[string]string)
	for _, name := range []string{"spring-offers.yaml", "guardrails/consent.yaml", "guardrails/brand-safety.yaml", "brands/acme.yaml"} {
		files[name] = readFile(t, filepath.Join(from, name))
	}
	return files
}

// damage makes a file of the set worse: it is cut, or a bit of it is turned, or it is given what does not belong there.
func damage(r *rand.Rand, text string) string {
	switch r.IntN(7) {
	case 0:
		bomb := "bomb: &a [x, x]\n"
		for i := range 8 {
			bomb += fmt.Sprintf("bomb%d: &a%d [*a, *a, *a, *a]\n", i, i)
		}
		return text + bomb
	case 1: // costs more than a rule may
		return strings.Replace(text, "require: ", "require: '[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, a+b+c+d+e > 0)))))' # ", 1)
	case 2: // is of another type
		return strings.Replace(text, "forbid: ", "forbid: 1 + ", 1)
	default:
		return mutate(r, text)
	}
}

// TestGuardedMutants damages one of the files of a loop 1,000 times. Either the set is refused, with a line of a file of it,
// or it is one that compiles from its own bytes to the same: never a part of one, and never a panic.
func TestGuardedMutants(t *testing.T) {
	dir := t.TempDir()
	files := guarded(t)
	names := []string{"brands/acme.yaml", "guardrails/brand-safety.yaml", "guardrails/consent.yaml", "spring-offers.yaml"}
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		try(t, os.MkdirAll(filepath.Dir(path), 0o700))
		write(t, path, text)
	}
	for _, name := range names {
		put(name, files[name])
	}
	wholeSet(t, must(loop.CompileFile(filepath.Join(dir, "spring-offers.yaml"))))
	r := rand.New(rand.NewPCG(5, 6))
	right, wrong := 0, 0
	byFile := make(map[string]int)
	for range 1000 {
		name := names[r.IntN(len(names))]
		text := damage(r, files[name])
		put(name, text)
		d, err := loop.CompileFile(filepath.Join(dir, "spring-offers.yaml"))
		put(name, files[name])
		if err != nil {
			wrong++
			for _, p := range err.(loop.Problems) {
				lines := 2
				if b, ok := strings.CutPrefix(p.File, dir+"/"); ok && slices.Contains(names, b) {
					lines += max(strings.Count(text, "\n"), strings.Count(files[b], "\n"))
					byFile[b]++
				} else {
					t.Fatalf("a problem in %q", p.File)
				}
				if d != nil || p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" || strings.Contains(p.Message, "runtime error") {
					t.Fatalf("%+v of\n%s", p, text)
				}
			}
			continue
		}
		right++
		wholeSet(t, d)
	}
	t.Logf("%d right, %d wrong; problems by file: %v", right, wrong, byFile)
	if right < 20 || wrong < 500 || len(byFile) != len(names) {
		t.Errorf("%d right and %d wrong, in %v: the mutations test nothing", right, wrong, byFile)
	}
}

// wholeSet checks that a definition has every rule that its files have by another reader's judgement, and comes of its own
// bytes again.
func wholeSet(t *testing.T, d *learn.Definition) {
	t.Helper()
	accepted(t, d)
	a := txtar.Parse(d.File)
	want := namesIn(t, a.Comment)
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, loop.GuardrailFolder) {
			want = append(want, namesIn(t, f.Data)...)
		}
	}
	slices.Sort(want)
	var got []string
	for _, r := range loop.Rules(d) {
		got = append(got, r.Name)
	}
	if !slices.Equal(got, want) || (d.Loop.Guardrails == nil) != (len(want) == 0) {
		t.Fatalf("the rules %v, want %v, in\n%s", got, want, d.File)
	}
}

// namesIn returns the names of the rules of one file.
func namesIn(t *testing.T, text []byte) (names []string) {
	t.Helper()
	var file struct{ Guardrails []struct{ Name string } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("accepted, but not by another reader: %v\n%s", err, text)
	}
	for _, r := range file.Guardrails {
		if r.Name != "" {
			names = append(names, r.Name)
		}
	}
	return names
}
