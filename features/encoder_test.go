package features

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func set(t testing.TB, fs ...Feature) Set {
	t.Helper()
	s, err := NewSet(fs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func num(name string, x float64) Feature      { return Feature{name, NumberValue(x)} }
func text(name, s string) Feature             { return Feature{name, TextValue(s)} }
func tags(name string, ss ...string) Feature  { return Feature{name, TextsValue(ss)} }
func list(name string, xs ...float64) Feature { return Feature{name, NumbersValue(xs)} }
func flag(name string, b bool) Feature        { return Feature{name, FlagValue(b)} }
func term(i int32, x float64) Term            { return Term{Index: i, Value: x} }
func encode(e *Encoder, s Set) []Term         { return e.View().Append(nil, s) }
func observeAll(e *Encoder, sets ...Set) {
	for _, s := range sets {
		e.Observe(s)
	}
}
func state(t testing.TB, e *Encoder) []byte {
	t.Helper()
	b, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncoderKinds(t *testing.T) {
	e := NewEncoder(EncoderOptions{Intercept: true})
	e.Observe(set(t, num("age", 40), text("city", "Oslo"), flag("vip", false), list("vec", 1, 2), tags("tags", "a", "b")))
	// In the order of names: age 1, city=Oslo 2, tags a 3, b 4, vec 5 6, vip 7.
	for _, c := range []struct {
		what string
		in   Set
		want []Term
	}{
		{"anchors are worth 0", set(t, num("age", 40), list("vec", 1, 2)), []Term{term(0, 1), term(1, 0), term(5, 0), term(6, 0)}},
		{"numbers are relative to anchors", set(t, num("age", 42), list("vec", 1, 5)), []Term{term(0, 1), term(1, 2), term(5, 0), term(6, 3)}},
		{"texts", set(t, text("city", "Oslo"), tags("tags", "b", "z")), []Term{term(0, 1), term(2, 1), term(4, 1)}},
		{"unknown text, no other", set(t, text("city", "Rome")), []Term{term(0, 1)}},
		{"flag", set(t, flag("vip", true)), []Term{term(0, 1), term(7, 1)}},
		{"a kind that was never observed", set(t, text("age", "old"), num("city", 3)), []Term{term(0, 1)}},
		{"a list of another length", set(t, list("vec", 3)), []Term{term(0, 1)}},
		{"absurd numbers are missing", set(t, num("age", 1e200)), []Term{term(0, 1)}},
		{"unknown feature", set(t, num("height", 3)), []Term{term(0, 1)}},
	} {
		if diff := cmp.Diff(c.want, encode(e, c.in)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestEncoderTellsMissingFromTheAnchor(t *testing.T) {
	e := NewEncoder(EncoderOptions{})
	observeAll(e, set(t, num("a", 5)), set(t, num("a", 6)))
	if got := encode(e, nil); got != nil {
		t.Errorf("a missing number that was never seen missing has terms %v", got)
	}
	e.Observe(set(t, num("late", 9))) // without a; late was not there before
	a, late := e.View().Terms()[1], e.View().Terms()[3]
	if want := (TermInfo{Numeric: true, Indicator: 4, WhenMissing: true}); a != want {
		t.Errorf("the number that was there from the first set is %+v, want %+v", a, want)
	}
	if want := (TermInfo{Numeric: true, Indicator: 2}); late != want {
		t.Errorf("the number that came later is %+v, want %+v", late, want)
	}
	for _, c := range []struct {
		in   Set
		want []Term
	}{
		{nil, []Term{term(4, 1)}},
		{set(t, num("a", 7)), []Term{term(1, 2)}},
		{set(t, num("late", 9)), []Term{term(2, 1), term(3, 0), term(4, 1)}},
		{set(t, num("a", 5), num("late", 8)), []Term{term(1, 0), term(2, 1), term(3, -1)}},
	} {
		if diff := cmp.Diff(c.want, encode(e, c.in)); diff != "" {
			t.Errorf("%v: %s", c.in, diff)
		}
	}
}

func TestEncoderBounds(t *testing.T) {
	e := NewEncoder(EncoderOptions{MaxTerms: 8, MaxCategories: 3})
	for i := range 20 {
		e.Observe(set(t, text("id", fmt.Sprint(i))))
	}
	if got := len(e.View().Terms()); got != 5 { // intercept, three texts, other
		t.Errorf("a feature bounded to 3 texts has dimension %d", got)
	}
	for i, want := range map[int]int32{0: 1, 2: 3, 3: 4, 19: 4, 99: 4} {
		if got := encode(e, set(t, text("id", fmt.Sprint(i)))); !slices.Equal(got, []Term{term(want, 1)}) {
			t.Errorf("text %d is %v, want term %d", i, got, want)
		}
	}
	e.Observe(set(t, list("vec", 1, 2, 3, 4)))
	e.Observe(set(t, text("id", "0"), flag("a", true), flag("b", true), flag("c", true), flag("d", true)))
	if got := len(e.View().Terms()); got != 8 {
		t.Errorf("dimension %d, bounded to 8", got)
	}
	if got := encode(e, set(t, list("vec", 1, 2, 3, 9), flag("d", true))); got != nil {
		t.Errorf("what there was no room for has terms %v", got)
	}
}

func TestViewsAreImmutable(t *testing.T) {
	e := NewEncoder(EncoderOptions{Intercept: true})
	e.Observe(set(t, num("n", 1), text("c", "x")))
	v := e.View()
	before := v.AppendBinary(nil)
	if e.View() != v {
		t.Error("a view was copied although nothing grew")
	}
	observeAll(e, set(t, text("c", "y")), set(t, flag("f", true)))
	if !bytes.Equal(before, v.AppendBinary(nil)) || len(v.Append(nil, set(t, text("c", "y")))) != 1 {
		t.Error("a view changed after it was taken")
	}
	if e.View() == v {
		t.Error("the new view is the old one")
	}
}

// genSet draws small sets in which names, kinds and texts collide often.
func genSet(t *rapid.T) Set {
	var fs []Feature
	for _, name := range []string{"a", "b", "c", "d"} {
		var v Value
		switch rapid.IntRange(0, 6).Draw(t, "kind "+name) {
		case 0:
			v = NumberValue(float64(rapid.IntRange(-3, 3).Draw(t, "number")))
		case 1, 2:
			v = TextValue(rapid.StringMatching("[p-w]").Draw(t, "text"))
		case 3:
			v = TextsValue(rapid.SliceOfN(rapid.StringMatching("[p-w]"), 0, 3).Draw(t, "tags"))
		case 4:
			v = FlagValue(rapid.Bool().Draw(t, "flag"))
		case 5:
			v = NumbersValue(rapid.SliceOfN(rapid.Float64Range(-1, 1), 0, 3).Draw(t, "list"))
		default:
			continue
		}
		fs = append(fs, Feature{name, v})
	}
	s, _ := NewSet(fs)
	return s
}

// TestEncodingsLast checks the promise that learning rests on: what was observed encodes the same ever after, within
// the bounds, and restored from bytes at any point as well.
func TestEncodingsLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := EncoderOptions{
			Intercept:     rapid.Bool().Draw(t, "intercept"),
			MaxTerms:      rapid.IntRange(1, 25).Draw(t, "max terms"),
			MaxCategories: rapid.IntRange(1, 5).Draw(t, "max categories"),
		}
		e := NewEncoder(opts)
		var sets []Set
		var encoded [][]Term
		for range rapid.IntRange(1, 25).Draw(t, "sets") {
			s := genSet(t)
			e.Observe(s)
			sets, encoded = append(sets, s), append(encoded, encode(e, s))
			if rapid.Bool().Draw(t, "restore") {
				b, _ := e.AppendBinary(nil)
				e = NewEncoder(opts)
				if err := e.UnmarshalBinary(b); err != nil {
					t.Fatal(err)
				}
				if again, _ := e.AppendBinary(nil); !bytes.Equal(b, again) {
					t.Fatal("reading and writing changed the bytes")
				}
			}
		}
		if got := len(e.View().Terms()); got > opts.MaxTerms {
			t.Fatalf("dimension %d above %d", got, opts.MaxTerms)
		}
		for i := range sets {
			got := encode(e, sets[i])
			if diff := cmp.Diff(encoded[i], got); diff != "" {
				t.Fatalf("set %d encodes otherwise than when it was observed: %s", i, diff)
			}
			for _, x := range got {
				if x.Index < 0 || int(x.Index) >= len(e.View().Terms()) {
					t.Fatalf("term %v is outside of the dimension", x)
				}
			}
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	e := NewEncoder(EncoderOptions{Intercept: true})
	s := set(t, num("age", 40), text("city", "Oslo"), flag("vip", true), list("vec", 1, 2), tags("tags", "a", "b"))
	observeAll(e, s, set(t, num("age", 1)))
	v, dst := e.View(), make([]Term, 0, 20)
	if n := testing.AllocsPerRun(100, func() { dst = v.Append(dst[:0], s) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzEncoderUnmarshal(f *testing.F) {
	e := NewEncoder(EncoderOptions{Intercept: true, MaxCategories: 2})
	observeAll(e, set(f, num("age", 40), text("city", "Oslo"), flag("vip", true), list("vec", 1, 2), tags("tags", "a", "b", "c")), set(f, num("late", 2)))
	f.Add(state(f, e))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := NewEncoder(EncoderOptions{Intercept: true})
		if e.UnmarshalBinary(b) != nil {
			return
		}
		e.Observe(set(t, num("age", 1), text("city", "x")))
		encode(e, set(t, num("age", 1), list("vec", 1, 2), text("city", "Oslo")))
		if err := NewEncoder(EncoderOptions{Intercept: true}).UnmarshalBinary(state(t, e)); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
