package features

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of what is parsed and checked. What is larger is malformed, so that no single value can swell a decision.
const (
	MaxText   = 1 << 10 // bytes of a category, a tag, or a number as text
	MaxTags   = 256     // tags of one feature
	MaxVector = 4096    // numbers of one vector
)

// FormatValue returns a value as stores keep it, which Parse reads back to the bit under the value's type: numbers
// shortest, true and false, texts as they are, lists as JSON. A missing value is "".
func FormatValue(v Value) string {
	switch v.kind {
	case Number:
		return string(appendNumber(nil, v.number))
	case Text:
		return v.text
	case Flag:
		return strconv.FormatBool(v.Flag())
	case Numbers:
		return formatNumbers(v.numbers)
	case Texts:
		return formatTexts(v.texts)
	}
	return ""
}

// appendNumber writes x without an exponent where people would, as JSON does.
func appendNumber(b []byte, x float64) []byte {
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

func formatNumbers(xs []float64) string {
	b := []byte{'['}
	for i, x := range xs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, x)
	}
	return string(append(b, ']'))
}

func formatTexts(ss []string) string {
	if len(ss) == 0 {
		return "[]"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(ss); err != nil {
		panic("features: a list of texts has no JSON: " + err.Error()) // encoding/json takes any []string
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Parse reads a stored text by the declared type, and reports whether it is well-formed: a finite number in decimal;
// true, false, 1 or 0; a JSON list of Dim numbers; a JSON list of texts; any UTF-8 text as a category.
func (f *Field) Parse(text string) (Value, bool) {
	switch f.Type {
	case NumberType:
		x, ok := parseNumber(text)
		return NumberValue(x), ok
	case CategoryType:
		return TextValue(text), len(text) <= MaxText && utf8.ValidString(text)
	case BooleanType:
		return FlagValue(text == "true" || text == "1"), text == "true" || text == "1" || text == "false" || text == "0"
	case VectorType:
		xs, ok := parseNumbers(text)
		return NumbersValue(xs), ok && (f.Dim == 0 || len(xs) == f.Dim)
	case TagsType:
		ss, ok := parseTexts(text)
		return TextsValue(ss), ok
	}
	return Value{}, false
}

// parseNumber reads a decimal number, but none of the infinities, NaNs, hexadecimals and underscores of package strconv.
func parseNumber(s string) (float64, bool) {
	if len(s) > MaxText {
		return 0, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

// parseNumbers reads a JSON list of numbers. Package encoding/json would take null for 0, and ten times as long.
func parseNumbers(s string) ([]float64, bool) {
	body, ok := strings.CutPrefix(trim(s), "[")
	if !ok || len(s) > MaxStored {
		return nil, false
	}
	if body, ok = strings.CutSuffix(body, "]"); !ok {
		return nil, false
	}
	if body = trim(body); body == "" {
		return nil, true
	}
	n := strings.Count(body, ",") + 1
	if n > MaxVector {
		return nil, false
	}
	xs := make([]float64, 0, n)
	for item := range strings.SplitSeq(body, ",") {
		x, ok := parseNumber(trim(item))
		if !ok {
			return nil, false
		}
		xs = append(xs, x)
	}
	return xs, true
}

// trim cuts what JSON calls white space.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

func parseTexts(s string) ([]string, bool) {
	if len(s) > MaxStored || !utf8.ValidString(s) || !strings.HasPrefix(trim(s), "[") {
		return nil, false
	}
	var items []*string // a null stays nil
	if err := json.Unmarshal([]byte(s), &items); err != nil || len(items) > MaxTags {
		return nil, false
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if item == nil || len(*item) > MaxText {
			return nil, false
		}
		texts[i] = *item
	}
	return texts, true
}
