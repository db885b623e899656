package loop

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth is how deep a file may nest; the deepest value that the table of keys allows is at 7. The parser recurses
// and names each node by its whole path, so depth must be bounded before it runs.
const maxDepth = 16

// maxBlock is how many entries one block may have, above the 1000 that any list or block of the table of keys allows:
// the parser's time grows with the square of it (110 s for a block of 65,536 keys).
const maxBlock = 2048

// parse returns the file as a tree, or nil with the problems added.
func (c *compiler) parse(file []byte) (root *node) {
	file = bytes.TrimPrefix(file, []byte("\ufeff")) // a byte order mark: some editors begin files with it
	if !c.readable(file) {
		return nil
	}
	file = bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n")) // the lexer counts some of them as two lines
	// The parser is another project's and meets whatever an editor leaves behind: a fault in it must cost one file.
	defer func() {
		if r := recover(); r != nil {
			root = nil
			c.addf(position{1, 1}, "this is not YAML that can be read: %v", r)
		}
	}()
	c.source = string(file)
	tokens := lexer.Tokenize(c.source)
	if !c.plainYAML(tokens) {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		c.syntax(err)
		return nil
	}
	return c.document(f)
}

// readable reports whether the file is text at all.
func (c *compiler) readable(file []byte) bool {
	at := position{1, 0}
	for i := 0; i < len(file); {
		r, size := utf8.DecodeRune(file[i:])
		at.column++
		switch {
		case r == utf8.RuneError && size == 1:
			c.addf(at, "this byte (0x%02x) is not UTF-8: save the file as UTF-8", file[i])
			return false
		case r == '\r' && (i+1 == len(file) || file[i+1] != '\n'):
			c.addf(at, "this is a carriage return without a line feed: end lines with a line feed")
			return false
		case r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f:
			c.addf(at, "this is a control character (0x%02x): remove it", file[i])
			return false
		case r == '\n':
			at = position{at.line + 1, 0}
		}
		i += size
	}
	return true
}

// refused are the parts of YAML that loop files do without. Aliases and merges make small files large and hide what is
// in force; tags name types that the table of keys already knows.
var refused = map[token.Type]string{
	token.AnchorType:     "anchors (&) are not part of %s: write the value where it is used",
	token.AliasType:      "aliases (*) are not part of %s: write the value here",
	token.MergeKeyType:   "merging (<<) is not part of %s: write the keys here",
	token.TagType:        "tags (!) are not part of %s: put the text in quotes, or remove the tag",
	token.DirectiveType:  "directives (%%) are not part of %s: remove the line",
	token.MappingKeyType: "complex keys (?) are not part of %s: write 'key: value'",
}

// plainYAML reports whether the tokens are of the plain kind that loop files are written in, not nested too deep, and
// in blocks that are not too long.
func (c *compiler) plainYAML(tokens token.Tokens) bool {
	var n nesting
	for _, t := range tokens {
		if message, ok := refused[t.Type]; ok {
			c.addf(place(t), message, c.format.name)
			return false
		}
		n.step(t)
		if n.flow+len(n.blocks) > maxDepth {
			c.addf(place(t), "this is nested more than %d deep: no key of %s goes so deep", maxDepth, c.format.name)
			return false
		}
		if last := len(n.blocks) - 1; last >= 0 && n.blocks[last].entries > maxBlock {
			c.addf(place(t), "this block has more than %d entries: no list or block of %s may have so many", maxBlock, c.format.name)
			return false
		}
	}
	return true
}

// nesting is where a token stands: in how many brackets, and in which blocks.
type nesting struct {
	flow   int
	blocks []block
}

// block is a list or mapping written in lines: its column, and how many entries it has so far.
type block struct{ column, entries int }

