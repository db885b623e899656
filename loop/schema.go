package loop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema returns the JSON Schema of loop files, made from the table of keys: completion and a first check in editors,
// through a comment on a file's first line:
//
//	# yaml-language-server: $schema=../loop/schema.json
//
// Compile checks more: whatever compares two places of a file.
func Schema() *jsonschema.Schema { return loopFormat.schema("A loop file of nextbest") }

// GuardrailSchema returns the JSON Schema of files of shared rules, loops/guardrails/NAME.yaml.
func GuardrailSchema() *jsonschema.Schema {
	return guardrailFormat.schema("A guardrail file of nextbest")
}

// BrandSchema returns the JSON Schema of brand files, loops/brands/NAME.yaml.
func BrandSchema() *jsonschema.Schema { return brandFormat.schema("A brand file of nextbest") }

func (f *format) schema(title string) *jsonschema.Schema {
	s := f.shape.schema()
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = title
	return s
}

// SchemaJSON returns Schema as it is kept in loop/schema.json.
func SchemaJSON() ([]byte, error) { return encoded(Schema()) }

// GuardrailSchemaJSON returns GuardrailSchema as it is kept in loop/schema-guardrails.json.
func GuardrailSchemaJSON() ([]byte, error) { return encoded(GuardrailSchema()) }

// BrandSchemaJSON returns BrandSchema as it is kept in loop/schema-brand.json.
func BrandSchemaJSON() ([]byte, error) { return encoded(BrandSchema()) }

func encoded(s *jsonschema.Schema) ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode a schema: %w", err)
	}
	return append(b, '\n'), nil
}

func (s *shape) schema() *jsonschema.Schema {
	switch s.kind {
	case objectKind:
		return s.objectSchema()
	case mapKind:
		return s.orWords(&jsonschema.Schema{Type: "object", AdditionalProperties: s.elem.schema(), MinProperties: some(s.least), MaxProperties: some(s.most),
			PropertyNames: &jsonschema.Schema{MinLength: some(1), MaxLength: some(s.keyBytes)}})
	case listKind:
		return s.orWords(&jsonschema.Schema{Type: "array", Items: s.elem.schema(), MinItems: some(s.least), MaxItems: some(s.most)})
	case textKind:
		return &jsonschema.Schema{Type: "string", Pattern: s.pattern, MinLength: some(s.least), MaxLength: some(s.most)}
	case wordKind:
		return wordSchema(s.words)
	case flagKind:
		return &jsonschema.Schema{Type: "boolean"}
	case durationKind:
		return &jsonschema.Schema{Type: "string", Pattern: `^0*[1-9][0-9]*[smhd]$`}
	case valueKind:
		return valueSchema()
	}
	return s.numberSchema()
}

// orWords also allows the words that may stand in place of a list or a map.
func (s *shape) orWords(of *jsonschema.Schema) *jsonschema.Schema {
	if len(s.words) == 0 {
		return of
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{wordSchema(s.words), of}}
}

func (s *shape) numberSchema() *jsonschema.Schema {
	n := &jsonschema.Schema{Type: "number"}
	if s.kind == integerKind {
		n.Type = "integer"
	}
	switch {
	case !s.limited:
	case s.above:
		n.ExclusiveMinimum, n.Maximum = &s.min, &s.max
	default:
		n.Minimum, n.Maximum = &s.min, &s.max
	}
	return n
}

func (s *shape) objectSchema() *jsonschema.Schema {
	o := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for i := range s.keys {
		k := &s.keys[i]
		p := k.shape.schema()
		p.Description = plain(strings.TrimSpace(k.doc))
		if k.fallback != "" {
			p.Default = k.fallbackJSON()
		}
		o.Properties[k.name] = p
		o.PropertyOrder = append(o.PropertyOrder, k.name)
		if k.required && k.only == "" {
			o.Required = append(o.Required, k.name)
		}
		if k.only != "" {
			o.AllOf = append(o.AllOf, k.condition(s)...)
		}
	}
	return o
}

// condition says that a key has a meaning only with another key's values, and is needed there if it is required.
func (k *key) condition(of *shape) []*jsonschema.Schema {
	is := &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{k.only: wordSchema(k.onlyValues)}}
	with := *is
	if !slices.Contains(k.onlyValues, of.key(k.only).fallback) {
		with.Required = []string{k.only}
	}
	all := []*jsonschema.Schema{{If: &jsonschema.Schema{Required: []string{k.name}}, Then: &with}}
	if k.required {
		is.Required = []string{k.only}
		all = append(all, &jsonschema.Schema{If: is, Then: &jsonschema.Schema{Required: []string{k.name}}})
	}
	return all
}

func (k *key) fallbackJSON() json.RawMessage {
	switch k.kind {
	case numberKind, integerKind, flagKind:
		return json.RawMessage(k.fallback)
	}
	return json.RawMessage(`"` + k.fallback + `"`) // words and durations need no escapes
}

func wordSchema(words []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return s
}

func valueSchema() *jsonschema.Schema {
	scalar := func(t string) *jsonschema.Schema { return &jsonschema.Schema{Type: t} }
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		scalar("number"),
		{Type: "string", MaxLength: some(maxText)},
		scalar("boolean"),
		{Type: "array", Items: scalar("number"), MaxItems: some(maxList)},
		{Type: "array", Items: scalar("string"), MaxItems: some(maxList)},
	}}
}

// some returns a limit, nil when there is none.
func some(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// plain takes the marks of Markdown out of a text.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }
