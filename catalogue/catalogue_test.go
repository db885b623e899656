package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/audit"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memoryJournal keeps entries.
type memoryJournal struct {
	entries []audit.Entry
	fails   error
}

func (m *memoryJournal) Append(_ context.Context, e audit.Entry) (audit.Entry, error) {
	if m.fails != nil {
		return e, m.fails
	}
	m.entries = append(m.entries, e)
	return e, nil
}

// plainRules reject what says "lie", and cannot read what says "broken".
type plainRules struct{ sampling Sampling }

var errNoLoop = errors.New("no such loop")

func (r *plainRules) Judge(loop string, documents []json.RawMessage) ([]Verdict, Sampling, error) {
	if loop == "nowhere" {
		return nil, Sampling{}, errNoLoop
	}
	verdicts := make([]Verdict, len(documents))
	for i, d := range documents {
		if strings.Contains(string(d), "broken") {
			verdicts[i].Problem = "text: it is broken"
		}
		if strings.Contains(string(d), "lie") {
			verdicts[i].Reasons = []string{"banned", "too-loud"}
		}
	}
	return verdicts, r.sampling, nil
}

func newCatalogue(rules *plainRules) (*Catalogue, *memoryJournal, *time.Time) {
	j, now := &memoryJournal{}, noon
	c := New(Options{Rules: rules, Journal: j, Store: NewMemory(), Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	return c, j, &now
}

func variant(id, text string) Variant {
	_, document, err := Canonical(fmt.Appendf(nil, `{"text":%q, "id":%q}`, text, id))
	if err != nil {
		panic(err)
	}
	return Variant{ID: id, Document: document}
}

func upsert(t *testing.T, c *Catalogue, v ...Variant) []Result {
	t.Helper()
	r, err := c.Upsert(t.Context(), "shop", v, "ann", "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func live(c *Catalogue) string {
	lines, _ := c.Live("shop")
	return strings.ReplaceAll(strings.TrimSuffix(string(lines), "\n"), "\n", " ")
}

func TestAdmission(t *testing.T) {
	c, j, _ := newCatalogue(&plainRules{})
	r := upsert(t, c, variant("b", "fine"), variant("a", "a lie"), variant("c", "broken"))
	want := []Result{{ID: "b", Version: 1, State: Admitted}, {ID: "a", Version: 1, State: Rejected, Reasons: []string{"banned", "too-loud"}}, {ID: "c", Err: r[2].Err}}
	if diff := cmp.Diff(want, r, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" || r[2].Err == nil {
		t.Errorf("%s; error %v", diff, r[2].Err)
	}
	if got := live(c); got != `{"id":"b","text":"fine"}` {
		t.Errorf("live: %s", got)
	}
	upsert(t, c, variant("b", "another lie")) // rejected: the one before goes on
	if got := live(c); got != `{"id":"b","text":"fine"}` {
		t.Errorf("live after a rejected version: %s", got)
	}
	upsert(t, c, variant("b", "better"), variant("b", "best")) // twice in one call
	if got := live(c); got != `{"id":"b","text":"best"}` {
		t.Errorf("live: %s", got)
	}
	if a, err := c.Get("shop", "b"); err != nil || a.Newest().Number != 4 || a.State(noon) != Live {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := c.Get("shop", "zz"); !errors.Is(err, ErrUnknownAction) {
		t.Errorf("an unknown action: %v", err)
	}
	if _, err := c.Upsert(t.Context(), "shop", nil, " ", ""); !errors.Is(err, audit.ErrActor) {
		t.Errorf("nobody's change: %v", err)
	}
	if _, err := c.Upsert(t.Context(), "nowhere", []Variant{variant("a", "x")}, "ann", ""); !errors.Is(err, errNoLoop) {
		t.Errorf("an unknown loop: %v", err)
	}
	before := live(c)
	j.fails = errors.New("no disk")
	if _, err := c.Upsert(t.Context(), "shop", []Variant{variant("new", "x")}, "ann", ""); err == nil || live(c) != before {
		t.Errorf("a change that is not recorded is in force: %v", err)
	}
}

func TestIfVersion(t *testing.T) {
	c, _, _ := newCatalogue(&plainRules{})
	for i, tc := range []struct {
		ifVersion int
		taken     bool
	}{{-1, true}, {-1, false}, {2, false}, {1, true}, {0, true}} {
		v := variant("a", fmt.Sprint(i))
		v.IfVersion = tc.ifVersion
		if r := upsert(t, c, v); (r[0].Err == nil) != tc.taken || !tc.taken && !errors.Is(r[0].Err, ErrVersion) {
			t.Errorf("if version %d: %v, want taken %t", tc.ifVersion, r[0].Err, tc.taken)
		}
	}
}

func TestHolding(t *testing.T) {
	c, _, _ := newCatalogue(&plainRules{})
	upsert(t, c, variant("a", "fine"))
	for _, step := range []struct {
		to   State
		fine bool
		is   State
	}{{Live, false, Live}, {Paused, true, Paused}, {Paused, false, Paused}, {Live, true, Live}, {Paused, true, Paused}, {Retired, true, Retired}, {Paused, false, Retired}, {Live, true, Live}, {Retired, true, Retired}} {
		err := c.Hold(t.Context(), "shop", "a", step.to, "ann", "")
		a, _ := c.Get("shop", "a")
		if (err == nil) != step.fine || a.State(noon) != step.is || !step.fine && !errors.Is(err, ErrTransition) {
			t.Errorf("to %s: %v, it is %s", step.to, err, a.State(noon))
		}
		if (live(c) != "") != (step.is == Live) {
			t.Errorf("it is %s, and live: %q", step.is, live(c))
		}
	}
}

func TestValidity(t *testing.T) {
	c, _, now := newCatalogue(&plainRules{})
	v := variant("a", "fine")
	v.From, v.Until = noon.Add(time.Hour), noon.Add(2*time.Hour)
	upsert(t, c, v)
	for _, step := range []struct {
		at   time.Duration
		is   State
		next time.Duration
	}{{0, Admitted, time.Hour}, {time.Hour, Live, 2 * time.Hour}, {2*time.Hour - 1, Live, 2 * time.Hour}, {2 * time.Hour, Admitted, 0}} {
		*now = noon.Add(step.at)
		a, _ := c.Get("shop", "a")
		_, next := c.Live("shop")
		want := time.Time{}
		if step.next > 0 {
			want = noon.Add(step.next)
		}
		if a.State(*now) != step.is || !next.Equal(want) {
			t.Errorf("after %v it is %s until %v, want %s until %v", step.at, a.State(*now), next, step.is, want)
		}
	}
	v.From, v.Until = v.Until, v.From
	if r := upsert(t, c, v); r[0].Err == nil {
		t.Error("a validity that ends before it begins was taken")
	}
}

func TestReviews(t *testing.T) {
	for _, serves := range []bool{false, true} {
		c, _, now := newCatalogue(&plainRules{Sampling{Share: 0.3, Serves: serves}})
		var variants []Variant
		for i := range 1000 {
			variants = append(variants, variant(fmt.Sprintf("a%03d", i), "fine"))
		}
		upsert(t, c, variants...)
		waiting := c.Waiting("shop", 2000)
		// Of 1,000 at 0.3: standard deviation 14.5; beyond five of them with probability 6e-7.
		if n := len(waiting); n < 228 || n > 372 {
			t.Errorf("%d of 1,000 are drawn, want 300 ± 72", n)
		}
		first, second := waiting[0].ID, waiting[1].ID
		if _, err := c.Judge(t.Context(), "shop", first, true, "bob", "fine"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Judge(t.Context(), "shop", second, false, "bob", "wrong tone"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Judge(t.Context(), "shop", first, true, "bob", ""); !errors.Is(err, ErrTransition) {
			t.Errorf("judged twice: %v", err)
		}
		states := map[string]State{}
		for _, id := range []string{first, second, waiting[2].ID} {
			a, _ := c.Get("shop", id)
			states[id] = a.State(*now)
		}
		third := Review
		if serves {
			third = Live
		}
		if states[first] != Live || states[second] != Rejected || states[waiting[2].ID] != third {
			t.Errorf("serves %t: %v", serves, states)
		}
		if n := len(c.Waiting("shop", 2000)); n != len(waiting)-2 {
			t.Errorf("%d wait, want %d", n, len(waiting)-2)
		}
	}
}

func TestDrafts(t *testing.T) {
	rules := &plainRules{}
	c, _, _ := newCatalogue(rules)
	v, w := variant("a", "fine"), variant("b", "a lie")
	v.Draft, w.Draft = true, true
	upsert(t, c, v, w)
	if live(c) != "" {
		t.Error("a draft is live")
	}
	for id, want := range map[string]State{"a": Admitted, "b": Rejected} { // The rules have the last word.
		if got, err := c.Judge(t.Context(), "shop", id, true, "ann", ""); err != nil || got != want {
			t.Errorf("%s becomes %s, %v; want %s", id, got, err, want)
		}
	}
}

// The state is a fold over the entries, and another process that follows the store comes to the same.
func TestTheStateIsAFold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c, j, _ := newCatalogue(&plainRules{Sampling{Share: 0.3}})
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id")
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				_, _ = c.Upsert(context.Background(), "shop", []Variant{variant(id, rapid.SampledFrom([]string{"x", "y", "lie"}).Draw(rt, "text"))}, "ann", "")
			case 2:
				_ = c.Hold(context.Background(), "shop", id, rapid.SampledFrom([]State{Paused, Retired, Live}).Draw(rt, "to"), "ann", "")
			default:
				_, _ = c.Judge(context.Background(), "shop", id, rapid.Bool().Draw(rt, "approve"), "ann", "")
			}
		}
		again := New(Options{Rules: &plainRules{}, Journal: &memoryJournal{}, Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler)})
		for _, e := range j.entries {
			if err := again.Apply(e); err != nil {
				rt.Fatal(err)
			}
		}
		other := New(Options{Rules: &plainRules{}, Journal: &memoryJournal{}, Store: c.store, Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler)})
		if err := other.follow(context.Background(), "shop"); err != nil {
			rt.Fatal(err)
		}
		for name, x := range map[string]*Catalogue{"the fold": again, "another process": other} {
			if diff := cmp.Diff(c.ordered("shop"), x.ordered("shop")); diff != "" {
				rt.Fatalf("%s (-want +got): %s", name, diff)
			}
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	c, j, _ := newCatalogue(&plainRules{})
	var variants []Variant
	for i := range 5000 {
		variants = append(variants, variant(fmt.Sprintf("a%05d", i), "fine"))
	}
	upsert(t, c, variants...)
	if n := len(j.entries); n > 20 {
		t.Errorf("5,000 actions took %d entries", n)
	}
	var ids []string
	for after, more := "", true; more; {
		var page []*Action
		page, more = c.List("shop", Live, after, 700)
		for _, a := range page {
			ids = append(ids, a.ID)
		}
		after = ids[len(ids)-1]
	}
	if len(ids) != 5000 || !slices.IsSorted(ids) {
		t.Errorf("%d actions are listed", len(ids))
	}
}

func TestCanonical(t *testing.T) {
	id, got, err := Canonical([]byte(` {"text":"x", "id":"a","features":{"b":1,"a":[1, 2]}} `))
	if err != nil || id != "a" || string(got) != `{"features":{"a":[1,2],"b":1},"id":"a","text":"x"}` {
		t.Errorf("%q %s %v", id, got, err)
	}
	for _, bad := range []string{"", "[]", `"a"`, `{}`, `{"id":7}`, `{"id":""}`, `{"id":"a"} x`, `{"id":"a"`, `{"id":"a","t":"` + strings.Repeat("x", maxDocument) + `"}`} {
		if _, _, err := Canonical([]byte(bad)); err == nil {
			t.Errorf("%.20s is taken", bad)
		}
	}
}
