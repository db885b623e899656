package loop

import (
	"path/filepath"
	"strings"

	"github.com/nextbest/nextbest/guardrail"
)

// brandOf returns the brand that a loop file names, nil when it names none or one that is wrong.
func (c *compiler) brandOf(n *node) *brandFile {
	if n.form != text {
		return nil
	}
	part := brandPart(n.text)
	file, root, _ := c.open(c, n.at, "brand", part, brandFormat)
	if root == nil {
		return nil
	}
	if name := root.key("name"); name.form == text && name.text != n.text {
		base := filepath.Base(part)
		file.addf(name.at, "name: the file is called %s, so the brand must be called %s", base, strings.TrimSuffix(base, ".yaml"))
	}
	return &brandFile{file, root, brand(root)}
}

// brandFile is a brand with the file that it is from.
type brandFile struct {
	file  *compiler
	root  *node
	brand *guardrail.Brand
}

func brand(root *node) *guardrail.Brand {
	b := &guardrail.Brand{
		Name:        root.key("name").text,
		Tones:       root.key("tones").texts(),
		Style:       make(map[string]string),
		Disclosures: make(map[string][]string),
		Limits:      make(map[string]float64),
	}
	for _, e := range root.key("style").entries {
		b.Style[e.name] = e.value.text
	}
	for _, n := range root.key("banned_claims").items {
		b.Banned = append(b.Banned, guardrail.Claim{Pattern: n.key("pattern").text, Reason: n.key("reason").text})
	}
	for _, e := range root.key("disclosures").entries {
		b.Disclosures[e.name] = e.value.texts()
	}
	for _, e := range root.key("limits").entries {
		b.Limits[e.name] = e.value.number
	}
	for _, n := range root.key("examples").items {
		b.Examples = append(b.Examples, guardrail.Example{Text: n.key("text").text, Embedding: n.key("embedding").numbers()})
	}
	return b
}
