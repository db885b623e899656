package loop

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// The marks in docs/loop-files.md between which Reference stands.
const (
	referenceBegin = "<!-- keys: begin (made from loop/keys.go by go generate ./loop; do not edit) -->"
	referenceEnd   = "<!-- keys: end -->"
)

// Reference returns the reference of all keys in Markdown: type, default, meaning, and the reason for the default.
func Reference() string {
	var b strings.Builder
	b.WriteString("### The file\n\n")
	fileShape.table(&b)
	fileShape.sections(&b, "")
	fmt.Fprintf(&b, "\n### Declaring a feature\n\nUnder `features.context.NAME`, `features.user.NAME` and `features.action.NAME`; names have at most %d bytes, and there are at most %d in each.\n\n",
		maxName, maxFeatures)
	userFieldShape.table(&b)
	b.WriteString("\n### A file of shared rules\n\n`loops/guardrails/NAME.yaml`.\n\n")
	guardrailFileShape.table(&b)
	b.WriteString("\n### A brand file\n\n`loops/brands/NAME.yaml`.\n\n")
	brandFileShape.table(&b)
	claimShape.nested(&b, "banned_claims")
	exampleShape.nested(&b, "examples")
	return b.String()
}

func (s *shape) nested(b *strings.Builder, name string) {
	fmt.Fprintf(b, "\nEach of `%s`:\n\n", name)
	s.table(b)
}

// sections writes a table for each object among the keys, and those in it.
func (s *shape) sections(b *strings.Builder, path string) {
	for i := range s.keys {
		k := &s.keys[i]
		if inner := k.inner(); inner != nil {
			fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", where(path, k.name), k.doc)
			inner.table(b)
			inner.sections(b, where(path, k.name))
		}
	}
}

// inner returns the object that a key holds, or holds a list of.
func (k *key) inner() *shape {
	switch {
	case k.kind == objectKind:
		return &k.shape
	case k.kind == listKind && k.elem.kind == objectKind:
		return k.elem
	}
	return nil
}

func (s *shape) table(b *strings.Builder) {
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for i := range s.keys {
		k := &s.keys[i]
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.name, k.documented(), k.defaulted(), k.meaning())
	}
}

// documented returns the type in a table's cell.
func (k *key) documented() string {
	switch k.kind {
	case wordKind:
		return or(quoted(k.words))
	case durationKind:
		return fmt.Sprintf("duration from %s to %s", brief(k.shortest), brief(k.longest))
	case flagKind:
		return "`true` or `false`"
	case objectKind:
		return "keys, below"
	case textKind:
		if k.patternWords != "" {
			return "text: " + k.patternWords
		}
		if k.most > 0 {
			return fmt.Sprintf("text, at most %d bytes", k.most)
		}
	}
	return k.typed
}

// quoted returns words as code.
func quoted(words []string) []string {
	qs := make([]string, len(words))
	for i, w := range words {
		qs[i] = "`" + w + "`"
	}
	return qs
}

func (k *key) defaulted() string {
	switch {
	case k.fallback != "":
		return "`" + k.fallback + "`"
	case k.required && k.only != "":
		return "required with " + k.only + " " + or(quoted(k.onlyValues))
	case k.required:
		return "required"
	case k.derived != "":
		return k.derived
	case k.kind == objectKind:
		return "those of its keys"
	}
	return "none"
}

func (k *key) meaning() string {
	m := k.doc
	if k.only != "" && !k.required {
		m = fmt.Sprintf("Only with %s %s. %s", k.only, or(quoted(k.onlyValues)), m)
	}
	if k.reason != "" {
		m += " *Why this default:* " + k.reason
	}
	return m
}

// InsertReference returns a page with Reference between its marks.
func InsertReference(page []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(referenceBegin))
	_, after, closed := bytes.Cut(rest, []byte(referenceEnd))
	if !ok || !closed {
		return nil, errors.New("the page lacks the marks between which the reference of keys stands")
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(referenceBegin + "\n\n" + Reference() + "\n" + referenceEnd)
	b.Write(after)
	return b.Bytes(), nil
}
