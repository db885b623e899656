package features

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustSchema(t testing.TB, context, user, action []Field, u Undeclared) Schema {
	t.Helper()
	s, err := NewSchema(context, user, action, u)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fetch answers as a store does.
func fetch(stored map[string]string, names []string) []Raw {
	raw := make([]Raw, len(names))
	for i, name := range names {
		raw[i].Text, raw[i].Present = stored[name]
	}
	return raw
}

func TestFreshness(t *testing.T) {
	s := mustSchema(t, nil, []Field{
		{Name: "any", Type: NumberType},
		{Name: "day", Type: NumberType, MaxAge: 24 * time.Hour},
		{Name: "hour", Type: NumberType, MaxAge: time.Hour},
	}, nil, Infer)
	names := s.UserFieldNames()
	if diff := cmp.Diff([]string{"any", "day", "hour", "day@at", "hour@at", "@at"}, names); diff != "" {
		t.Fatal(diff)
	}
	ago := func(d time.Duration) string { return strconv.FormatInt(noon.Add(-d).Unix(), 10) }
	for _, c := range []struct {
		name, hourAt, at string
		want             []Defaulted
	}{
		{name: "no stamp is fresh"},
		{name: "fresh by its own stamp", hourAt: ago(30 * time.Minute)},
		{name: "exactly as old as allowed", hourAt: ago(time.Hour)},
		{name: "a second too old", hourAt: ago(time.Hour + time.Second), want: []Defaulted{{"hour", ReasonStale}}},
		{name: "the common stamp", at: ago(2 * time.Hour), want: []Defaulted{{"hour", ReasonStale}}},
		{name: "the common stamp for all", at: ago(48 * time.Hour), want: []Defaulted{{"day", ReasonStale}, {"hour", ReasonStale}}},
		{name: "its own stamp first", hourAt: ago(time.Minute), at: ago(2 * time.Hour)},
		{name: "its own stale stamp first", hourAt: ago(2 * time.Hour), at: ago(time.Minute), want: []Defaulted{{"hour", ReasonStale}}},
		{name: "fractions of seconds", hourAt: ago(time.Hour) + ".5"},
		{name: "a clock ahead", hourAt: ago(-10 * time.Minute)},
		{name: "milliseconds", hourAt: ago(2*time.Hour) + "000", want: []Defaulted{{"hour", ReasonMalformed}}},
		{name: "no number", hourAt: "2026-03-01T12:00:00Z", want: []Defaulted{{"hour", ReasonMalformed}}},
		{name: "empty", hourAt: "x", at: "", want: []Defaulted{{"hour", ReasonMalformed}}},
	} {
		stored := map[string]string{"any": "1", "day": "2", "hour": "3"}
		if c.hourAt != "" {
			stored["hour@at"] = c.hourAt
		}
		if c.at != "" {
			stored["@at"] = c.at
		}
		set, defaulted := s.ParseUser(fetch(stored, names), noon)
		if diff := cmp.Diff(c.want, defaulted); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if len(set)+len(defaulted) != 3 {
			t.Errorf("%s: %v and %v are not the three features", c.name, set, defaulted)
		}
	}
}

func TestUnknownUserHasNothing(t *testing.T) {
	s := mustSchema(t, nil, []Field{{Name: "b", Default: NumberValue(1)}, {Name: "a", MaxAge: time.Hour}}, nil, Infer)
	set, defaulted := s.ParseUser(nil, noon)
	if diff := cmp.Diff([]Defaulted{{"a", ReasonMissing}, {"b", ReasonMissing}}, defaulted); len(set) != 0 || diff != "" {
		t.Fatalf("%v: %s", set, diff)
	}
}

// TestParseUserRoundTrip stores features in every state there is and expects each back with its reason.
func TestParseUserRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fields []Field
		stored, want, reasons := map[string]string{}, map[string]Value{}, map[string]string{}
		for i := range rapid.IntRange(0, 6).Draw(t, "fields") {
			f, v := typed(t)
			f.Name = string(rune('a' + i))
			f.MaxAge = time.Duration(rapid.SampledFrom([]int{0, 60}).Draw(t, "max age")) * time.Second
			age := rapid.IntRange(0, 120).Draw(t, "age")
			switch rapid.SampledFrom([]string{"stored", "stored", "missing", "malformed"}).Draw(t, "state") {
			case "stored":
				stored[f.Name] = FormatValue(v)
				stored[f.Name+"@at"] = strconv.FormatInt(noon.Unix()-int64(age), 10)
				want[f.Name] = v
				if f.MaxAge > 0 && age > 60 {
					reasons[f.Name] = ReasonStale
				}
			case "missing":
				reasons[f.Name] = ReasonMissing
			case "malformed":
				stored[f.Name] = "\xff"
				reasons[f.Name] = ReasonMalformed
			}
			fields = append(fields, f)
		}
		s, err := NewSchema(nil, fields, nil, Infer)
		if err != nil {
			t.Fatal(err)
		}
		set, defaulted := s.ParseUser(fetch(stored, s.UserFieldNames()), noon)
		got := map[string]string{}
		for _, d := range defaulted {
			got[d.Name] = d.Reason
		}
		if diff := cmp.Diff(reasons, got); diff != "" {
			t.Fatal(diff)
		}
		for _, f := range set {
			if !f.Value.Equal(want[f.Name]) {
				t.Fatalf("%s is %#v, want %#v", f.Name, f.Value, want[f.Name])
			}
		}
		if len(set)+len(defaulted) != len(fields) {
			t.Fatalf("%d features of %d", len(set)+len(defaulted), len(fields))
		}
	})
}

func TestParsedUsersAreFinite(t *testing.T) {
	s := mustSchema(t, nil, []Field{{Name: "x", Type: NumberType}}, nil, Infer)
	for _, x := range []float64{math.Inf(1), math.NaN()} {
		set, defaulted := s.ParseUser([]Raw{{Text: FormatValue(NumberValue(x)), Present: true}}, noon)
		if len(set) != 0 || len(defaulted) != 1 || defaulted[0].Reason != ReasonMalformed {
			t.Errorf("%v became %v, %v", x, set, defaulted)
		}
	}
}
