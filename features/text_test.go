package features

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// caseLines returns the lines of a case file, cut at "|", with their numbers.
func caseLines(t *testing.T, path string) map[int][]string {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[int][]string{}
	for i, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "|")
		for c := range columns {
			columns[c] = strings.TrimSpace(columns[c])
		}
		lines[i+1] = columns
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no cases", path)
	}
	return lines
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	u, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}

func TestParseCases(t *testing.T) {
	fields := map[string]Field{
		"number": {Type: NumberType}, "boolean": {Type: BooleanType}, "category": {Type: CategoryType},
		"vector2": {Type: VectorType, Dim: 2}, "tags": {Type: TagsType},
	}
	for line, c := range caseLines(t, "testdata/parse.txt") {
		f, known := fields[c[0]]
		if !known {
			t.Fatalf("parse.txt:%d: no type %q", line, c[0])
		}
		want := c[2]
		if !strings.HasPrefix(want, "[") {
			want = unquote(t, want)
		}
		v, ok := f.Parse(unquote(t, c[1]))
		got := "malformed"
		if ok {
			got = FormatValue(v)
		}
		if got != want {
			t.Errorf("parse.txt:%d: %s %s is %q, want %q", line, c[0], c[1], got, want)
		}
	}
}

func TestParseHasLimits(t *testing.T) {
	long := strings.Repeat("1", MaxText+1)
	for _, c := range []struct {
		f    Field
		text string
	}{
		{Field{Type: NumberType}, long},
		{Field{Type: CategoryType}, long},
		{Field{Type: VectorType}, "[" + strings.Repeat("1,", MaxVector) + "1]"},
		{Field{Type: TagsType}, "[" + strings.Repeat(`"a",`, MaxTags) + `"a"]`},
		{Field{Type: TagsType}, `["` + long + `"]`},
		{Field{Type: TagsType}, `["a"]` + strings.Repeat(" ", 4<<20)},
	} {
		if _, ok := c.f.Parse(c.text); ok {
			t.Errorf("%v: a text of %d bytes was taken", c.f.Type, len(c.text))
		}
	}
	for _, c := range []struct {
		f    Field
		text string
	}{
		{Field{Type: CategoryType}, long[1:]},
		{Field{Type: VectorType}, "[" + strings.Repeat("1,", MaxVector-1) + "1]"},
		{Field{Type: TagsType}, "[" + strings.Repeat(`"a",`, MaxTags-1) + `"a"]`},
	} {
		if _, ok := c.f.Parse(c.text); !ok {
			t.Errorf("%v: a text of %d bytes, which is the limit, was refused", c.f.Type, len(c.text))
		}
	}
}

// typed draws a field and a value that it allows.
func typed(t *rapid.T) (Field, Value) {
	number := rapid.Float64().Filter(finite)
	text := rapid.StringN(0, 40, MaxText)
	f := Field{Name: "f", Type: rapid.SampledFrom([]Type{NumberType, CategoryType, BooleanType, VectorType, TagsType}).Draw(t, "type")}
	switch f.Type {
	case NumberType:
		return f, NumberValue(number.Draw(t, "number"))
	case CategoryType:
		return f, TextValue(text.Draw(t, "text"))
	case BooleanType:
		return f, FlagValue(rapid.Bool().Draw(t, "flag"))
	case VectorType:
		xs := rapid.SliceOfN(number, 0, 5).Draw(t, "numbers")
		f.Dim = len(xs)
		return f, NumbersValue(xs)
	}
	return f, TextsValue(rapid.SliceOfN(text, 0, 5).Draw(t, "texts"))
}

func TestParseReadsBackWhatFormatValueWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, v := typed(t)
		text := FormatValue(v)
		back, ok := f.Parse(text)
		if !ok || !back.Equal(v) {
			t.Fatalf("%v %#v was written as %q and read back as %#v, %v", f.Type, v, text, back, ok)
		}
		if problem := f.problem(back); problem != "" {
			t.Fatalf("what was read back breaks the declaration: %s", problem)
		}
	})
}

// FuzzParse looks for texts that are taken and then break their declaration, or are not written back as they were read.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1", "[1,2]", `["a"]`, "true", "\xff", `["\ud800"]`} {
		f.Add(uint8(0), seed)
		f.Add(uint8(TagsType), seed)
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		field := Field{Name: "f", Type: Type(kind % uint8(TagsType+1))}
		v, ok := field.Parse(text)
		if !ok {
			return
		}
		if problem := field.problem(v); problem != "" {
			t.Fatalf("%v %q was taken: %s", field.Type, text, problem)
		}
		if back, ok := field.Parse(FormatValue(v)); !ok || !back.Equal(v) {
			t.Fatalf("%v %q does not come back from %q", field.Type, text, FormatValue(v))
		}
	})
}
