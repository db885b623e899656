// Package loop reads loop files: it turns loops/NAME.yaml into a learn.Definition, or into the list of everything
// that is wrong with it, each with its line and column.
//
//	bytes ─► parse (tree with positions) ─► check (against the table of keys, defaults filled in) ─► compile ─► Definition
//
// The table of keys (keys.go) is the one place that knows every key, its type, unit, limits and default with the reason
// for it. The JSON Schema (schema.json) and the reference page (docs/loop-files.md) are made from it.
//
// What is promised: a file with any unknown key, key given twice, wrong type or bad value gives no Definition; a file
// is judged in time linear in its size, which is capped; the same bytes give the same Definition everywhere. Load reads
// a directory, Watch follows it and keeps quiet about a file until it has stopped changing.
package loop

//go:generate go test -run ^TestGeneratedFilesAreFresh$ -update .

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nextbest/nextbest/learn"
)

// MaxFileSize is the size above which a file is refused unread. A catalogue of MaxActions actions with 60 features
// each fits; what is larger is not a loop file.
const MaxFileSize = 1 << 20

var _ learn.Compile = Compile

// Compile turns a loop file, or the bundle of one with what it includes, into a Definition. The error is Problems: all that
// is wrong, in the order of the file, then of the files that it includes. Nothing is read from disk: path names the file in
// problems, and its base name must be the loop's name.
func Compile(path string, file []byte) (*learn.Definition, error) {
	return newCompiler(path).compile(file)
}

func (c *compiler) compile(file []byte) (*learn.Definition, error) {
	b, err := unpack(file)
	if err != nil {
		c.addf(position{1, 1}, "%v", err)
		return nil, c.problems()
	}
	if c.large(file, &b) {
		return nil, c.problems()
	}
	c.bundle = b
	root := c.parse(b.main)
	if root == nil {
		return nil, c.problems()
	}
	if !c.check(root, &fileShape, "") {
		return nil, c.problems()
	}
	d := c.definition(root)
	c.unused(file)
	if err := c.problems(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	d.Path, d.File, d.SHA256 = c.path, file, hex.EncodeToString(sum[:])
	d.LearningKey = learningKey(d)
	return d, nil
}

// large refuses what is larger than it may be, unread.
func (c *compiler) large(file []byte, b *bundle) bool {
	switch {
	case len(b.main) > MaxFileSize:
		c.addf(position{1, 1}, "the file has %d bytes; a loop file has at most %d: let requests bring the actions (actions: from_request), or keep them in the catalogue (actions: catalogue)",
			len(b.main), MaxFileSize)
	case len(file) > MaxBundleSize:
		c.addf(position{1, 1}, "the file and all that it includes have %d bytes; at most %d are allowed", len(file), MaxBundleSize)
	default:
		return false
	}
	return true
}

// format is a kind of file.
type format struct {
	name  string // of several such files
	one   string // what a file is of
	shape *shape
}

var loopFormat = &format{"loop files", "loop", &fileShape}

// compiler gathers what is wrong with one file, and with those that it includes.
type compiler struct {
	path   string
	loop   string // that the file must define; empty: the one it is called after
	format *format
	source string // as parsed
	found  Problems

	// Of a loop file:
	bundle   bundle
	unread   map[string]error     // why parts are not in the bundle, where it is known
	included []*compiler          // of the files that it includes, in the order in which they were first included
	parts    map[string]*compiler // the same by the names of their parts
}

func newCompiler(path string) *compiler {
	return &compiler{path: path, format: loopFormat, parts: make(map[string]*compiler)}
}

func (c *compiler) addf(at position, format string, args ...any) {
	c.found = append(c.found, Problem{File: c.path, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// problems returns what was found in the order of the file and then of those that it includes, or nil.
func (c *compiler) problems() error {
	all := c.found.sorted()
	for _, i := range c.included {
		all = append(all, i.found.sorted()...)
	}
	if len(all) == 0 {
		return nil
	}
	return all.cut()
}
