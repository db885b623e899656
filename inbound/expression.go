package inbound

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// Bounds of an expression: one that costs more than maxCost fails for its event.
const (
	maxExpression = 4 << 10
	maxCost       = 100_000
)

// expression reads one field out of a payload.
type expression interface {
	// of returns text, a number, a boolean or a time, or nil where the payload has none.
	of(payload, event any) (any, error)
}

// compiler compiles expressions of one language.
type compiler struct {
	env *cel.Env
}

func newCompiler() (*compiler, error) {
	env, err := cel.NewEnv(
		cel.Variable("payload", cel.DynType), cel.Variable("event", cel.DynType),
		cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true), cel.ParserExpressionSizeLimit(maxExpression),
		ext.Strings(ext.StringsVersion(4)), ext.Math(), ext.Encoders(),
	)
	if err != nil {
		return nil, fmt.Errorf("make the language of mappings: %w", err)
	}
	return &compiler{env}, nil
}

// compile compiles a JSON Pointer (RFC 6901), which begins with a slash, or an expression of CEL, which does not.
func (c *compiler) compile(text string) (expression, error) {
	if strings.HasPrefix(text, "/") {
		return pointer(strings.Split(text[1:], "/")), nil
	}
	ast, issues := c.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("it is not an expression of CEL, nor a JSON pointer (which begins with /): %s", oneLine(issues))
	}
	program, err := c.env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return celExpression{program}, nil
}

// oneLine returns the first problem without the picture of its place.
func oneLine(issues *cel.Issues) string {
	for _, e := range issues.Errors() {
		return fmt.Sprintf("column %d: %s", e.Location.Column()+1, e.Message)
	}
	return ""
}

// pointer is a JSON Pointer into the event, in parts that are still escaped.
type pointer []string

func (p pointer) of(_, event any) (any, error) {
	at := event
	for _, part := range p {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil, nil
			}
			at = v[i]
		default:
			return nil, nil
		}
	}
	return at, nil
}

type celExpression struct{ program cel.Program }

func (c celExpression) of(payload, event any) (any, error) {
	out, _, err := c.program.Eval(map[string]any{"payload": payload, "event": event})
	if err != nil {
		return nil, err
	}
	return native(out)
}

func native(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return native(v.GetValue())
	case types.Timestamp:
		return v.Time, nil
	case traits.Lister:
		return nativeList(v)
	}
	return v.Value(), nil
}

func nativeList(list traits.Lister) (any, error) {
	natives := []any{}
	for i := list.Iterator(); i.HasNext() == types.True; {
		v, err := native(i.Next())
		if err != nil {
			return nil, err
		}
		natives = append(natives, v)
	}
	return natives, nil
}

var errTrailing = errors.New("something follows the JSON value")

// parseJSON reads one JSON value. Whole numbers are int64, which holds ids of a size that a float64 would round.
func parseJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return plain(v), nil
}

// plain makes numbers of what the decoder left as text.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = plain(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		x, _ := v.Float64() // beyond float64 it is infinite, which is refused where it is used
		return x
	}
	return v
}

// textOf returns a value as an id or word.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatFloat(v, 'f', 0, 64), nil
		}
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("expected text")
}
