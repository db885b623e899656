package loop

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
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
	file.claims(root.key("banned_claims"))
	file.examples(root.key("examples"))
	return &brandFile{file, brand(root)}
}

// claims refuses patterns that are none.
func (c *compiler) claims(n *node) {
	for i, claim := range n.items {
		pattern := claim.key("pattern")
		if _, err := regexp.Compile(pattern.text); err != nil {
			c.addf(pattern.at, "banned_claims[%d].pattern: this is no regular expression (RE2): %v", i, err)
		}
	}
}

// examples refuses embeddings of different lengths: they could not be of one space.
func (c *compiler) examples(n *node) {
	var first *node
	for i, example := range n.items {
		e := example.key("embedding")
		switch {
		case e.form != list:
		case first == nil:
			first = e
		case len(e.items) != len(first.items):
			c.addf(e.at, "examples[%d].embedding has %d numbers, and the first, in line %d, %d: give all the same length", i, len(e.items), first.at.line, len(first.items))
		}
	}
}

// brandFile is a brand with the file that it is from.
type brandFile struct {
	file  *compiler
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

// embeddingFeature is the action's vector that is compared with those of a brand's examples.
const embeddingFeature = "embedding"

// brandFeatures gives the actions of the catalogue what the brand says of them (guardrail.Brand.Features), where the loop
// declares features of these names: brand.banned, brand.similarity.
func brandFeatures(l *decision.Loop, b *guardrail.Brand) {
	for i := range l.Actions {
		a := &l.Actions[i]
		for _, f := range b.Features(l.Subjects[i].Text, a.Features.Get(embeddingFeature).Numbers()) {
			declared := slices.ContainsFunc(l.Schema.Action, func(d features.Field) bool { return d.Name == f.Name && d.Type == features.NumberType })
			if declared && a.Features.Get(f.Name).Kind() == features.Missing {
				a.Features, _ = features.NewSet(append(slices.Clone(a.Features), f)) // names come once
			}
		}
		l.Subjects[i].Features = a.Features
	}
}
