package features

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slowMerge is MergeForModel by way of a map.
func slowMerge(s *Schema, context, user Set) Set {
	seen := map[string]Value{}
	declared := map[string]bool{}
	for _, f := range s.Context {
		declared[f.Name] = true
		seen[f.Name] = f.Default
	}
	for _, f := range context {
		if f.Value.Kind() != Missing && (declared[f.Name] || s.Undeclared == Infer) {
			seen[f.Name] = f.Value
		}
	}
	for _, f := range s.User {
		v := user.Get(f.Name)
		if v.Kind() == Missing {
			v = f.Default
		}
		if v.Kind() != Missing {
			seen["user."+f.Name] = v
		}
	}
	var fs []Feature
	for name, v := range seen {
		if v.Kind() != Missing {
			fs = append(fs, Feature{name, v})
		}
	}
	set, err := NewSet(fs)
	if err != nil {
		panic(err)
	}
	return set
}

// drawPart draws declared fields and a set over the same few names, some of them like a user feature's.
func drawPart(t *rapid.T, label string) ([]Field, Set) {
	names := []string{"a", "b", "user", "user.", "user.a", "user.b", "user.c", "userx", "w", "z"}
	value := rapid.SampledFrom([]Value{{}, NumberValue(1), TextValue("x"), FlagValue(true)})
	var fields []Field
	var set []Feature
	for _, name := range names {
		if rapid.Bool().Draw(t, label+" declares "+name) {
			fields = append(fields, Field{Name: name, Default: value.Draw(t, "default")})
		}
		if rapid.Bool().Draw(t, label+" has "+name) {
			set = append(set, Feature{name, value.Draw(t, "value")})
		}
	}
	return fields, set
}

func TestMergeForModelAsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schema{Undeclared: rapid.SampledFrom([]Undeclared{Infer, Ignore, Reject}).Draw(t, "undeclared")}
		var context, user, action Set
		s.Context, context = drawPart(t, "context")
		s.User, user = drawPart(t, "user")
		s.Action, action = drawPart(t, "action")
		if rapid.Bool().Draw(t, "names prepared") {
			for _, f := range s.User {
				s.userNames = append(s.userNames, "user."+f.Name)
			}
		}
		same := func(a, b Feature) bool { return a.Name == b.Name && a.Value.Equal(b.Value) }
		if got, want := s.MergeForModel(nil, context, user), slowMerge(&s, context, user); !slices.EqualFunc(got, want, same) {
			t.Fatalf("merged\n%v, want\n%v", got, want)
		}
		got, want := s.MergeAction(nil, action), slowMerge(&Schema{Context: s.Action, Undeclared: s.Undeclared}, action, nil)
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("action\n%v, want\n%v", got, want)
		}
	})
}

func exampleMerge(t testing.TB) (Schema, Set, Set) {
	var context, user []Field
	var cs, us Set
	for i := range 8 {
		name := fmt.Sprintf("f%d", i)
		context = append(context, Field{Name: name, Default: NumberValue(1)})
		user = append(user, Field{Name: name, Default: NumberValue(2), MaxAge: time.Hour})
		if i%2 == 0 {
			cs, us = append(cs, Feature{name, NumberValue(3)}), append(us, Feature{name, NumberValue(4)})
		}
	}
	cs = append(cs, Feature{"zip", TextValue("x")})
	return mustSchema(t, context, user, nil, Infer), cs, us
}

func TestMergeForModelAllocatesNothing(t *testing.T) {
	s, context, user := exampleMerge(t)
	dst := make(Set, 0, 32)
	if n := testing.AllocsPerRun(100, func() { dst = s.MergeForModel(dst[:0], context, user) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(dst) != 17 || !slices.IsSortedFunc(dst, func(a, b Feature) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%v", dst)
	}
}

func BenchmarkMergeForModel(b *testing.B) {
	s, context, user := exampleMerge(b)
	dst := make(Set, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		dst = s.MergeForModel(dst[:0], context, user)
	}
}

func BenchmarkParseUser(b *testing.B) {
	s, _, _ := exampleMerge(b)
	stored := map[string]string{"@at": "1772366000"}
	for i := range s.User {
		stored[s.User[i].Name] = fmt.Sprint(float64(i) * 1.25)
	}
	raw := fetch(stored, s.UserFieldNames())
	b.ReportAllocs()
	for b.Loop() {
		if set, _ := s.ParseUser(raw, noon); len(set) != 8 {
			b.Fatal(set)
		}
	}
}
