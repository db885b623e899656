package loop_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// bundled is a loop with all that it can include.
const bundled = `version: 1
name: t
actions: [{id: a}]
guardrails: [{include: a}, {name: b, kind: eligibility, forbid: time.hour > 20}]
contact: {caps: [{name: c, limit: 1, window: 1d}]}
brand: acme
-- brands/acme.yaml --
version: 1
name: acme
tones: [plain]
banned_claims: [{pattern: "(?i)cheap"}]
-- guardrails/a.yaml --
version: 1
guardrails: [{name: a, kind: suitability, require: "!brand.banned(action.text)"}]
`

// FuzzCompile: whatever the bytes, Compile gives either problems with places in the file, or a definition that holds
// everything that the rest of the program takes for granted.
func FuzzCompile(f *testing.F) {
	f.Add(smallest)
	f.Add(everything)
	f.Add(bundled)
	live := strings.Replace(bundled, "actions: [{id: a}]", "actions: catalogue", 1)
	f.Add(string(must(loop.WithCatalogue([]byte(live), []byte("{\"id\":\"a\",\"features\":{\"x\":[1,2]}}\n")))))
	for _, c := range strings.Split(readFile(f, "testdata/problems.txt"), "\n=== ")[1:] {
		_, body, _ := strings.Cut(c, "\n")
		text, _, _ := strings.Cut(body, "---problems\n")
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := loop.Compile("t.yaml", []byte(text))
		if err != nil {
			var problems loop.Problems
			if !errors.As(err, &problems) || d != nil {
				t.Fatalf("%v, %v", d, err)
			}
			lines := strings.Count(text, "\n") + 2
			for _, p := range problems {
				if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" || strings.Contains(p.Message, "goroutine") || strings.Contains(p.Message, "runtime error") {
					t.Errorf("problem %v of %d lines", p, lines)
				}
			}
			return
		}
		sound(t, d)
	})
}

// sound checks what others take for granted of a definition.
func sound(t *testing.T, d *learn.Definition) {
	l, r := d.Loop, d.Reward
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	if l.Name != "t" || l.Policy == nil || d.NewEstimator() == nil || l.Mode > decision.LoggingOnly || len(l.Actions) > 1000 ||
		r.Window <= 0 || r.Window > 90*24*60*60*1e9 || !finite(r.Default) || r.Min >= r.Max || math.IsNaN(r.Min+r.Max) && !math.IsInf(r.Min, -1) {
		t.Errorf("%+v %+v", l, r)
	}
	ids := make(map[string]bool)
	for _, a := range l.Actions {
		if a.ID == "" || ids[a.ID] {
			t.Errorf("action %q", a.ID)
		}
		ids[a.ID] = true
		if err := l.Schema.CheckAction(a.Features); err != nil {
			t.Errorf("action %s: %v", a.ID, err)
		}
	}
	for _, m := range r.Metrics {
		if m.Name == "" || !finite(m.Weight) {
			t.Errorf("metric %+v", m)
		}
	}
	accepted(t, d)
}
