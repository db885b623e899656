package features

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestCheckNamesTheFeature(t *testing.T) {
	fields := []Field{
		{Name: "age", Type: NumberType}, {Name: "embedding", Type: VectorType, Dim: 2}, {Name: "plan", Type: CategoryType},
		{Name: "topics", Type: TagsType}, {Name: "vip", Type: BooleanType},
	}
	const none = ""
	for _, c := range []struct {
		name       string
		value      Value
		undeclared Undeclared
		want       string
	}{
		{"age", NumberValue(3), Infer, none},
		{"age", Value{}, Infer, none},
		{"age", TextValue("3"), Infer, `feature "age": expected number, got text`},
		{"age", FlagValue(true), Infer, `feature "age": expected number, got boolean`},
		{"age", NumberValue(math.NaN()), Infer, `feature "age": not a finite number`},
		{"plan", TextValue("gold"), Infer, none},
		{"plan", NumberValue(1), Infer, `feature "plan": expected category (text), got number`},
		{"plan", TextValue(strings.Repeat("x", MaxText+1)), Infer, `feature "plan": text of 1025 bytes, the limit is 1024`},
		{"embedding", NumbersValue([]float64{1, 2}), Infer, none},
		{"embedding", NumbersValue([]float64{1}), Infer, `feature "embedding": expected vector of 2 numbers, got list of 1 numbers`},
		{"embedding", TextsValue(nil), Infer, `feature "embedding": expected vector of 2 numbers, got list of 0 texts`},
		{"embedding", NumbersValue([]float64{1, math.Inf(1)}), Infer, `feature "embedding": not a finite number`},
		{"topics", TextsValue([]string{"a"}), Infer, none},
		{"topics", NumbersValue(nil), Infer, none},
		{"topics", TextValue("a"), Infer, `feature "topics": expected tags (list of texts), got text`},
		{"vip", FlagValue(false), Infer, none},
		{"vip", NumberValue(1), Infer, `feature "vip": expected boolean, got number`},
		{"other", TextValue("x"), Infer, none},
		{"other", TextValue("x"), Ignore, none},
		{"other", TextValue("x"), Reject, `feature "other": not declared by the loop`},
		{"zz", Value{}, Reject, `feature "zz": not declared by the loop`},
		{"other", NumberValue(math.NaN()), Infer, `feature "other": not a finite number`},
	} {
		s := mustSchema(t, fields, nil, fields, c.undeclared)
		set, err := NewSet([]Feature{{"age", NumberValue(1)}, {"plan", TextValue("free")}})
		if err != nil {
			t.Fatal(err)
		}
		if set.Get(c.name).Kind() == Missing {
			set, _ = NewSet(append(set, Feature{c.name, c.value}))
		} else {
			set = Set{{c.name, c.value}}
		}
		for part, err := range map[string]error{"context": s.CheckContext(set), "action": s.CheckAction(set)} {
			got := none
			if err != nil {
				got = err.Error()
				var ce *CheckError
				if !errors.As(err, &ce) || ce.Name != c.name {
					t.Errorf("%s: %v does not name the feature", part, err)
				}
			}
			if got != c.want {
				t.Errorf("%s %s %v: %q, want %q", part, c.name, c.value, got, c.want)
			}
		}
	}
}

func TestNewSchemaRefuses(t *testing.T) {
	for want, fields := range map[string][]Field{
		"declared twice":             {{Name: "a"}, {Name: "b"}, {Name: "a"}},
		"without a name":             {{}},
		"negative freshness":         {{Name: "a", MaxAge: -1}},
		"expected number, got text":  {{Name: "a", Default: TextValue("x")}},
		"expected vector of 3":       {{Name: "a", Type: VectorType, Dim: 3, Default: NumbersValue([]float64{1})}},
		"not a finite number":        {{Name: "a", Default: NumberValue(math.NaN())}},
		`names ending in "@at"`:      {{Name: "a@at"}},
		`user feature "a": default:`: {{Name: "a", Type: BooleanType, Default: NumberValue(1)}},
	} {
		if _, err := NewSchema(nil, fields, nil, Infer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", fields, err, want)
		}
	}
}
