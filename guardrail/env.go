package guardrail

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/nextbest/nextbest/features"
)

// Bounds of an expression. A rule that can cost more than maxEstimate is refused; one that does cost more than maxCost counts
// as one that cannot be decided. A unit of cost is about a step of evaluation; 10^4 of them take about a millisecond.
const (
	maxExpression = 4 << 10 // bytes
	maxDepth      = 64
	maxNodes      = 1000
	maxCost       = 10_000
	maxEstimate   = 20_000_000 // two lists within each other, and not three
)

// Sizes that costs are estimated for: those of real values are bounded where they come in.
const (
	longestText = 1 << 10
	longestList = 256
)

// Parts of what expressions read.
const (
	userPart    = "user"
	contextPart = "context"
	actionPart  = "action"
	timePart    = "time"
	brandPart   = "brand"
)

// language is what the expressions of one loop are written in.
type language struct {
	env    *cel.Env
	schema *features.Schema
	names  []string // every variable that is declared, for suggestions
}

func newLanguage(schema *features.Schema, brand *Brand, banned claims) (*language, error) {
	l := &language{schema: schema}
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true), cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(maxDepth),
		ext.Strings(ext.StringsVersion(4)), ext.Sets(), ext.Math(),
	}
	declare := func(name string, t *cel.Type) {
		options = append(options, cel.Variable(name, t))
		l.names = append(l.names, name)
	}
	for _, part := range []struct {
		name   string
		fields []features.Field
		open   bool // others than those that are declared may be there
	}{
		{userPart, schema.User, false},
		{contextPart, schema.Context, schema.Undeclared == features.Infer},
		{actionPart, schema.Action, schema.Undeclared == features.Infer},
	} {
		// The whole part is there for has(user.x) and for what is not declared.
		options = append(options, cel.Variable(part.name, cel.MapType(cel.StringType, cel.DynType)))
		for i := range part.fields {
			declare(part.name+"."+part.fields[i].Name, typeOf(part.fields[i].Type))
		}
	}
	for name, t := range map[string]*cel.Type{
		"action.id": cel.StringType, "action.channel": cel.StringType, "action.text": cel.StringType, "action.tags": cel.ListType(cel.StringType),
		"time.now": cel.TimestampType, "time.hour": cel.IntType, "time.minute": cel.IntType, "time.weekday": cel.IntType,
		"time.date": cel.StringType, "time.zone": cel.StringType,
	} {
		if !slices.Contains(l.names, name) { // a feature of the same name comes first
			declare(name, t)
		}
	}
	if brand != nil {
		options = append(options, brandOptions(brand, banned, func(name string) { l.names = append(l.names, name) })...)
	}
	slices.Sort(l.names)
	var err error
	if l.env, err = cel.NewCustomEnv(append([]cel.EnvOption{cel.StdLib()}, options...)...); err != nil {
		return nil, fmt.Errorf("declare the features to rules: %w", err)
	}
	return l, nil
}

func typeOf(t features.Type) *cel.Type {
	switch t {
	case features.NumberType:
		return cel.DoubleType
	case features.BooleanType:
		return cel.BoolType
	case features.VectorType:
		return cel.ListType(cel.DoubleType)
	case features.TagsType:
		return cel.ListType(cel.StringType)
	}
	return cel.StringType
}

// brandOptions declares a brand's constants and functions.
func brandOptions(b *Brand, banned claims, declared func(name string)) []cel.EnvOption {
	var options []cel.EnvOption
	constant := func(name string, t *cel.Type, v any) {
		options = append(options, cel.Constant(name, t, types.DefaultTypeAdapter.NativeToValue(v)))
		declared(name)
	}
	constant("brand.name", cel.StringType, b.Name)
	constant("brand.tones", cel.ListType(cel.StringType), append([]string{}, b.Tones...))
	for _, name := range slices.Sorted(maps.Keys(b.Limits)) {
		constant("brand.limits."+name, cel.DoubleType, b.Limits[name])
	}
	for _, name := range slices.Sorted(maps.Keys(b.Style)) {
		constant("brand.style."+name, cel.StringType, b.Style[name])
	}
	disclosures := make(map[string][]string, len(b.Disclosures))
	maps.Copy(disclosures, b.Disclosures)
	constant("brand.disclosures", cel.MapType(cel.StringType, cel.ListType(cel.StringType)), disclosures)
	return append(options,
		cel.Function("brand.banned", cel.Overload("brand_banned_string", []*cel.Type{cel.StringType}, cel.BoolType,
			cel.UnaryBinding(func(text ref.Val) ref.Val {
				s := string(text.(types.String))
				if len(s) > maxText {
					return types.NewErr("the text has %d bytes; at most %d are searched", len(s), maxText)
				}
				return types.Bool(banned.in(s))
			}))),
		cel.Function("brand.discloses", cel.Overload("brand_discloses_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(text, market ref.Val) ref.Val {
				return types.Bool(b.discloses(string(text.(types.String)), string(market.(types.String))))
			}))),
	)
}

// valueOf returns a feature's value as CEL has it; nil when it is missing.
func valueOf(v features.Value) ref.Val {
	switch v.Kind() {
	case features.Number:
		return types.Double(v.Number())
	case features.Text:
		return types.String(v.Text())
	case features.Flag:
		return types.Bool(v.Flag())
	case features.Numbers:
		return types.DefaultTypeAdapter.NativeToValue(v.Numbers())
	case features.Texts:
		return types.DefaultTypeAdapter.NativeToValue(v.Texts())
	}
	return nil
}

// part returns the part of a variable's name and the rest.
func part(name string) (part, rest string) {
	part, rest, _ = strings.Cut(name, ".")
	return part, rest
}