func (n *nesting) step(t *token.Token) {
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		n.flow++
	case token.MappingEndType, token.SequenceEndType:
		n.flow--
	}
	if n.flow > 0 || t.Type != token.SequenceEntryType && t.NextType() != token.MappingValueType {
		return
	}
	column := t.Position.Column
	for len(n.blocks) > 0 && n.blocks[len(n.blocks)-1].column > column {
		n.blocks = n.blocks[:len(n.blocks)-1]
	}
	if len(n.blocks) == 0 || n.blocks[len(n.blocks)-1].column < column {
		n.blocks = append(n.blocks, block{column: column})
	}
	n.blocks[len(n.blocks)-1].entries++
}

func (c *compiler) syntax(err error) {
	at, message := position{1, 1}, err.Error()
	var e yaml.Error
	if errors.As(err, &e) {
		message = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			at = place(t)
		}
	}
	c.addf(at, "this is not YAML: %s", message)
}

func (c *compiler) document(f *ast.File) *node {
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) == 0 {
		c.addf(position{1, 1}, "the file is empty: it needs at least %s", and(c.format.shape.requiredNames()))
		return nil
	}
	if len(bodies) > 1 {
		c.addf(c.tree(bodies[1]).at, "a second document begins here: write one %s per file", c.format.one)
		return nil
	}
	return c.tree(bodies[0])
}

// tree turns what was parsed into nodes. Problems in values are added; the node is then wrong.
func (c *compiler) tree(from ast.Node) *node {
	n := &node{at: place(from.GetToken())}
	switch v := from.(type) {
	case *ast.MappingNode:
		n.form = mapping
		for _, kv := range v.Values {
			n.entries = append(n.entries, c.entry(kv))
		}
	case *ast.MappingValueNode:
		n.form, n.entries = mapping, []entry{c.entry(v)}
	case *ast.SequenceNode:
		n.form = list
		for _, item := range v.Values {
			n.items = append(n.items, c.tree(item))
		}
	case *ast.BoolNode:
		n.form, n.flag, n.text, n.plain = flag, v.Value, v.Token.Value, true
	case *ast.NullNode:
	case *ast.LiteralNode:
		n.form, n.text = text, v.Value.Value
	case *ast.StringNode:
		n.form, n.text, n.plain = text, v.Value, v.Token.Type == token.StringType
		c.beyond(n)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		c.number(n, strings.TrimSpace(from.GetToken().Value))
	default:
		c.addf(n.at, "this form of YAML (%s) is not part of %s", strings.ToLower(from.Type().String()), c.format.name)
		n.wrong = true
	}
	if n.form == mapping && len(n.entries) > 0 {
		n.at = n.entries[0].at // the parser's own place of a block is its first colon
	}
	return n
}

func (c *compiler) entry(kv *ast.MappingValueNode) entry {
	key := kv.Key.GetToken()
	return entry{name: key.Value, at: place(key), value: c.tree(kv.Value)}
}

// decimal is how numbers are written. YAML's other ways (017 and 0o17 for fifteen, 0x1F, 1_000, .inf, .nan) mean
// different things to different readers, or no number at all.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*|[1-9][0-9]*\.[0-9]*|0?\.[0-9]+|0\.)([eE][-+]?[0-9]+)?$`)

func (c *compiler) number(n *node, written string) {
	n.form, n.text, n.plain = number, written, true
	if !decimal.MatchString(written) {
		c.addf(n.at, "%s is not a plain decimal number: write it as in 12, -0.5 or 1e6 (or in quotes, if it is text)", written)
		n.wrong = true
		return
	}
	x, err := strconv.ParseFloat(written, 64)
	if err != nil || math.IsInf(x, 0) {
		c.addf(n.at, "%s is beyond what a number can be", written)
		n.wrong = true
		return
	}
	n.number = x
}

// beyond takes plain text that is a number too long for the parser as the number that it is.
func (c *compiler) beyond(n *node) {
	if n.plain && decimal.MatchString(n.text) {
		c.number(n, n.text)
	}
}

func place(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// where writes a key's path, as in features.user.recency.
func where(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
