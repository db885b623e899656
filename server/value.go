package server

import (
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/nextbest/nextbest/features"
)

// setOf makes a Set of features as they come in messages; field names them in errors. Nulls are missing features: they
// are left out. The order of the map does not matter, for a Set is ordered by name.
func setOf(field string, values map[string]*structpb.Value) (features.Set, error) {
	if len(values) == 0 {
		return nil, nil
	}
	if len(values) > maxFeatures {
		return nil, invalid(field, fmt.Sprintf("must have at most %d features, not %d", maxFeatures, len(values)))
	}
	fs := make([]features.Feature, 0, len(values))
	badName, badProblem := "", "" // the first by name, so that the same request always gets the same error
	for name, v := range values {
		value, problem := valueOf(v)
		if problem == "" {
			problem = problemOfName(name)
		}
		if problem != "" && (badProblem == "" || name < badName) {
			badName, badProblem = name, problem
		}
		if value.Kind() != features.Missing {
			fs = append(fs, features.Feature{Name: name, Value: value})
		}
	}
	if badProblem != "" {
		return nil, invalid(field+"."+badName, badProblem)
	}
	return features.NewSet(fs)
}

// maxFeatures bounds a set, as the API's description does; see notFeaturesOfRank.
const maxFeatures = 256

// maxNameBytes bounds a feature's name. The rule stands here and not in the API's description: there, looking up the
// rules of map keys took more than half of a Rank's time at the edge.
const maxNameBytes = 128

func problemOfName(name string) string {
	if n := len(name); n == 0 || n > maxNameBytes {
		return fmt.Sprintf("a feature's name has 1 to %d bytes, not %d", maxNameBytes, n)
	}
	return ""
}

// valueOf reads one value, or says what is wrong with it.
func valueOf(v *structpb.Value) (features.Value, string) {
	switch k := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return features.NumberValue(k.NumberValue), problemOfNumber(k.NumberValue)
	case *structpb.Value_StringValue:
		return features.TextValue(k.StringValue), problemOfText(k.StringValue)
	case *structpb.Value_BoolValue:
		return features.FlagValue(k.BoolValue), ""
	case *structpb.Value_ListValue:
		return listOf(k.ListValue.GetValues())
	case *structpb.Value_NullValue:
		return features.Value{}, ""
	case *structpb.Value_StructValue:
		return features.Value{}, "an object is no feature: give its members names of their own"
	}
	return features.Value{}, "has no value"
}

// listOf reads a list. One without elements is of texts, since nothing says otherwise.
func listOf(values []*structpb.Value) (features.Value, string) {
	if len(values) > 0 {
		if _, ok := values[0].GetKind().(*structpb.Value_NumberValue); ok {
			return numbersOf(values)
		}
	}
	return textsOf(values)
}

func numbersOf(values []*structpb.Value) (features.Value, string) {
	if len(values) > features.MaxVector {
		return features.Value{}, fmt.Sprintf("has %d numbers, the limit is %d", len(values), features.MaxVector)
	}
	xs := make([]float64, len(values))
	for i, v := range values {
		k, ok := v.GetKind().(*structpb.Value_NumberValue)
		if !ok {
			return features.Value{}, badList
		}
		if problem := problemOfNumber(k.NumberValue); problem != "" {
			return features.Value{}, problem
		}
		xs[i] = k.NumberValue
	}
	return features.NumbersValue(xs), ""
}

func textsOf(values []*structpb.Value) (features.Value, string) {
	if len(values) > features.MaxTags {
		return features.Value{}, fmt.Sprintf("has %d texts, the limit is %d", len(values), features.MaxTags)
	}
	ss := make([]string, len(values))
	for i, v := range values {
		k, ok := v.GetKind().(*structpb.Value_StringValue)
		if !ok {
			return features.Value{}, badList
		}
		if problem := problemOfText(k.StringValue); problem != "" {
			return features.Value{}, problem
		}
		ss[i] = k.StringValue
	}
	return features.TextsValue(ss), ""
}

const badList = "a list must hold numbers only or texts only"

func problemOfNumber(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "is " + strconv.FormatFloat(x, 'g', -1, 64) + ", and must be finite"
	}
	return ""
}

func problemOfText(s string) string {
	if len(s) > features.MaxText {
		return fmt.Sprintf("is a text of %d bytes, the limit is %d", len(s), features.MaxText)
	}
	return ""
}

// valuesOf is setOf the other way round.
func valuesOf(set features.Set) map[string]*structpb.Value {
	values := make(map[string]*structpb.Value, len(set))
	for _, f := range set {
		values[f.Name] = messageOf(f.Value)
	}
	return values
}

func messageOf(v features.Value) *structpb.Value {
	switch v.Kind() {
	case features.Number:
		return structpb.NewNumberValue(v.Number())
	case features.Text:
		return structpb.NewStringValue(v.Text())
	case features.Flag:
		return structpb.NewBoolValue(v.Flag())
	case features.Numbers:
		list := &structpb.ListValue{}
		for _, x := range v.Numbers() {
			list.Values = append(list.Values, structpb.NewNumberValue(x))
		}
		return structpb.NewListValue(list)
	case features.Texts:
		list := &structpb.ListValue{}
		for _, s := range v.Texts() {
			list.Values = append(list.Values, structpb.NewStringValue(s))
		}
		return structpb.NewListValue(list)
	}
	return structpb.NewNullValue()
}
